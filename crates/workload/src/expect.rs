//! Statements that `faultstorm check` verifies.

use serde::{Serialize, Serializer};

/// A statement about the counts of a storm, verified by `faultstorm check`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expect {
    /// The strategy that it is about (`NAME` or `NAME:VARIANT`); `None`: all.
    pub strategy: Option<String>,
    /// The number of threads that it is about; `None`: all.
    pub threads: Option<usize>,
    /// The compared quantity.
    #[serde(flatten)]
    pub metric: Metric,
    /// Smallest value that holds.
    pub min: Option<f64>,
    /// Largest value that holds.
    pub max: Option<f64>,
}

/// A quantity that an [`Expect`] compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// Faults per touch.
    FaultsPerTouch,
    /// Pages mapped per fault.
    PagesPerFault,
    /// Faults whose page another fault mapped first, per fault.
    RacedPerFault,
    /// Attempts per fault.
    AttemptsPerFault,
    /// Fallbacks per fault, for all reasons or for this one.
    FallbacksPerFault(Option<String>),
    /// Transfers per fault, of all lines or of this one (`mm.mmap_lock`).
    TransfersPerFault(Option<String>),
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            metric: &'static str,
            reason: Option<&'a str>,
            line: Option<&'a str>,
        }
        let (metric, reason, line) = match self {
            Metric::FaultsPerTouch => ("faults-per-touch", None, None),
            Metric::PagesPerFault => ("pages-per-fault", None, None),
            Metric::RacedPerFault => ("raced-per-fault", None, None),
            Metric::AttemptsPerFault => ("attempts-per-fault", None, None),
            Metric::FallbacksPerFault(reason) => ("fallbacks-per-fault", reason.as_deref(), None),
            Metric::TransfersPerFault(line) => ("transfers-per-fault", None, line.as_deref()),
        };
        Form { metric, reason, line }.serialize(serializer)
    }
}
