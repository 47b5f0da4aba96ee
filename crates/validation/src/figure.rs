//! A published figure beside the model's.

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
pub(super) fn around(published: f64, tolerance: f64) -> (f64, f64) {
    (published * (1.0 - tolerance), published * (1.0 + tolerance))
}

impl Figure {
    /// Returns the model's error as a share of the published value.
    pub fn error(&self) -> f64 {
        self.model / self.published - 1.0
    }

    /// True if the model hits the target.
    pub fn holds(&self) -> bool {
        (self.accepts.0..=self.accepts.1).contains(&self.model)
    }
}
