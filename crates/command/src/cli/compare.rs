//! Arguments of `faultstorm compare`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use document::compare::Axis;

const EXAMPLES: &str = "\
Examples:
  faultstorm compare before.json after.json
      two runs, by the difference between them: here perhaps the revision
  faultstorm compare run.json --by strategy
      one run: its first strategy is the base, all others are compared with it
  faultstorm compare old1.json --base old2.json new1.json new2.json
      two launches of each side: new runs of the same program are one side
  faultstorm compare main.json branch.json --fail-above 5%
      for CI: exits 3 if a cell is slower by more than 5 %, has begun to fail, or
      has no result any more
  faultstorm compare before.json after.json --format plain
      72 columns, with commands and digest, for a mail

Exit codes: 0 done, 2 bad input or usage, 3 a cell is slower than --fail-above
allows.";

/// Arguments of `faultstorm compare`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Run that the others are compared with
    #[arg(value_name = "BASE")]
    pub base: PathBuf,

    /// Runs to compare with it; runs of the same program are launches of one side. Without any, the
    /// first strategy (or world, ...) of BASE is compared with its others
    #[arg(value_name = "NEW")]
    pub new: Vec<PathBuf>,

    /// Another launch of the base. May be repeated
    #[arg(long = "base", value_name = "FILE")]
    pub launches: Vec<PathBuf>,

    /// Difference between the sides: 'strategy', 'world', 'machine', 'revision' or 'threads'
    /// [default: the one in which they have no value in common]
    #[arg(
        long,
        value_name = "AXIS",
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(Axis::NAMED.map(Axis::name)).map(axis)
    )]
    pub by: Option<Axis>,

    /// Compare cells even if their workloads differ, and treat launches of different programs as
    /// one side
    #[arg(long)]
    pub force: bool,

    /// Exit with 3 if a cell is certainly slower than its base by more than this, or has no result
    /// where the base has one
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub fail_above: Option<f64>,

    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// Format of a printed comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// 72 columns wide, for a mail
    Plain,
    /// Markdown
    Markdown,
    /// Complete, as in schemas/compare.schema.json
    Json,
}

fn axis(name: String) -> Axis {
    let named = Axis::NAMED.into_iter().find(|axis| axis.name() == name);
    named.expect("clap takes no other")
}

/// Parses a percentage into a share.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number {
        Some(percent) if (0.0..100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("a percentage from 0 to below 100 is needed: write '5%'".to_owned()),
    }
}
