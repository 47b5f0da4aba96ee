//! The model against published figures.
//!
//! T1, T2 and T3 are tight loops on one line, from which presets were calibrated too. T6
//! and T7 are page faults of real kernels, from which nothing was: only the private work of
//! a fault is fitted, at one thread, when they are run. Sources of the targets stand beside them.
//! `host.rs` compares storms on this machine with a model of it, `elsewhere.rs` those in the
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
    /// Which target, as `T2`.
    pub target: &'static str,
    /// What was measured, and where in the curve.
    pub what: String,
    /// Its unit.
    pub unit: &'static str,
    /// As published.
    pub published: f64,
    /// As the model has it.
    pub model: f64,
    /// Threads, where it is a point of a curve; else 0.
    pub threads: usize,
    /// From where to where the model may be.
    pub accepts: (f64, f64),
    /// Whether the model was fitted to it: then it shows nothing.
    pub fitted: bool,
}

/// From where to where the model may be: so large a share around the published figure.
fn around(published: f64, tolerance: f64) -> (f64, f64) {
    (published * (1.0 - tolerance), published * (1.0 + tolerance))
}

impl Figure {
    /// The model's error as a share of the published figure.
    pub fn error(&self) -> f64 {
        self.model / self.published - 1.0
    }

    /// Whether the model is where it may be.
    pub fn holds(&self) -> bool {
        (self.accepts.0..=self.accepts.1).contains(&self.model)
    }
}
