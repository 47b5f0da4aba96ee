//! Storms of real threads, nothing recorded: throughput and latency. The one place where the
//! simulated kernel is instantiated for this world.

use storm::{Spec, Storm};

storm::world!(machine::host::Host<machine::host::Bare>, storm::host::run, Spec, Storm);
