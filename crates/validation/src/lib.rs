//! The model against published figures.
//!
//! T1, T2 and T3 are tight loops on one line; machine files were calibrated with them too. T6 and
//! T7 are page faults of real kernels, with which nothing was calibrated: each run fits the
//! private work of a fault at one thread, and nothing else. T8 and T9 are ratios of
//! speculative faults, for which nothing is fitted. The source of a target is in its file.
//! `host.rs` compares storms on this machine with a model of it, `measured_run.rs` storms in the
//! document of another machine.

mod faults;
mod figure;
mod host;
mod lines;
mod measured_run;
mod model_storm;
mod speculation;

pub use faults::{t6, t7};
pub use figure::Figure;
pub use host::{HostStorms, OrderedPair, Prediction, orders, predictions};
pub use lines::{t1, t2, t3};
pub use measured_run::{ComparedDocument, Curve, CurvePoint, LeftOut, compare_document};
pub use speculation::{t8, t9};
