//! Units of published figures.

use serde::Deserialize;

/// The unit of a published figure, and what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Unit {
    /// Faults per second, of all threads.
    #[serde(rename = "faults/s")]
    Faults,
    /// Operations per second, of all threads.
    #[serde(rename = "op/s")]
    Operations,
    /// Nanoseconds between two operations of any threads.
    #[serde(rename = "ns/op")]
    NsBetween,
    /// Nanoseconds that an operation takes a thread.
    #[serde(rename = "ns")]
    Ns,
    /// A ratio of two rates, as the source printed it.
    #[serde(rename = "x")]
    Ratio,
}

impl Unit {
    /// Returns its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Faults => "faults/s",
            Self::Operations => "op/s",
            Self::NsBetween => "ns/op",
            Self::Ns => "ns",
            Self::Ratio => "x",
        }
    }

    /// Returns the figure of `threads` threads that do `per_s` operations a second together.
    pub fn figure(self, per_s: f64, threads: usize) -> f64 {
        match self {
            Self::Faults | Self::Operations | Self::Ratio => per_s,
            Self::NsBetween => 1e9 / per_s,
            Self::Ns => 1e9 / per_s * threads as f64,
        }
    }
}
