//! The request for a storm.

use host::clock::Clock;
use machine::model::{Parameters, Place};
use mm::fault::Kind;
use mm::frames::Arena;
use mm::kernel::Kernel;
use std::sync::Arc;
use workload::{Until, Workload};

/// A storm that is to be run, by any executor.
#[derive(Clone, Copy)]
pub struct StormRequest<'a> {
    /// The workload.
    pub workload: &'a Workload,
    /// Threads that groups with a weight share; groups with a fixed number add theirs:
    /// [`total_threads`](crate::plan::total_threads).
    pub weighted_threads: usize,
    /// True if pages are cleared, copied and written; in the model, whether that is charged.
    pub real_body: bool,
    /// True if the fault entry prefetches mmap_lock's line for writing, whatever the kernel does.
    pub entry_prefetch: bool,
    /// The kernel whose layouts and rules the space has; `None`: the scheme's own.
    pub kernel: Option<&'static Kernel>,
    /// Seed of every random draw.
    pub seed: u64,
    /// Storming before the measurement, in nanoseconds of the executor's time.
    pub warmup_ns: u64,
    /// When the storm ends.
    pub until: Until,
    /// Its executor.
    pub executor: Executor<'a>,
}

/// An executor of storms.
#[derive(Clone, Copy)]
pub enum Executor<'a> {
    /// Threads of this machine, in a simulated space or in that of the running kernel.
    Threads(ThreadExecutor<'a>),
    /// Cores of the model.
    Model(ModelExecutor<'a>),
}

/// Threads of this machine, and how they are measured.
#[derive(Clone, Copy)]
pub struct ThreadExecutor<'a> {
    /// The CPU of each thread, those of fixed groups included.
    pub cpus: &'a [usize],
    /// Recording in addition to counts.
    pub recording: Recording,
    /// Faults, on average, for each one whose latency is sampled; 0: none is.
    pub sample_period: u64,
    /// The clock of windows and latencies.
    pub clock: Clock,
    /// Memory for frames: at least as many as the plan says, if `real_body` is set.
    pub arena: &'a Arc<Arena>,
}

/// A machine of the model.
#[derive(Clone, Copy)]
pub struct ModelExecutor<'a> {
    /// The machine.
    pub machine: &'a Parameters,
    /// The place of each core, those of fixed groups included.
    pub places: &'a [Place],
    /// True if one fault of core 0 is traced, and of which kind; of any if `Some(None)`.
    pub trace: Option<Option<Kind>>,
}

impl<'a> Executor<'a> {
    /// Returns the threads of this machine.
    ///
    /// # Panics
    /// If it is the model: the caller has taken the runner of another world.
    pub fn threads(&self) -> &ThreadExecutor<'a> {
        match self {
            Self::Threads(threads) => threads,
            Self::Model(_) => panic!("a storm of the model is not run by threads"),
        }
    }

    /// Returns the machine of the model.
    ///
    /// # Panics
    /// If it is threads: the caller has taken the runner of another world.
    pub fn model(&self) -> &ModelExecutor<'a> {
        match self {
            Self::Model(model) => model,
            Self::Threads(_) => panic!("a storm of threads is not run by the model"),
        }
    }
}

/// A recording in addition to counts. Each costs time, so each has a storm of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Throughput and sampled latency.
    Throughput,
    /// Transfers of lines; of the running kernel, which shows none, its events.
    Lines,
    /// Transfers of lines, and those that a directory counts of the same accesses.
    Audit,
    /// Time by stage of a fault.
    Stages,
}
