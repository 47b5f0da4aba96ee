//! A storm: set up a space, start all threads together, measure, drain, and check
//! that the books balance.

mod gate;
pub mod host;
mod merge;
mod meter;
pub mod order;
pub mod plan;
mod round;
mod setup;
mod spec;
mod worker;
mod world;

pub use spec::{Counts, Io, Recording, Spec, Storm, StormError, ThreadStorm};
