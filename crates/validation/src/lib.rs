//! The model against published figures, against this machine, and against another one.
//!
//! `targets.rs` runs the model for the figures of a file of targets (`validation/`), `loops.rs` has
//! the loops on lines among them, `model_storm.rs` a storm; `band.rs` varies what is estimated,
//! `cards.rs` sums up how far the model of each machine was off. `host.rs` compares storms on this
//! machine with a model of it, `measured_run.rs` storms in the document of another machine.

mod band;
mod cards;
mod host;
mod loops;
mod measured_run;
mod model_storm;
mod targets;

pub use band::{compare_in_band, measurements_in_band};
pub use cards::{Card, RECORD, RecordedTargets, record, recorded};
pub use host::{HostStorms, OrderedPair, Prediction, orders, predictions};
pub use measured_run::{ComparedCurve, ComparedDocument, CurvePoint, LeftOut, compare_document};
pub use targets::{Compared, Figure, PointOrder, compare_targets, find_targets, measurements};
