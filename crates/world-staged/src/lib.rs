//! Storms of real threads, the time of each stage of a fault. The one place where the simulated
//! kernel is instantiated for this world.

storm::world!(machine::host::Host<machine::host::Staged>, storm::host::run);
