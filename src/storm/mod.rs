//! A storm: set up a space, start all threads together, measure, drain, and check
//! that the books balance.

mod contents;
mod copies;
mod extent;
mod gate;
pub mod host;
pub mod kernel;
mod merge;
mod meter;
pub mod model;
pub mod needs;
pub mod order;
pub mod plan;
mod reach;
mod round;
mod samples;
mod setup;
mod spec;
pub mod steps;
mod stormed;
mod tally;
mod threads;
mod touch;
mod worker;
mod world;

pub use kernel::KernelStorm;
pub use model::{ModelSpec, ModelStorm};
pub use spec::{Counts, Io, OpTimes, Recording, Spec, Storm, StormError, ThreadStorm};
pub use stormed::{MakeSpace, Stormed, make};

use std::any::Any;

/// What a thread said when it panicked.
fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = text.or_else(|| payload.downcast_ref::<String>().cloned());
    message.unwrap_or_else(|| "no message".to_owned())
}
