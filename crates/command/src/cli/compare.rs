//! What `faultstorm compare` takes.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::compare::Axis;

const EXAMPLES: &str = "\
Examples:
  faultstorm compare before.json after.json
      two runs, by what differs between them: here perhaps the revision
  faultstorm compare run.json --by strategy
      one run: its first strategy is the base, all others are compared with it
  faultstorm compare old1.json --base old2.json new1.json new2.json
      two launches of each side: new runs of the same program are one side
  faultstorm compare main.json branch.json --fail-above 5%
      for CI: exits 3 where a cell is slower by more than 5 %, or has begun to fail
  faultstorm compare before.json after.json --format plain
      72 columns, with commands and digest, for a mail

Exit codes: 0 done, 2 bad input or usage, 3 a cell is slower than --fail-above
allows.";

/// What `faultstorm compare` takes.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// The run that others are compared with
    #[arg(value_name = "BASE")]
    pub base: PathBuf,

    /// Runs to compare with it; those of one program are launches of one side. Without
    /// any, the first strategy (or world, ...) of BASE is compared with its others
    #[arg(value_name = "NEW")]
    pub new: Vec<PathBuf>,

    /// One more launch of the base. May be repeated
    #[arg(long = "base", value_name = "FILE")]
    pub launches: Vec<PathBuf>,

    /// What differs between the sides: 'strategy', 'world', 'machine', 'revision' or
    /// 'threads' [default: what they have nothing in common in]
    #[arg(
        long,
        value_name = "AXIS",
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(Axis::NAMED.map(Axis::name)).map(axis)
    )]
    pub by: Option<Axis>,

    /// Compare cells whose workloads differ, and take launches of different programs for
    /// one side
    #[arg(long)]
    pub force: bool,

    /// Exit with 3 where a cell is slower than its base by more than this, and surely so
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub fail_above: Option<f64>,

    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: Format,
}

/// How a comparison is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// 72 columns, for a mail
    Plain,
    /// Markdown
    Markdown,
    /// The whole, as in schemas/compare.schema.json
    Json,
}

fn axis(name: String) -> Axis {
    let named = Axis::NAMED.into_iter().find(|axis| axis.name() == name);
    named.expect("clap takes no other")
}

/// Parses a percentage as a share.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number {
        Some(percent) if (0.0..100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("a percentage from 0 to below 100 is needed: write '5%'".to_owned()),
    }
}
