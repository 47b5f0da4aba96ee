//! Storms of real threads, the time of each stage of a fault. The one place where the simulated
//! kernel is instantiated for this world.

use storm::{Spec, Storm};

storm::world!(machine::host::Host<machine::host::Staged>, storm::host::run, Spec, Storm);
