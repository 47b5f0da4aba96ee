//! The input of a comparison.

use crate::run::Run;

/// A run with the file that it was read from.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file.
    pub path: String,
    /// Its content.
    pub run: Run,
}
