//! The model against published figures, against this machine, and against another one.
//!
//! `targets.rs` runs the model for the figures of a file of targets (`validation/`), `loops.rs` has
//! the loops on lines among them, `model_storm.rs` a storm. `host.rs` compares storms on this
//! machine with a model of it, `measured_run.rs` storms in the document of another machine.

mod host;
mod loops;
mod measured_run;
mod model_storm;
mod targets;

pub use host::{HostStorms, OrderedPair, Prediction, orders, predictions};
pub use measured_run::{ComparedCurve, ComparedDocument, CurvePoint, LeftOut, compare_document};
pub use targets::{Compared, Figure, PointOrder, compare_targets, find_targets, measurements};
