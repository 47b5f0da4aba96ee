//! Storms of real threads, nothing recorded: throughput and latency. The one place where the
//! simulated kernel is instantiated for this world.

storm::world!(machine::host::Host<machine::host::Bare>, storm::host::run);
