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
    /// Operations of this name per loop of several steps that was begun.
    OperationsPerLoop(String),
}

impl Metric {
    /// Returns its name in workload files and documents.
    pub fn name(&self) -> &'static str {
        match self {
            Metric::FaultsPerTouch => "faults-per-touch",
            Metric::PagesPerFault => "pages-per-fault",
            Metric::RacedPerFault => "raced-per-fault",
            Metric::AttemptsPerFault => "attempts-per-fault",
            Metric::FallbacksPerFault(_) => "fallbacks-per-fault",
            Metric::TransfersPerFault(_) => "transfers-per-fault",
            Metric::OperationsPerLoop(_) => "operations-per-loop",
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            metric: &'static str,
            reason: Option<&'a str>,
            line: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            op: Option<&'a str>,
        }
        let (reason, line, op) = match self {
            Metric::FallbacksPerFault(reason) => (reason.as_deref(), None, None),
            Metric::TransfersPerFault(line) => (None, line.as_deref(), None),
            Metric::OperationsPerLoop(op) => (None, None, Some(op.as_str())),
            _ => (None, None, None),
        };
        Form { metric: self.name(), reason, line, op }.serialize(serializer)
    }
}
