//! The result of a comparison.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
#[cfg(feature = "schema")]
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::axis::Axis;
use super::cells::Half;
use super::differences::{self, Difference};
use super::document::Document;
use super::error::CompareError;
use super::pair::{self, Pair, Unpaired};
use super::rates::PairRatio;
use super::side::{Side, Sides};
use crate::run::Status;

/// The value of [`Comparison::schema`]: name and version of the document.
pub const SCHEMA: &str = "faultstorm.compare/1";
/// The value of [`Comparison::json_schema`] and the `$id` of the published JSON schema.
pub const SCHEMA_ID: &str = "urn:faultstorm:compare:1";

/// The options of a comparison.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The axis; `None` to find it.
    pub by: Option<Axis>,
    /// True to compare cells of different workloads, and to take launches of different programs
    /// for one side.
    pub force: bool,
    /// The share of its base by which a cell may be slower; a slower one is found.
    pub fail_above: Option<f64>,
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct Comparison {
    /// Identifier of the JSON schema, as in `schemas/compare.schema.json`.
    #[serde(rename = "$schema")]
    pub json_schema: String,
    /// Name and version of this document: `faultstorm.compare/1`.
    pub schema: String,
    /// Digest of `cells`: the same documents and options give the same digest.
    pub digest: String,
    /// The axis.
    pub by: Axis,
    /// The side that all others are compared with.
    pub base: Side,
    /// The sides that are compared with it.
    pub new: Vec<Side>,
    /// Settings other than the axis that differ between the sides.
    pub differences: Vec<Difference>,
    /// Number of ratios in `cells`. The level of their intervals is corrected for this number.
    pub comparisons: usize,
    /// The share by which a cell may be slower than its base; null if none was given.
    pub fail_above: Option<f64>,
    /// Cells that both sides have, the largest difference first.
    pub cells: Vec<Pair>,
    /// Cells without a counterpart.
    pub unpaired: Vec<Unpaired>,
    /// Warnings about whole runs.
    pub warnings: Vec<RunWarning>,
}

/// A warning that makes all numbers of a run doubtful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct RunWarning {
    /// The file of the run.
    pub path: String,
    /// Stable name in snake case, as `hypervisor`.
    pub code: String,
    /// What looks wrong, in sentences.
    pub text: String,
}

/// Compares `base`, which is one side, with `new`, whose documents are sorted into sides by
/// their values on the axis. Without `new`, the first value of `base` is compared with its
/// other values.
///
/// # Errors
/// If the sides are not clear, or nothing can be compared.
///
/// # Panics
/// If `base` is empty.
pub fn compare(
    base: &[Document],
    new: &[Document],
    options: &Options,
) -> Result<Comparison, CompareError> {
    assert!(!base.is_empty(), "there is a base");
    let by = options.by.map_or_else(|| Axis::find(base, new), Ok)?;
    let sides = Sides::of(by, base, new, options.force)?;
    let (mut cells, unpaired) = pair::all(by, &sides, options.force)?;
    let looked = base.iter().chain(new).any(|document| document.run.provenance.looked);
    pair::judge(&mut cells, options.fail_above, looked, base[0].run.provenance.seed);
    let rank = |pair: &Pair| pair.ratios().map(PairRatio::rank).fold(f64::INFINITY, f64::min);
    cells.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let text = serde_json::to_string(&cells).expect("pairs have string keys and finite numbers");
    let warnings = base.iter().chain(new).flat_map(warnings_of);
    Ok(Comparison {
        json_schema: SCHEMA_ID.to_owned(),
        schema: SCHEMA.to_owned(),
        digest: base::digest::digest(text.as_bytes()),
        by,
        differences: differences::all(by, &sides),
        comparisons: cells.iter().flat_map(Pair::ratios).filter(|it| it.ratio.is_some()).count(),
        fail_above: options.fail_above,
        unpaired,
        warnings: warnings.collect(),
        cells,
        base: sides.base.described(),
        new: sides.new.iter().map(|side| side.described()).collect(),
    })
}

fn warnings_of(document: &Document) -> Vec<RunWarning> {
    let path = &document.path;
    let warning = |code: &str, text: &str| RunWarning {
        path: path.clone(),
        code: code.to_owned(),
        text: text.to_owned(),
    };
    let whole = document.run.provenance.warnings.iter().filter(|w| w.cell.is_none());
    let mut found: Vec<RunWarning> = whole.map(|w| warning(&w.code, &w.text)).collect();
    if !document.run.complete {
        found.push(warning("incomplete", "the run was cut short: some storms are missing"));
    }
    found
}

impl Comparison {
    /// Returns the pairs that are slower than `fail_above` allows.
    pub fn found(&self) -> impl Iterator<Item = &Pair> {
        self.cells.iter().filter(|pair| pair.ratios().any(|judged| judged.found))
    }

    /// Returns the cells of the base that no other side has, if they were to be judged.
    pub fn missing(&self) -> impl Iterator<Item = &Unpaired> {
        let is_judged = self.fail_above.is_some();
        self.unpaired.iter().filter(move |cell| is_judged && cell.side == self.base.name)
    }

    /// Returns true if any ratio has a verdict or is exact.
    pub fn is_sure(&self) -> bool {
        self.cells.iter().flat_map(Pair::ratios).any(PairRatio::is_sure)
    }

    /// Returns the pairs of which a storm failed.
    pub fn failed(&self) -> impl Iterator<Item = &Pair> {
        let failed = |half: &Half| half.status == Status::Failed;
        self.cells.iter().filter(move |pair| failed(&pair.base) || failed(&pair.new))
    }
}

/// Returns the JSON schema of the document, as text that ends with a newline.
#[cfg(feature = "schema")]
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Comparison>();
    schema.insert("$id".to_owned(), SCHEMA_ID.into());
    let text = serde_json::to_string_pretty(&schema);
    text.expect("a schema has string keys and finite numbers") + "\n"
}

/// Returns the document as indented JSON that ends with a newline.
pub fn to_json(comparison: &Comparison) -> String {
    let text = serde_json::to_string_pretty(comparison);
    text.expect("a comparison has string keys and finite numbers") + "\n"
}
