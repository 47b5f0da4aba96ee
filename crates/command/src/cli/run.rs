//! What `faultstorm run` takes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, FromArgMatches, ValueEnum, value_parser};

use super::{Vary, World};
use base::numbers::NumberList;
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
      a workload of your own, the price of the lock alone
  faultstorm run huge-anon-read --time 1s --repeats 20 --json run.json
      long enough to quote, the document where you want it
  faultstorm run huge-anon --threads 4 --placement 0,2,4,6 --json - --quiet
      on chosen CPUs, the document to a pipe
  faultstorm run huge-anon --on model:xeon-icelake-2s --threads 1..=128x2
      on a machine that is not here: the same strategies in the model
  faultstorm run huge-anon --on kernel --on host --on model:xeon-icelake-2s
      the running kernel beside both simulations, in one table; --trap-cost says
      how much of a real fault is the exception alone
  faultstorm run huge-anon --vary think=0ns,300ns,1us,3us,10us,30us,100us
      how often a program may fault before a strategy costs it anything

Exit codes: 0 done, 2 bad input or usage, 4 a storm failed, 5 interrupted (what
was measured is on disk), 6 the machine cannot do what was asked.";

/// This machine where nothing is asked for. Storms scatter no more than with the usual 50 ms of
/// each, and two and a half times as many take place.
const PLAIN_HOST: &str = "--warmup 10ms --time 30ms";

/// The model where nothing is asked for: so many faults (two page tables of each thread) that two
/// cores need a third of a minute for the seed workloads under all strategies, each in its own
/// kernel and all in one.
const PLAIN_MODEL: &str = "--on model:xeon-icelake-2s --threads 64 --body none --faults 1024";

/// What `faultstorm run` takes. A flag beats the workload file; `None` leaves it to the
/// file or to the run.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// Names from 'faultstorm list workloads', or paths of TOML files [default: the
    /// seed workloads]
    #[arg(value_name = "WORKLOAD")]
    pub workloads: Vec<String>,

    /// World to run in: 'host', real threads on this machine; 'kernel', the page faults of
    /// the running kernel; or 'model:MACHINE', a deterministic multicore (see 'list
    /// machines', or a path). May be repeated [default: host]
    #[arg(long, value_name = "WORLD", help_heading = "What")]
    pub on: Vec<World>,

    /// Strategies, as NAME or NAME:VARIANT, separated by commas [default: all, without
    /// variants]
    #[arg(long, value_name = "S,..", value_delimiter = ',', help_heading = "What")]
    pub strategy: Vec<String>,

    /// Numbers of threads: '1,2,4', '1..=8', or by doubling '1..=128x2' [default: 1
    /// and as many as there are CPUs; in the model doublings up to 128]
    #[arg(long, value_name = "N..", value_parser = thread_counts, help_heading = "What")]
    pub threads: Option<NumberList>,

    /// Whether frames are really cleared and copied: 'none' leaves it out and shows
    /// the lock alone, 'real' shows what a program would see [default: none,real]
    #[arg(long, value_name = "B,..", value_delimiter = ',', help_heading = "What")]
    pub body: Vec<Body>,

    /// CPUs for threads: 'scatter' (cores before siblings, sockets in turn), 'compact'
    /// (socket after socket), 'smt' (siblings together), or a list as '0,2,4..=7'
    #[arg(long, value_name = "P", default_value = "scatter", help_heading = "What")]
    pub placement: Placement,

    /// Prefetch mmap_lock for writing on entry to a fault, as x86 kernels before 6.16
    /// do: one setting for all strategies
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

    /// Kernel that all strategies are put into, to see what the schemes alone are worth: a
    /// name from 'list kernels' or a path [default: each stands in its own]
    #[arg(long, value_name = "KERNEL", help_heading = "What")]
    pub kernel: Option<String>,

    /// Vary a poorly known number of the model's machine, by its key in machine files:
    /// 'upgrade-ns=0.7,1,1.3' (a factor) or 'reuse-k=1,2,4' (itself; see machines/README.md);
    /// or the work between touches, as 'think=0ns,1us,10us', to see at which fault rate a
    /// strategy starts to matter, or the pace of writers that have one, as
    /// 'every=20us,200us'. May be repeated: all combinations
    #[arg(long, value_name = "NAME=VALUES", help_heading = "What")]
    pub vary: Vec<Vary>,

    /// Seed of every random draw: the same seed touches the same pages in the same order
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "What")]
    pub seed: u64,

    /// Length of a storm, as '100ms': a number with ns, us, ms or s [default: the
    /// workload's; in the model, where it is virtual, 2048 faults a thread]
    #[arg(
        long = "time",
        value_name = "TIME",
        value_parser = positive_time,
        help_heading = "How long"
    )]
    pub time_ns: Option<u64>,

    /// Unmeasured storming at the start of each storm, as '50ms'; '0s' for none
    /// [default: the workload's; in the model none]
    #[arg(
        long = "warmup",
        value_name = "TIME",
        value_parser = parse_time,
        help_heading = "How long"
    )]
    pub warmup_ns: Option<u64>,

    /// End a storm after N faults of each thread, rather than after a time
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "time_ns",
        value_parser = value_parser!(u64).range(1..),
        help_heading = "How long"
    )]
    pub faults: Option<u64>,

    /// Measured storms of each cell; the interval of a result is over them. In the model
    /// they differ by their seed [default: 4 to 12, until the verdict on the cell is sure; 5
    /// where nothing is compared; in the model 1]
    #[arg(
        long,
        value_name = "N",
        value_parser = value_parser!(u32).range(1..),
        help_heading = "How long"
    )]
    pub repeats: Option<u32>,

    /// Cells of the model that run at the same time, or fewer where memory is short [default:
    /// as many as there are CPUs]
    #[arg(
        long,
        value_name = "N",
        value_parser = value_parser!(u32).range(1..=1024),
        help_heading = "How long"
    )]
    pub jobs: Option<u32>,

    /// Skip the second pass, which counts transfers of cache lines
    #[arg(long, help_heading = "Output")]
    pub no_lines: bool,

    /// Add a pass that measures time in lookup, lock, allocate, clear, install and
    /// unlock
    #[arg(long, help_heading = "Output")]
    pub stages: bool,

    /// Before the storms, measure what an empty page-fault exception costs here, so that
    /// faults of the kernel and simulated ones can be compared without it. On x86-64
    #[arg(long, help_heading = "Output")]
    pub trap_cost: bool,

    /// All tables behind the one screen: rates, ratios, lines, latencies, fallbacks. A
    /// document has them too: 'faultstorm report DOCUMENT --format text'
    #[arg(long, help_heading = "Output")]
    pub details: bool,

    /// Where the document goes; '-' is standard output, without the screen [default:
    /// results/UTC-WORKLOADS.json where there is a results/, else
    /// ./faultstorm-UTC.json]
    #[arg(long, value_name = "PATH|-", help_heading = "Output")]
    pub json: Option<Target>,

    /// Also write a row per cell to a CSV file
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub csv: Option<PathBuf>,

    /// Also write a page with charts and tables, as 'faultstorm report' does
    #[arg(long, value_name = "PATH", help_heading = "Output")]
    pub html: Option<PathBuf>,

    /// No progress, no screen and no tables; warnings and errors only
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
}

/// Whether the memory of frames is really written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Body {
    /// Frames are allocated, but neither cleared nor copied.
    None,
    /// Frames are cleared and copied.
    Real,
}

/// Where a document goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output: `-`.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl RunArgs {
    /// Whether nothing is asked for but where the results go: then a run has a minute.
    pub fn is_plain(&self) -> bool {
        let asked = RunArgs {
            json: None,
            csv: None,
            html: None,
            quiet: false,
            details: false,
            ..self.clone()
        };
        asked == RunArgs::plain()
    }

    /// What a run takes that is given nothing.
    fn plain() -> RunArgs {
        RunArgs::parsed("")
    }

    /// The part of a run of a minute that is on this machine: many short storms say more than
    /// few long ones.
    pub fn plain_host(&self) -> RunArgs {
        let RunArgs { time_ns, warmup_ns, .. } = RunArgs::parsed(PLAIN_HOST);
        RunArgs { time_ns, warmup_ns, ..self.clone() }
    }

    /// The part of a run of a minute that is in the model.
    pub fn plain_model() -> RunArgs {
        RunArgs::parsed(PLAIN_MODEL)
    }

    /// What a run takes that is given `words`, which are right.
    fn parsed(words: &str) -> RunArgs {
        let run = RunArgs::augment_args(clap::Command::new("run").no_binary_name(true));
        let found = run.get_matches_from(words.split_whitespace());
        RunArgs::from_arg_matches(&found).expect("the words are right")
    }

    /// The worlds to run in.
    pub fn worlds(&self) -> &[World] {
        if self.on.is_empty() { &[World::Host] } else { &self.on }
    }

    /// Whether pages are cleared and copied: each way that is asked for, once.
    pub fn real_bodies(&self) -> BTreeSet<bool> {
        let asked = self.body.iter().map(|body| *body == Body::Real);
        if self.body.is_empty() { [false, true].into() } else { asked.collect() }
    }

    /// What is varied of the model's machine.
    pub fn machine_vary(&self) -> Vec<MachineVary> {
        let of_machine = |vary: &Vary| match vary {
            Vary::Machine(vary) => Some(vary.clone()),
            Vary::ThinkNs(_) | Vary::EveryNs(_) | Vary::Kernels(_) => None,
        };
        self.vary.iter().filter_map(of_machine).collect()
    }

    /// The kernels that all strategies are put into, one after the other.
    pub fn kernels(&self) -> Vec<String> {
        let varied = |vary: &Vary| match vary {
            Vary::Kernels(kernels) => kernels.clone(),
            _ => Vec::new(),
        };
        self.kernel.iter().cloned().chain(self.vary.iter().flat_map(varied)).collect()
    }

    /// The times between two touches, in nanoseconds; `None` as the workload has it.
    pub fn think_ns(&self) -> Vec<Option<u64>> {
        let think = |vary: &Vary| match vary {
            Vary::ThinkNs(times) => times.clone(),
            _ => BTreeSet::new(),
        };
        all_or_as_written(self.vary.iter().flat_map(think).collect())
    }

    /// The paces of writers' operations, in nanoseconds; `None` as the workload has them.
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

impl FromStr for Target {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Target, Self::Err> {
        Ok(match text {
            "-" => Target::Stdout,
            path => Target::File(path.into()),
        })
    }
}

/// Parses a list of numbers of threads.
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
