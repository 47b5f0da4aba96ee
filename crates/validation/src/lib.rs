//! The model against published figures.
//!
//! T1, T2 and T3 are tight loops on one line; machine files were calibrated with them too. T6 and
//! T7 are page faults of real kernels, with which nothing was calibrated: each run fits the
//! private work of a fault at one thread, and nothing else. The source of a target is in its file.
//! `host.rs` compares storms on this machine with a model of it, `elsewhere.rs` storms in the
//! document of another machine.

mod asked;
mod elsewhere;
mod faults;
mod host;
mod lines;

pub use elsewhere::{Compared, Curve, LeftOut, Point, elsewhere};
pub use faults::{t6, t7};
pub use host::{HostSide, Order, Prediction, orders, predictions};
pub use lines::{t1, t2, t3};

/// A published figure, and what the model says.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The target: `T2`, for instance.
    pub target: &'static str,
    /// The quantity, and its point of the curve.
    pub what: String,
    /// Its unit.
    pub unit: &'static str,
    /// The published value.
    pub published: f64,
    /// The model's value.
    pub model: f64,
    /// Threads if it is a point of a curve, else 0.
    pub threads: usize,
    /// Lowest and highest value of the model that hits the target.
    pub accepts: (f64, f64),
    /// True if the model was fitted to this value, which therefore shows nothing.
    pub fitted: bool,
}

/// Returns the bounds at a distance of `tolerance`, a share of the published value.
fn around(published: f64, tolerance: f64) -> (f64, f64) {
    (published * (1.0 - tolerance), published * (1.0 + tolerance))
}

impl Figure {
    /// Returns the model's error as a share of the published value.
    pub fn error(&self) -> f64 {
        self.model / self.published - 1.0
    }

    /// Whether the model hits the target.
    pub fn holds(&self) -> bool {
        (self.accepts.0..=self.accepts.1).contains(&self.model)
    }
}
