//! Storms of real threads, transfers of lines counted. The one place where the simulated kernel
//! is instantiated for this world.

storm::world!(machine::host::Host<machine::host::Counted>, storm::host::run);
