//! The comparison of two runs, or of two parts of one: pairs of cells, verdicts, and doubts.
//!
//! Two cells are a pair if they differ in the axis alone. Other settings that differ between
//! the sides are listed. The form of a [`Comparison`] is a promise as the run document is:
//! within `faultstorm.compare/1` keys are only added.

mod axis;
mod cells;
mod comparison;
mod differences;
mod document;
mod error;
mod pair;
mod rates;
mod side;

pub use axis::Axis;
pub use cells::{CellWarning, Half};
#[cfg(feature = "schema")]
pub use comparison::schema;
pub use comparison::{Comparison, Options, RunWarning, SCHEMA, SCHEMA_ID, compare, to_json};
pub use differences::Difference;
pub use document::Document;
pub use error::CompareError;
pub use pair::{Pair, Unpaired};
pub use rates::{OpPair, PairRatio};
pub use side::{Launch, Side};
