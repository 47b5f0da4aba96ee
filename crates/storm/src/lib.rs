//! A storm: set up a space, start all threads together, measure, drain, and check
//! that the books balance.

mod claims;
mod contents;
mod copies;
mod error;
mod extent;
mod gate;
pub mod host;
pub mod kernel;
mod listed;
mod loop_tally;
mod merge;
mod meter;
pub mod model;
pub mod needs;
mod notes;
pub mod order;
mod pace;
mod panics;
pub mod plan;
mod platform;
mod reached;
mod request;
mod result;
mod round;
mod samples;
mod setup;
mod simulated;
mod simulated_space;
pub mod steps;
mod tally;
mod target;
mod threads;
mod toucher;
mod touches_max;
mod worker;

pub use error::{StormError, TooLarge};
pub use kernel::KernelFindings;
pub use loop_tally::LoopTally;
pub use pace::AskedRates;
pub use request::{Executor, ModelExecutor, Recording, StormRequest, ThreadExecutor};
pub use result::{IoWaits, ModelFindings, OpTimes, Storm, StormCounts, ThreadStorm};
pub use simulated_space::{MakeSpace, SimulatedSpace, make};

#[doc(hidden)]
pub use strategy;

/// Defines what a crate of a world is: instances of all shipped schemes in `$world`, made once,
/// and of the storm that `$run` runs there.
///
/// Calls from other crates are not inlined: they would instantiate the storm anew.
#[macro_export]
macro_rules! world {
    ($world:ty, $run:path) => {
        macro_rules! make {
            ($scheme:ty) => {
                $crate::make::<$world, $scheme>
            };
        }

        static MAKERS: [$crate::MakeSpace<$world>; $crate::strategy::COUNT] =
            $crate::strategy::for_every_scheme!(make);

        /// Makers of a space under each scheme, in the order of the table of schemes.
        #[inline(never)]
        pub fn makers() -> &'static [$crate::MakeSpace<$world>] {
            &MAKERS
        }

        /// Runs a storm in the space that `make` makes, and checks its books.
        ///
        /// # Errors
        /// If a thread panics or is stuck, the books do not balance, or the machine does
        /// not give what is needed.
        #[inline(never)]
        pub fn run(
            make: $crate::MakeSpace<$world>,
            request: &$crate::StormRequest,
            bytes_per_vma: u64,
        ) -> Result<$crate::Storm, $crate::StormError> {
            $run(make, request, bytes_per_vma)
        }
    };
}
