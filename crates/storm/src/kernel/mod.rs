//! Storms on the running kernel: real mappings, real accesses, real page faults.
//!
//! Plan, rounds, pacing and samples are those of every world. What differs is the ground:
//! a space maps memory of this process where the plan says, a touch is one instruction,
//! and what it brought about is read from the kernel's own counters.

mod counts;
mod events;
mod expected;
mod fault_around;
mod files;
mod huge_pages;
mod ops;
mod signal;
mod space;
mod touch;
mod unsupported;

pub use self::unsupported::{refuses, remarks};

use self::expected::expected;
use self::fault_around::FaultAround;
use self::files::FileFacts;
use self::space::Space;
use self::touch::Hands;
use super::contents::Contents;
use super::gate::{Broken, Gate};
use super::merge::{Allowed, ThreadResult, merge};
use super::order::PagesIter;
use super::plan::Plan;
use super::round::{Parts, Shared};
use super::steps::{Edit, TouchPlan};
use super::tally::Tally;
use super::threads::{self, Failed, group_names};
use super::worker::Worker;
use super::world::{Ground, World};
use super::{Spec, Storm, StormError, ThreadStorm, guarded};
use host::affinity;
use host::clock::Clock;
use host::{Roots, kernel_locks};
use machine::host::Recorded;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use workload::{Reset, Until};

/// Storms have the same addresses of the one space of this process, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The world of the running kernel.
pub struct Kernel;

/// What the running kernel tells of a storm.
#[derive(Debug, Clone)]
pub struct KernelStorm {
    /// Faults that it counts as minor (`ru_minflt` of the storming threads).
    pub minor: u64,
    /// Faults that it counts as major: they waited for I/O (`ru_majflt`).
    pub major: u64,
    /// How many faults so many touches can be.
    pub expected: RangeInclusive<u64>,
    /// Bytes that a read fault of a file maps around it; none where nobody may know.
    pub fault_around_bytes: Option<u64>,
    /// Whether huge pages were asked for; else they are forbidden.
    pub huge_pages: bool,
    /// Where each file is and how much of it was cached, by its name.
    pub files: BTreeMap<String, FileFacts>,
    /// By how much the events of per-VMA locks grew in the whole system, by name; empty
    /// where the kernel does not count them.
    pub vma_lock_events: BTreeMap<String, u64>,
    /// What its events say of the same storm, where they were recorded.
    pub events: events::Recorded,
}

impl World for Kernel {
    type Clock = Clock;
    type Gate = Gate;

    fn wait_until(clock: &Clock, at: u64) {
        threads::wait_until(clock, at);
    }

    fn is_on(cpu: usize) -> bool {
        affinity::current_cpu() == cpu
    }
}

impl Ground for Kernel {
    type Space = Space;
    type Hands = Hands;
    /// What surrounds a batch, two calls of `getrusage` and a look at the clock, takes as
    /// long as one or two touches.
    const TOUCHES_PER_CHECK: u64 = 512;

    fn hands(shared: &Shared<Self>, thread: usize) -> Hands {
        Hands::new(Tally::new::<Self>(shared.sample_period, shared.seed, thread), shared.clock)
    }

    fn touch(
        space: &Space,
        hands: &mut Hands,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        count: u64,
    ) {
        hands.touch(space.kind(touch), touch, pages, count);
    }

    fn edit(space: &Space, _: &mut Hands, edit: &Edit) -> bool {
        space.edit(edit)
    }

    fn put_back(shared: &Shared<Self>, _: &mut Hands, thread: usize) -> Result<(), Broken> {
        let (space, plan) = (&shared.space, &shared.plan);
        // By its slice, so that a thread's pages go back to the lists of its CPU.
        space.zap_share(&plan.mappings, thread as u64, plan.threads.len() as u64);
        shared.gate.wait()?;
        if thread == 0 {
            if shared.has_changes || shared.reset == Reset::Remap {
                space.unmap();
                space.map_all(&plan.mappings).unwrap_or_else(|error| panic!("{error}"));
            }
            space.restore_files().unwrap_or_else(|error| panic!("{error}"));
        }
        shared.gate.wait()
    }
}

/// Runs a storm on the running kernel. Another storm of this process is waited for.
///
/// # Errors
/// Where anything panics, a thread is stuck, or the machine does not give what is needed.
pub fn run(spec: &Spec) -> Result<Storm, StormError> {
    guarded(|| storm(spec))
}

fn storm(spec: &Spec) -> Result<Storm, StormError> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    signal::install()?;
    let around = FaultAround::of(spec.workload, &Roots::default())?;
    let plan = Plan::new(spec.workload, spec.threads, spec.seed, spec.until)?;
    space::touch_before(plan.frames)?;
    let contents = Contents::new(&plan, spec.seed);
    let space = Space::new(spec.workload, &plan, &contents, around.bytes())?;
    let files = space.file_facts()?;
    let shared = Shared::<Kernel>::new(
        Box::new(space),
        Parts {
            workload: spec.workload,
            gate: Gate::new(plan.threads.len()),
            plan,
            contents,
            cpus: spec.cpus.into(),
            clock: spec.clock,
            sample_period: spec.sample_period,
            seed: spec.seed,
        },
    );
    let vmstat = kernel_locks::events(&Roots::default());
    let groups = group_names(spec.workload);
    let (warmup_ns, until, recording) = (spec.warmup_ns, spec.until, spec.recording);
    let counted = Arc::new(events::Sum::default());
    let sum = counted.clone();
    let (results, shared) = threads::run(shared, move |shared: &Shared<Kernel>, number| {
        let mut own = events::OfThread::open(recording);
        let result = on_thread(shared, number, &groups, warmup_ns, until, &mut own)?;
        sum.add(own.read());
        Ok(result)
    })?;
    drop(shared);
    let mut storm = merge(results, None, Allowed { segv: spec.workload.may_segv() })?;
    let counts = &storm.counts;
    storm.kernel = Some(KernelStorm {
        minor: counts.faults - counts.major - counts.segv - counts.sigbus,
        major: counts.major,
        expected: expected(spec.workload, counts, spec.threads, around.bytes()),
        fault_around_bytes: around.told(),
        huge_pages: spec.workload.huge_pages,
        files,
        vma_lock_events: kernel_locks::growth(&vmstat, &kernel_locks::events(&Roots::default())),
        events: counted.get(),
    });
    Ok(storm)
}

fn on_thread(
    shared: &Shared<Kernel>,
    number: usize,
    groups: &[String],
    warmup_ns: u64,
    until: Until,
    events: &mut events::OfThread,
) -> Result<ThreadResult, Failed> {
    let mut worker = Worker::new(shared, number);
    let (window, meter) = threads::measure(&mut worker, warmup_ns, until, || events.on())?;
    let Tally { counts, latency, .. } = worker.hands.tally;
    Ok(ThreadResult {
        thread: ThreadStorm {
            group: groups[shared.plan.threads[number].group].clone(),
            cpu: shared.cpus[number],
            strayed: worker.strayed,
            yields: 0,
            faults: window.faults.round() as u64,
        },
        ops: worker.ops,
        shootdowns: Default::default(),
        grace_periods: None,
        translations: Ok(()),
        counts,
        latency,
        recorded: Recorded::default(),
        io: worker.io,
        io_asked_ns: worker.io_asked_ns,
        perf: meter.read(),
        window,
    })
}
