//! Arguments of `faultstorm report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::target::Target;

const EXAMPLES: &str = "\
Examples:
  faultstorm report results/run.json
      writes report.html
  faultstorm report host.json model.json -o both.html
      two runs side by side, like the worlds of one run
  faultstorm report run.json --format text
      the screen that a run ends with, and all its tables
  faultstorm report run.json --format markdown -o -
      tables for an issue or a wiki
  faultstorm report *.json -o all.csv
      one row per cell and repeat of all runs
  faultstorm report run.json -o run.hlog
      all latencies, for HdrHistogram's own tools

The page is one file and needs no network. 'run --html PATH' writes the
same page at the end of a run, and 'run --csv PATH' the same rows.";

/// Arguments of `faultstorm report`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Documents of runs
    #[arg(value_name = "RUN.json", required = true)]
    pub runs: Vec<PathBuf>,

    /// Format of the report [default: by the file name of --output, else html]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,

    /// File to write; '-' is standard output [default: report.html, or .md, .csv, .hlog; standard
    /// output for text]
    #[arg(long, short, value_name = "PATH|-")]
    pub output: Option<Target>,
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One page with charts and tables, which opens offline
    Html,
    /// The screen, then all tables, as 'run --details' prints them
    Text,
    /// Tables, one row per cell
    Markdown,
    /// One row per cell and repeat; columns are named like the document's keys
    Csv,
    /// Latencies as an HdrHistogram log: one interval per cell and kind of fault
    HdrLog,
}

impl ReportFormat {
    const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Text => "txt",
            Self::Markdown => "md",
            Self::Csv => "csv",
            Self::HdrLog => "hlog",
        }
    }
}

impl ReportArgs {
    /// Returns the format: the requested one, else by the output's file name.
    pub fn format(&self) -> ReportFormat {
        let ending = match &self.output {
            Some(Target::File(path)) => path.extension(),
            _ => None,
        };
        let named = |format: &&ReportFormat| ending.is_some_and(|is| is == format.extension());
        let by_name = ReportFormat::value_variants().iter().find(named).copied();
        self.format.or(by_name).unwrap_or(ReportFormat::Html)
    }

    /// Returns why the file name of the output fits no format; `None` if it does, or the format is
    /// asked for.
    pub fn misnamed(&self) -> Option<String> {
        let Some(Target::File(path)) = &self.output else { return None };
        let ending = path.extension()?.to_string_lossy();
        let known = ReportFormat::value_variants().iter().map(|format| format.extension());
        let known: Vec<&str> = known.chain(["htm", "log"]).collect();
        (self.format.is_none() && !known.contains(&&*ending)).then(|| {
            format!(
                "'{}' ends in no format of a report: give --format, or a name that ends in .{}",
                path.display(),
                known.join(", .")
            )
        })
    }

    /// Returns the output: the requested one, else the default of the format.
    pub fn output(&self) -> Target {
        let default = || match self.format() {
            ReportFormat::Text => Target::Stdout,
            format => Target::File(format!("report.{}", format.extension()).into()),
        };
        self.output.clone().unwrap_or_else(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn the_name_of_the_output_says_the_format_unless_it_is_asked_for() {
        let of = |line: &str| {
            let words = format!("faultstorm report run.json {line}");
            let Command::Report(args) = Cli::parse_from(words.split_whitespace()).command else {
                panic!("{words}")
            };
            (args.format(), args.output())
        };
        let file = |name: &str| Target::File(name.into());
        assert_eq!(of(""), (ReportFormat::Html, file("report.html")));
        assert_eq!(of("--format hdr-log"), (ReportFormat::HdrLog, file("report.hlog")));
        assert_eq!(of("-o a.md"), (ReportFormat::Markdown, file("a.md")));
        assert_eq!(of("-o a.txt"), (ReportFormat::Text, file("a.txt")));
        assert_eq!(of("--format text"), (ReportFormat::Text, Target::Stdout));
        assert_eq!(of("-o a.log"), (ReportFormat::Html, file("a.log")));
        assert_eq!(of("-o a.md --format csv"), (ReportFormat::Csv, file("a.md")));
        assert_eq!(of("-o - --format markdown"), (ReportFormat::Markdown, Target::Stdout));
    }
}
