//! Arguments of `faultstorm run`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, FromArgMatches};

use super::number::{natural, small_number, whole_number};
use super::target::Target;
use super::vary::Vary;
use super::world::WorldArg;
use base::numbers::NumberList;
use document::run::Body;
use host::placement::Placement;
use inputs::machines::vary::MachineVary;
use inputs::workload::THREADS_MAX;
use inputs::workload::units::parse_time;

const EXAMPLES: &str = "\
Examples:
  faultstorm run
      in a minute: all strategies on the seed workloads, on all CPUs of this
      machine and on 64 cores of a modelled one
  faultstorm run huge-anon --threads 1..=64x2
      one workload at 1, 2, 4, ... 64 threads
  faultstorm run my.toml --strategy mmap-lock,speculative --body none
      a workload of your own, with the cost of the lock alone
  faultstorm run huge-anon-read --time 1s --repeats 20 --json run.json
      long enough to quote, with a file name for the document
  faultstorm run huge-anon --threads 4 --placement 0,2,4,6 --json - --quiet
      on chosen CPUs, the document to a pipe
  faultstorm run huge-anon --on model:xeon-icelake-2s --threads 1..=128x2
      on a machine that you do not have: the same strategies in the model
  faultstorm run huge-anon --on kernel --on host --on model:xeon-icelake-2s
      the running kernel next to both simulations, in one table; --trap-cost
      adds the cost of the exception alone
  faultstorm run huge-anon --vary think=0ns,300ns,1us,3us,10us,30us,100us
      the fault rate from which on the strategy matters to a program

Exit codes: 0 done, 2 bad input or usage, 4 a storm failed, 5 interrupted (all
measurements so far are on disk), 6 the machine cannot do the work asked for.";

/// Most faults of a thread: at a million a second they take twelve days.
const FAULTS_MAX: u64 = 1_000_000_000_000;
/// Most storms of a cell.
const REPEATS_MAX: u32 = 100_000;
/// Most cells of the model at a time.
const JOBS_MAX: u32 = 1024;

/// Arguments of the part on this machine if no flags are given. The storms scatter no more than the
/// usual ones of 50 ms, and there is time for two and a half times as many.
const PLAIN_HOST: &str = "--warmup 10ms --time 30ms";

/// Arguments of the part in the model if no flags are given. With this number of faults (two page
/// tables per thread) two cores need a third of a minute for the seed workloads under all
/// strategies, each in its own kernel and all in one. From 1024 faults on cells would also be
/// asked how much they hang on each estimate, for which a minute has no time.
const PLAIN_MODEL: &str = "--on model:xeon-icelake-2s --threads 64 --body none --faults 1000";

/// Arguments of `faultstorm run`. A flag overrides the workload file; `None` leaves the choice to
/// the file or to the run.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// Names from 'faultstorm list workloads', or paths of TOML files [default: the seed workloads]
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,

    /// World to run in: 'host', real threads on this machine; 'kernel', page faults of the running
    /// kernel; or 'model:MACHINE', a deterministic multicore (MACHINE: see 'list machines', or a
    /// path). May be repeated [default: host]
    #[arg(long, value_name = "WORLD", help_heading = "What")]
    pub on: Vec<WorldArg>,

    /// Strategies, as NAME or NAME:VARIANT, separated by commas [default: all, without variants]
    #[arg(long, value_name = "S,..", value_delimiter = ',', help_heading = "What")]
    pub strategy: Vec<String>,

    /// Numbers of threads: '1,2,4', '1..=8', or doublings '1..=128x2' [default: 1 and the number of
    /// CPUs; in the model doublings up to 128]
    #[arg(
        long,
        value_name = "N..",
        allow_hyphen_values = true,
        value_parser = thread_counts,
        help_heading = "What"
    )]
    pub threads: Option<NumberList>,

    /// Clear and copy frames or not: 'none' does neither and shows the lock alone, 'real' shows
    /// what a program would see [default: none,real]
    #[arg(
        long,
        value_name = "B,..",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(bodies()).map(body),
        help_heading = "What"
    )]
    pub body: Vec<Body>,

    /// CPUs for threads: 'linux' (cores before siblings, sockets and their last-level caches in
    /// turn), 'scatter' (the same, but one cache of a socket after the other), 'compact' (one
    /// socket after the other), 'smt' (siblings together), or a list such as '0,2,4..=7'
    #[arg(long, value_name = "P", default_value_t, help_heading = "What")]
    pub placement: Placement,

    /// Prefetch mmap_lock for writing when a fault begins, as x86 kernels before 6.16 do: one
    /// setting for all strategies
    #[arg(
        long,
        value_name = "on|off",
        default_value = "off",
        action = ArgAction::Set,
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(["on", "off"]).map(|word| word == "on"),
        help_heading = "What"
    )]
    pub entry_prefetch: bool,

    /// Kernel that all strategies run in, which shows the differences of the schemes alone: a
    /// name from 'list kernels' or a path [default: each runs in its own]
    #[arg(long, value_name = "KERNEL", help_heading = "What")]
    pub kernel: Option<String>,

    /// Vary a poorly known machine parameter of the model, by its key in machine files:
    /// 'upgrade-ns=0.7,1,1.3' (factors) or 'request-share=0.1,0.2' (values; see
    /// machines/README.md). Or vary the work between touches: 'think=0ns,1us,10us' shows at which
    /// fault rate a strategy starts to matter. Or vary the period of writers that have one:
    /// 'every=20us,200us'. May be repeated: all combinations run
    #[arg(long, value_name = "NAME=VALUES", help_heading = "What")]
    pub vary: Vec<Vary>,

    /// Seed of every random draw: the same seed touches the same pages in the same order
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_hyphen_values = true,
        value_parser = natural,
        help_heading = "What"
    )]
    pub seed: u64,

    /// Length of a storm, such as '100ms': a number with ns, us, ms or s [default: the workload's;
    /// in the model, whose time is virtual, 2048 faults per thread]
    #[arg(
        long = "time",
        value_name = "TIME",
        allow_hyphen_values = true,
        value_parser = positive_time,
        help_heading = "How long"
    )]
    pub time_ns: Option<u64>,

    /// Time at the start of each storm that is not measured, such as '50ms'; '0s' for none
    /// [default: the workload's; in the model none]
    #[arg(
        long = "warmup",
        value_name = "TIME",
        allow_hyphen_values = true,
        value_parser = parse_time,
        help_heading = "How long"
    )]
    pub warmup_ns: Option<u64>,

    /// End a storm after N faults of each thread, not after a time
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "time_ns",
        allow_hyphen_values = true,
        value_parser = |text: &str| whole_number(text, FAULTS_MAX),
        help_heading = "How long"
    )]
    pub faults: Option<u64>,

    /// Measured storms of each cell; a result's interval is over these. In the model they differ by
    /// their seed [default: 4 to 12, until the verdict on the cell is certain; 5 if nothing is
    /// compared; in the model 1]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = |text: &str| small_number(text, REPEATS_MAX),
        help_heading = "How long"
    )]
    pub repeats: Option<u32>,

    /// Cells of the model that run at the same time; fewer if memory is short [default: the number
    /// of CPUs]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = |text: &str| small_number(text, JOBS_MAX),
        help_heading = "How long"
    )]
    pub jobs: Option<u32>,

    /// Skip the second pass, which counts transfers of cache lines
    #[arg(long, help_heading = "Output")]
    pub no_lines: bool,

    /// Add a pass that times the stages of a fault: lookup, lock, allocate, clear, install and
    /// unlock
    #[arg(long, help_heading = "Output")]
    pub stages: bool,

    /// Measure the cost of an empty page-fault exception before the storms, so that faults of the
    /// kernel and simulated faults can be compared without it. Only on x86-64
    #[arg(long, help_heading = "Output")]
    pub trap_cost: bool,

    /// Print all tables after the screen: rates, ratios, lines, latencies, fallbacks. A document
    /// has them too: 'faultstorm report DOCUMENT --format text'
    #[arg(long, help_heading = "Output")]
    pub details: bool,

    /// File of the document; '-' is standard output, without the screen [default:
    /// results/UTC-WORKLOADS.json if results/ exists, else ./faultstorm-UTC.json]
    #[arg(long, value_name = "PATH|-", help_heading = "Output")]
    pub json: Option<Target>,

    /// Replace the file of --json if it exists
    #[arg(long, help_heading = "Output")]
    pub force: bool,

    /// Also write a CSV file with one row per cell
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub csv: Option<PathBuf>,

    /// Also write a page with charts and tables, as 'faultstorm report' does
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub html: Option<PathBuf>,

    /// Open the page of --html in a browser, by xdg-open
    #[arg(long, requires = "html", help_heading = "Output")]
    pub open: bool,

    /// Print only warnings and errors: no progress, no screen, no tables
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
}

impl RunArgs {
    /// True if no flag is given except for the files of the results: such a run takes a minute.
    pub fn is_plain(&self) -> bool {
        let asked = RunArgs {
            json: None,
            csv: None,
            html: None,
            open: false,
            force: false,
            quiet: false,
            details: false,
            ..self.clone()
        };
        asked == RunArgs::plain()
    }

    /// Returns the arguments of a run without flags.
    fn plain() -> RunArgs {
        RunArgs::parsed("")
    }

    /// Returns the arguments of the part on this machine of a run without flags. Many short storms
    /// tell more than a few long ones.
    pub fn plain_host(&self) -> RunArgs {
        let RunArgs { time_ns, warmup_ns, .. } = RunArgs::parsed(PLAIN_HOST);
        RunArgs { time_ns, warmup_ns, ..self.clone() }
    }

    /// Returns the arguments of the part in the model of a run without flags.
    pub fn plain_model() -> RunArgs {
        RunArgs::parsed(PLAIN_MODEL)
    }

    /// Returns the arguments in `words`, which must be valid.
    pub(crate) fn parsed(words: &str) -> RunArgs {
        let run = RunArgs::augment_args(clap::Command::new("run").no_binary_name(true));
        let found = run.get_matches_from(words.split_whitespace());
        RunArgs::from_arg_matches(&found).expect("the words are right")
    }

    /// Returns the worlds to run in.
    pub fn worlds(&self) -> &[WorldArg] {
        if self.on.is_empty() { &[WorldArg::Host] } else { &self.on }
    }

    /// Returns the requested bodies, each once: true if pages are cleared and copied.
    pub fn real_bodies(&self) -> BTreeSet<bool> {
        let asked = self.body.iter().map(|body| *body == Body::Real);
        if self.body.is_empty() { [false, true].into() } else { asked.collect() }
    }

    /// Returns the varied parameters of the model's machine.
    pub fn machine_vary(&self) -> Vec<MachineVary> {
        let of_machine = |vary: &Vary| match vary {
            Vary::Machine(vary) => Some(vary.clone()),
            Vary::ThinkNs(_) | Vary::EveryNs(_) | Vary::Kernels(_) => None,
        };
        self.vary.iter().filter_map(of_machine).collect()
    }

    /// Returns the kernels that all strategies run in, one after the other.
    pub fn kernels(&self) -> Vec<String> {
        let varied = |vary: &Vary| match vary {
            Vary::Kernels(kernels) => kernels.clone(),
            _ => Vec::new(),
        };
        self.kernel.iter().cloned().chain(self.vary.iter().flat_map(varied)).collect()
    }

    /// Returns the times between two touches, in nanoseconds; `None`: the workload's own.
    pub fn think_ns(&self) -> Vec<Option<u64>> {
        let think = |vary: &Vary| match vary {
            Vary::ThinkNs(times) => times.clone(),
            _ => BTreeSet::new(),
        };
        all_or_as_written(self.vary.iter().flat_map(think).collect())
    }

    /// Returns the periods of writers' operations, in nanoseconds; `None`: the workload's own.
    pub fn every_ns(&self) -> Vec<Option<u64>> {
        let every = |vary: &Vary| match vary {
            Vary::EveryNs(times) => times.clone(),
            _ => BTreeSet::new(),
        };
        all_or_as_written(self.vary.iter().flat_map(every).collect())
    }
}

fn all_or_as_written(times: BTreeSet<u64>) -> Vec<Option<u64>> {
    if times.is_empty() { vec![None] } else { times.into_iter().map(Some).collect() }
}

/// Returns the values of `--body`.
fn bodies() -> [PossibleValue; 2] {
    [
        PossibleValue::new("none").help("Frames are allocated, but neither cleared nor copied"),
        PossibleValue::new("real").help("Frames are cleared and copied"),
    ]
}

fn body(name: String) -> Body {
    if name == "real" { Body::Real } else { Body::None }
}

/// Parses a list of thread counts.
fn thread_counts(text: &str) -> Result<NumberList, String> {
    let threads: NumberList = text.parse().map_err(|error| format!("{error}"))?;
    match threads.as_slice().iter().find(|count| !(1..=THREADS_MAX).contains(*count)) {
        Some(0) => Err("a storm needs at least 1 thread".into()),
        Some(count) => Err(format!("a storm has at most {THREADS_MAX} threads, not {count}")),
        None => Ok(threads),
    }
}

/// Parses a time in nanoseconds that is not 0.
fn positive_time(text: &str) -> Result<u64, String> {
    match parse_time(text).map_err(|error| error.to_string())? {
        0 => Err("a storm must last longer than 0s".into()),
        time_ns => Ok(time_ns),
    }
}
