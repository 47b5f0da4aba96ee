//! The command line: its commands, defaults and help.

mod compare;
mod number;
mod report;
mod run;
mod target;
mod vary;
mod world;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use base::numbers::NumberList;
pub use compare::{CompareArgs, Format};
use inputs::workload::THREADS_MAX;
use mm::fault::Kind;
use number::{natural, small_number};
pub use report::{ReportArgs, ReportFormat};
pub use run::RunArgs;
pub use target::Target;
pub use vary::Vary;
pub use world::{WorldArg, WorldError};

/// Machine of the model that gives the numbers which cannot be measured here.
const BASE: &str = "xeon-icelake-2s";
/// Width of help, in columns.
const HELP_COLUMNS: usize = 80;

const EXAMPLES: &str = "\
Examples:
  faultstorm run                  compare all strategies on the seed workloads
  faultstorm run huge-anon        one workload
  faultstorm list                 all strategies, workloads and machines
  faultstorm run --help           every flag, with its default and unit";

/// Shows which page-fault locking scheme scales, and which cache line is to blame if it does not.
///
/// faultstorm lets many threads of one process take page faults in a simulated address space. It
/// does so under every locking scheme that was discussed on the Linux memory-management list
/// (mmap_lock, references on VMAs, speculation), and compares throughput, latency and cache-line
/// transfers.
#[derive(Debug, Clone, PartialEq, Parser)]
#[command(
    name = "faultstorm",
    version,
    after_help = EXAMPLES,
    max_term_width = HELP_COLUMNS,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Command {
    /// Storms workloads and compares strategies
    ///
    /// Every workload runs under every strategy at every number of threads. Strategies take turns
    /// within each repeat, so that a drift of the machine affects all of them equally. The first
    /// strategy runs twice, which shows the noise of the run. Tables go to standard output,
    /// progress and warnings to standard error, and all numbers to a JSON document.
    Run(Box<RunArgs>),
    /// Checks workload files: first their keys, then their expectations in a tiny storm
    Check(CheckArgs),
    /// Compares runs cell by cell: revisions, strategies, machines, worlds
    ///
    /// Compares cells that are equal in all but one property. Each ratio has an interval over
    /// launches and repeats, corrected for the number of ratios. Other differences between the
    /// runs, and anything suspicious about them, are listed.
    Compare(CompareArgs),
    /// Lists strategies, workloads, machines and kernels, or one in full
    List(ListArgs),
    /// Measures this machine for the model and writes a machine file
    Calibrate(CalibrateArgs),
    /// Walks through one fault in the model, access by access
    Explain(ExplainArgs),
    /// Compares the model with published figures, with this machine, or with a run of another
    Validate(ValidateArgs),
    /// Writes runs as one page that opens offline, as Markdown, CSV, or a log of latencies
    Report(ReportArgs),
    /// Prints completions for a shell
    Completions(CompletionsArgs),
    /// Prints the manual page
    #[command(after_help = "Example:\n  faultstorm man | man -l -")]
    Man,
}

/// Arguments of `faultstorm check`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = "\
Examples:
  faultstorm check                the workloads that come with faultstorm
  faultstorm check my.toml        a file of yours: reports all mistakes at once
  faultstorm check --syntax *.toml
                                  the same without storms, for an editor

Expectations are about counts and transfers, never about time: if they are met on
one machine, they are met on all. Exit codes: 0 all is well, 2 a file has mistakes,
4 an expectation is not met.")]
pub struct CheckArgs {
    /// Workload files [default: those that come with faultstorm]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only check the keys of the files: no storm is run
    #[arg(long)]
    pub syntax: bool,
}

/// Arguments of `faultstorm list`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = "\
Examples:
  faultstorm list                 everything
  faultstorm list strategies      the locking schemes and their properties
  faultstorm list workloads --json
                                  for scripts
  faultstorm list epyc-genoa-2s   all that is known of one entry")]
pub struct ListArgs {
    /// Part to list: 'strategies', 'workloads', 'machines' or 'kernels'; or the name of an entry,
    /// to print all that is known of it [default: everything]
    #[arg(value_name = "WHAT")]
    pub what: Option<String>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Part that can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListSubject {
    /// Locking schemes
    Strategies,
    /// Workloads that come with faultstorm
    Workloads,
    /// Machines of the model that come with faultstorm
    Machines,
    /// Kernels that schemes run in
    Kernels,
}

/// Arguments of `faultstorm calibrate`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = "\
Examples:
  faultstorm calibrate            writes this-machine.toml
  faultstorm calibrate --base epyc-genoa-2s --output mine.toml
  faultstorm run huge-anon --on model:./mine.toml
  faultstorm calibrate --kernel   writes this-kernel.toml, for 'run --kernel'

Numbers that the cores here cannot show (other sockets, many copies, many waiters)
are taken from the base and marked as estimates.")]
pub struct CalibrateArgs {
    /// Machine that gives the numbers which cannot be measured here, by name or path
    #[arg(long, value_name = "MACHINE", default_value = BASE)]
    pub base: String,
    /// Write the layout of the running kernel instead, from its BTF
    #[arg(long, conflicts_with_all = ["base", "repeats"])]
    pub kernel: bool,
    /// File to write [default: ./this-machine.toml, or ./this-kernel.toml]
    #[arg(long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
    /// Repeats of each measurement
    #[arg(
        long,
        value_name = "N",
        default_value_t = 7,
        allow_hyphen_values = true,
        value_parser = |text: &str| small_number(text, 1000)
    )]
    pub repeats: u32,
}

/// Arguments of `faultstorm explain`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = "\
Examples:
  faultstorm explain mmap-lock
      a write fault in anonymous memory, while another core faults too
  faultstorm explain speculative --workload private-write --threads 16
  faultstorm explain vma-refcount --on model:epyc-genoa-2s --kind anon-read \\
      --workload huge-anon-read")]
pub struct ExplainArgs {
    /// Strategy, as NAME or NAME:VARIANT
    #[arg(value_name = "STRATEGY")]
    pub strategy: String,
    /// Workload, by name or path
    #[arg(long, value_name = "W", default_value = "huge-anon")]
    pub workload: String,
    /// Kind of fault, such as 'anon-write' or 'private-write' [default: the first]
    #[arg(long, value_name = "KIND", value_parser = fault_kind)]
    pub kind: Option<Kind>,
    /// Machine, as 'model:NAME'
    #[arg(long, value_name = "WORLD", default_value = "model:xeon-icelake-2s")]
    pub on: WorldArg,
    /// Cores that fault at the same time
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        allow_hyphen_values = true,
        value_parser = |text: &str| small_number(text, THREADS_MAX as u32)
    )]
    pub threads: u32,
    /// Seed of every random draw
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_hyphen_values = true,
        value_parser = natural
    )]
    pub seed: u64,
}

/// Parses a kind of fault, with `-` or `_`.
fn fault_kind(text: &str) -> Result<Kind, String> {
    let name = text.replace('-', "_");
    Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let all: Vec<String> = Kind::ALL.iter().map(|kind| kind.name().replace('_', "-")).collect();
        format!("the kinds are {}", all.join(", "))
    })
}

/// Arguments of `faultstorm validate`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = "\
Examples:
  faultstorm validate --published
      all published figures that are shipped: the worst point of each curve
  faultstorm validate --targets pft-icelake --points
      one of their files, or one of your own, point by point
  faultstorm validate --host --base epyc-genoa-2s
      this machine, calibrated: measured storms and the model's predictions
  faultstorm validate --with their.json --machine epyc-genoa-2s
      a run of another machine (see scripts/pack) next to the model of it

validation/README.md describes files of targets. Exit codes: 0 all published figures
are met, 4 one is missed, 2 a file has mistakes. Machines get no verdict.")]
pub struct ValidateArgs {
    /// Compare only with the published figures that are shipped
    #[arg(long)]
    pub published: bool,
    /// Compare only with the figures of this file, by name or path; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with_all = ["published", "host", "with"])]
    pub targets: Vec<String>,
    /// Print every point, not only the worst of each curve
    #[arg(long, conflicts_with_all = ["host", "with"])]
    pub points: bool,
    /// Record the figures of the model in validation/recorded.json, from which error cards of
    /// machines are made
    #[arg(long, requires = "published", conflicts_with = "band")]
    pub cards: bool,
    /// Also run the model with each estimate of its machine 30 % lower and higher and with each
    /// of its switches on and off: lowest and highest figure, and whether an order turns. Takes
    /// about fifty times as long
    #[arg(long, conflicts_with_all = ["host", "with"])]
    pub band: bool,
    /// Compare only with this machine
    #[arg(long, conflicts_with = "published")]
    pub host: bool,
    /// Compare only with the run in this document, cell by cell in the model: cells of the kernel
    /// under the strategy with the same lock, and cells of the host
    #[arg(long, value_name = "RUN.json", conflicts_with_all = ["published", "host"])]
    pub with: Option<PathBuf>,
    /// Machine of that run, by name or path [default: the shipped machine with its CPU]
    #[arg(long, value_name = "MACHINE", requires = "with")]
    pub machine: Option<String>,
    /// Machine that gives the numbers which cannot be measured here, by name or path
    #[arg(long, value_name = "MACHINE", default_value = BASE)]
    pub base: String,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `faultstorm completions`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = "\
Examples:
  source <(faultstorm completions bash)
  faultstorm completions zsh > ~/.zfunc/_faultstorm
  faultstorm completions fish > ~/.config/fish/completions/faultstorm.fish")]
pub struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;
    use document::run::Body;
    use host::placement::Placement;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    fn run(line: &str) -> RunArgs {
        match parse(&format!("faultstorm run {line}")).unwrap_or_else(|e| panic!("{e}")).command {
            Command::Run(run) => *run,
            other => panic!("{other:?}"),
        }
    }

    fn error(line: &str) -> clap::Error {
        parse(&format!("faultstorm {line}")).expect_err(line)
    }

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_run_has_the_defaults_of_the_contract() {
        assert_eq!(
            run(""),
            RunArgs {
                workloads: vec![],
                on: vec![],
                strategy: vec![],
                kernel: None,
                threads: None,
                body: vec![],
                placement: Placement::default(),
                entry_prefetch: false,
                time_ns: None,
                warmup_ns: None,
                faults: None,
                repeats: None,
                jobs: None,
                vary: vec![],
                seed: 1,
                no_lines: false,
                stages: false,
                trap_cost: false,
                json: None,
                force: false,
                csv: None,
                html: None,
                open: false,
                details: false,
                quiet: false,
            }
        );
    }

    #[test]
    fn a_run_has_a_minute_where_only_its_output_is_asked_for() {
        for line in ["", "--json a.json --csv b.csv --html c.html", "--details", "-q", "--force"] {
            assert!(run(line).is_plain(), "{line}");
        }
        let explicit = ["huge-anon", "--on host", "--body none,real", "--threads 2", "--repeats 5"];
        for line in explicit.into_iter().chain(["--seed 2", "--no-lines", "--jobs 2"]) {
            assert!(!run(line).is_plain(), "{line}");
        }
        assert_eq!(run("").worlds(), [WorldArg::Host]);
        assert_eq!(run("").real_bodies(), run("--body none,real").real_bodies());
        let model = RunArgs::plain_model();
        assert_eq!(model.worlds(), [WorldArg::Model(BASE.to_owned())]);
        assert_eq!(model.threads.as_ref().unwrap().as_slice(), [64]);
        assert!(model.faults.is_some() && model.workloads.is_empty());
    }

    #[test]
    fn every_flag_of_run() {
        let args = run("huge-anon my.toml --on host --strategy mmap-lock,speculative:refcount \
             --threads 1..=8x2 --body none --placement 0,2 --entry-prefetch on --time 1s \
             --warmup 0s --repeats 9 --seed 7 --jobs 3 --no-lines --stages --trap-cost \
             --json - \
             --csv c.csv --html r.html -q");
        assert_eq!(args.workloads, ["huge-anon", "my.toml"]);
        assert_eq!(args.strategy, ["mmap-lock", "speculative:refcount"]);
        assert_eq!(args.threads.unwrap().as_slice(), [1, 2, 4, 8]);
        assert_eq!(args.body, [Body::None]);
        assert_eq!(args.placement.to_string(), "0,2");
        assert_eq!((args.time_ns, args.warmup_ns), (Some(1_000_000_000), Some(0)));
        assert_eq!((args.repeats, args.jobs, args.seed), (Some(9), Some(3), 7));
        assert!(args.entry_prefetch && args.no_lines && args.stages && args.quiet);
        assert!(args.trap_cost);
        assert_eq!(args.json, Some(Target::Stdout));
        assert_eq!((args.csv, args.html), (Some("c.csv".into()), Some("r.html".into())));
        let args = run("--faults 1000 --json out.json");
        assert_eq!(args.faults, Some(1000));
        assert_eq!(args.json, Some(Target::File("out.json".into())));
    }

    #[test]
    fn mistakes_are_usage_errors_that_say_what_would_be_right() {
        for (line, says) in [
            ("run --threads 0", "a storm needs at least 1 thread"),
            ("run --threads 1-8", "write '1..=8'"),
            ("run --time 100", r#"write "100ns", "100us", "100ms" or "100s""#),
            ("run --threads -1", "'-1' is not a number: write '4'"),
            ("run --faults 1e6", "a whole number from 1 to 1000000000000 is needed"),
            ("run --repeats -1", "a whole number from 1 to 100000 is needed"),
            ("run --seed 1e6", "a whole number from 0 to 18446744073709551615 is needed"),
            ("explain mmap-lock --threads -2", "a whole number from 1 to 1024 is needed"),
            ("run --time -5ms", "\"-5ms\""),
            ("run --time 0ms", "a storm must last longer than 0s"),
            (
                "run --on kernels",
                "'kernels' is not a world: 'host', 'kernel' and 'model:MACHINE' are",
            ),
            ("run --on model", "'model' needs a machine"),
            ("run --placement near", "'near' is not a placement"),
            ("run --body fake", "[possible values: none, real]"),
            ("run --entry-prefetch yes", "[possible values: on, off]"),
            ("run --repeats 0", "0 is not in 1.."),
            ("run --time 1s --faults 5", "cannot be used with"),
            ("chek", "'check'"),
        ] {
            let error = error(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn every_subcommand_has_an_example_and_fits_80_columns() {
        assert_eq!(error("run --help").kind(), ErrorKind::DisplayHelp);
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{}", command.get_name());
            for line in help.lines() {
                assert!(line.chars().count() <= HELP_COLUMNS, "{}: {line}", command.get_name());
            }
        }
    }
}
