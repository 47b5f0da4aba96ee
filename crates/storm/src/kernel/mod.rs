//! Storms on the running kernel: real mappings, real accesses, real page faults.
//!
//! Plan, rounds, pacing and samples are those of every world. The target differs: a space
//! maps memory of this process at the addresses of the plan, a touch is one instruction,
//! and what it brought about is read from the kernel's own counters.

mod counts;
mod events;
mod expected;
mod fault_around;
mod files;
pub(super) mod found;
mod huge_pages;
mod ops;
mod signal;
mod space;
mod touch;
mod unsupported;

pub use self::found::KernelFindings;
pub use self::unsupported::{refuses, remarks};

use self::expected::expected;
use self::fault_around::FaultAround;
use self::space::ProcessSpace;
use super::contents::Contents;
use super::gate::{Gate, GateBroken};
use super::merge::{ThreadResult, merge};
use super::meter::Meter;
use super::order::PagesIter;
use super::panics::guarded;
use super::plan::Plan;
use super::platform::Platform;
use super::steps::{TouchPlan, WriterOp};
use super::target::{Shared, StormTarget, ThreadSetup, Toucher};
use super::threads::{self, Failed};
use super::worker::Worker;
use super::{Storm, StormError, StormRequest};
use crossbeam_utils::CachePadded;
use host::affinity;
use host::clock::Clock;
use host::{Roots, kernel_locks};
use machine::host::Recorded;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use workload::{Reset, Until};

/// Storms have the same addresses of the one space of this process, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The world of the running kernel.
pub struct RunningKernel;

impl Platform for RunningKernel {
    type Clock = Clock;
    type Counter = CachePadded<AtomicU64>;

    fn wait_until(clock: &Clock, at: u64) {
        threads::wait_until(clock, at);
    }

    fn is_on(cpu: usize) -> bool {
        affinity::current_cpu() == cpu
    }
}

impl StormTarget for RunningKernel {
    type Space = ProcessSpace;
    type Core = ();
    /// The two calls of `getrusage` and the look at the clock around a batch take as
    /// long as one or two touches.
    const TOUCHES_PER_CHECK: u64 = 512;

    fn core(_: &Shared<Self>, _: usize) {}

    fn touch(
        space: &ProcessSpace,
        toucher: &mut Toucher<Self>,
        touch: &TouchPlan,
        pages: &mut PagesIter,
        count: u64,
    ) {
        toucher.touch_kernel(space.kind(touch), touch, pages, count);
    }

    fn edit(space: &ProcessSpace, _: &mut (), edit: &WriterOp) -> bool {
        space.edit(edit)
    }

    fn put_back(shared: &Shared<Self>, _: &mut (), thread: usize) -> Result<(), GateBroken> {
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
/// If anything panics, a thread is stuck, or the machine does not give what is needed.
pub fn run(request: &StormRequest) -> Result<Storm, StormError> {
    guarded(|| storm(request))
}

fn storm(request: &StormRequest) -> Result<Storm, StormError> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    signal::install()?;
    let (workload, executor) = (request.workload, request.executor.threads());
    let around = FaultAround::of(workload, &Roots::default())?;
    let plan = Plan::new(workload, request.weighted_threads, request.seed, request.until)?;
    let threads = plan.threads.len();
    space::touch_before(plan.frames)?;
    let contents = Contents::new(&plan, request.seed);
    let space = ProcessSpace::new(workload, &plan, &contents, around.bytes())?;
    let files = space.file_facts()?;
    let setup = ThreadSetup {
        gate: Gate::of_threads(threads),
        clock: executor.clock,
        cpus: executor.cpus.into(),
        sample_period: executor.sample_period,
    };
    let shared = Shared::<RunningKernel>::new(request, plan, contents, Box::new(space), setup);
    let vmstat = kernel_locks::events(&Roots::default());
    let (warmup, until) = (threads::warmup(request.until, request.warmup_ns), request.until);
    let recording = executor.recording;
    let counted = Arc::new(events::EventsSum::default());
    let sum = counted.clone();
    let (results, shared) = threads::run(shared, move |shared: &Shared<RunningKernel>, number| {
        let mut own = events::ThreadEvents::open(recording);
        let result = on_thread(shared, number, warmup, until, &mut own)?;
        sum.add(own.read());
        Ok(result)
    })?;
    drop(shared);
    let mut storm = merge(results, None, workload)?;
    let counts = &storm.counts;
    storm.kernel = Some(KernelFindings {
        minor: counts.faults - counts.major - counts.segv - counts.sigbus,
        major: counts.major,
        expected: expected(workload, counts, threads, around.bytes()),
        fault_around_bytes: around.told(),
        huge_pages: workload.huge_pages,
        files,
        vma_lock_events: kernel_locks::growth(&vmstat, &kernel_locks::events(&Roots::default())),
        events: counted.get(),
    });
    Ok(storm)
}

fn on_thread(
    shared: &Shared<RunningKernel>,
    number: usize,
    warmup: Option<Until>,
    until: Until,
    events: &mut events::ThreadEvents,
) -> Result<ThreadResult, Failed> {
    let mut worker = Worker::new(shared, number);
    let (window, meter) = worker.measure(warmup, until, || events.on(), Meter::open)?;
    Ok(worker.finish(window, Recorded::default(), meter.read()))
}
