//! Storms on this machine's own cores: real threads, pinned.

use super::contents::Contents;
use super::gate::{Broken, Gate};
use super::merge::{Allowed, ThreadResult, merge};
use super::meter::Meter;
use super::plan::Plan;
use super::round::Shared;
use super::setup::{self, Options};
use super::stormed::MakeSpace;
use super::worker::Worker;
use super::world::{self, Meeting, World};
use super::{Spec, Storm, StormError, ThreadStorm, panic_message};
use crate::host::Roots;
use crate::host::affinity;
use crate::host::clock::Clock;
use crate::host::memory::Memory;
use crate::host::topology::{self, Topology};
use crate::machine::Ordering;
use crate::machine::host::{self, Cores, Host, Record};
use crate::mm::vmstat::normal_threshold;
use crate::workload::Until;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread may make no progress. The longest single step of a storm, the
/// reset of a thread's share, takes well under a second for each GiB.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// What is left of a wait when it spins: the timer slack and a wake-up.
const SLEEP_TAIL: Duration = Duration::from_micros(120);
/// The longest sleep before a waiting writer looks whether the others are done.
const SLEEP_MAX: Duration = Duration::from_millis(1);

impl<A: Record> World for Host<A> {
    type Clock = Clock;
    type Gate = Gate;

    fn pause(paused: bool) {
        A::pause(paused);
    }

    fn wait_until(clock: &Clock, at: u64) {
        let left = Duration::from_nanos(clock.delta_ns(clock.unordered(), at) as u64);
        // A sleep ends late: its tail is spent spinning.
        if left > SLEEP_TAIL {
            thread::sleep((left - SLEEP_TAIL).min(SLEEP_MAX));
        } else {
            std::hint::spin_loop();
        }
    }

    fn is_on(cpu: usize) -> bool {
        affinity::current_cpu() == cpu
    }
}

impl world::Clock for Clock {
    #[inline(always)]
    fn start(&self) -> u64 {
        self.start()
    }

    #[inline(always)]
    fn end(&self) -> u64 {
        self.end()
    }

    #[inline(always)]
    fn unordered(&self) -> u64 {
        self.unordered()
    }

    #[inline(always)]
    fn delta_ns(&self, from: u64, to: u64) -> f64 {
        self.delta_ns(from, to)
    }

    fn ticks(&self, ns: u64) -> u64 {
        self.ticks(ns)
    }
}

impl Meeting for Gate {
    fn wait(&self) -> Result<(), Broken> {
        self.wait()
    }

    fn is_broken(&self) -> bool {
        self.is_broken()
    }
}

type Answer = (usize, thread::Result<Result<ThreadResult, Failed>>);

/// Why a thread has no result.
enum Failed {
    /// Another panicked.
    Broken,
    /// It could not be placed.
    Machine(String),
}

impl From<Broken> for Failed {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

/// Runs a storm in the space that `make` makes, and checks its books.
///
/// # Errors
/// Where a thread panics or is stuck, the books do not balance, or the machine does
/// not give what is needed.
pub fn run<A: Record>(
    make: MakeSpace<Host<A>>,
    spec: &Spec,
    bytes_per_vma: u64,
) -> Result<Storm, StormError> {
    if let Some(why) = spec.workload.kernel.needs_a_model() {
        return Err(StormError::Machine(why));
    }
    let shared = Arc::new(share(make, spec));
    let threads = shared.plan.threads.len();
    assert_eq!(spec.cpus.len(), threads, "every thread has its CPU");
    let cores = Cores::new(threads);
    let (sender, answers) = channel::<Answer>();
    let mut handles = Vec::new();
    for number in 0..threads {
        let group = spec.workload.groups[shared.plan.threads[number].group].name.clone();
        let (warmup_ns, until) = (spec.warmup_ns, spec.until);
        let gate_keeper = shared.clone();
        let (shared, cores, sender) = (shared.clone(), cores.clone(), sender.clone());
        let storm = move || {
            let run =
                AssertUnwindSafe(|| run_thread(&shared, &cores, number, group, warmup_ns, until));
            let result = catch_unwind(run);
            if !matches!(result, Ok(Ok(_))) {
                shared.gate.break_up();
            }
            drop(shared);
            // The receiver is gone only where the run has given up on this storm.
            let _ = sender.send((number, result));
        };
        let thread = thread::Builder::new().name(name(number)).spawn(storm);
        handles.push(thread.map_err(|error| {
            gate_keeper.gate.break_up();
            StormError::Machine(format!("cannot start thread '{}': {error}", name(number)))
        })?);
    }
    drop(sender);
    let results = collect(&answers, &shared, threads)?;
    for handle in handles {
        handle.join().expect("a thread that has answered does not panic");
    }
    let shared = Arc::into_inner(shared).expect("all threads have ended");
    let allowed = Allowed { segv: spec.workload.may_segv() };
    let mut storm = merge(results, bytes_per_vma, allowed)?;
    storm.deferred_free_peak = shared.has_changes.then(|| shared.space.mm().deferred_free_peak());
    close_books(shared)?;
    Ok(storm)
}

/// Name of a thread, as a debugger and messages show it.
fn name(number: usize) -> String {
    format!("storm-{number}")
}

fn share<A: Record>(make: MakeSpace<Host<A>>, spec: &Spec) -> Shared<Host<A>> {
    let plan = Plan::new(spec.workload, spec.threads, spec.seed, spec.until);
    let cores = Cores::new(1);
    let _core = host::enter(&cores, 0);
    let threads = plan.threads.len();
    let contents = Contents::new(spec.workload, &plan, spec.seed);
    let (entry_prefetch, real_body) = (spec.entry_prefetch, spec.real_body);
    let nodes = topology::nodes_of(spec.cpus);
    let stat_threshold = stat_threshold();
    let options = Options {
        entry_prefetch,
        real_body,
        seed: spec.seed,
        nodes,
        stat_threshold,
        arena: spec.arena,
    };
    Shared {
        space: setup::space(make, spec.workload, &plan, &contents, &options),
        foreground: Default::default(),
        has_changes: spec.workload.has_changes(),
        contents,
        plan,
        gate: Gate::new(threads),
        spans: (0..threads).map(|_| Default::default()).collect(),
        progress: (0..threads).map(|_| Default::default()).collect(),
        cpus: spec.cpus.into(),
        reset: spec.workload.reset,
        clock: spec.clock,
        sample_period: spec.sample_period,
        seed: spec.seed,
    }
}

/// Pages that a core of this machine counts before it tells its zone.
fn stat_threshold() -> u64 {
    let topology = Topology::here().ok();
    let (cpus, nodes) = topology.map_or((1, 1), |here| (here.cpus.len(), here.nodes()));
    let memory = Memory::read(&Roots::default()).total_bytes.unwrap_or(0);
    normal_threshold(cpus, memory / nodes.max(1) as u64)
}

/// What is stormed unmeasured. A storm of a fixed size has a space made for that size,
/// so another like it warms it up.
fn warmup(until: Until, warmup_ns: u64) -> Until {
    match until {
        Until::Duration(_) | Until::Rounds(_) => Until::Duration(warmup_ns),
        Until::Touches(_) | Until::Faults(_) => until,
    }
}

fn run_thread<A: Record>(
    shared: &Shared<Host<A>>,
    cores: &Arc<Cores>,
    number: usize,
    group: String,
    warmup_ns: u64,
    until: Until,
) -> Result<ThreadResult, Failed> {
    let cpu = shared.cpus[number];
    affinity::pin(cpu)
        .map_err(|error| Failed::Machine(format!("cannot pin a thread to CPU {cpu}: {error}")))?;
    let _core = host::enter(cores, number);
    let mut worker = Worker::new(shared, number);
    A::start();
    if warmup_ns > 0 {
        worker.rounds(warmup(until, warmup_ns), &mut Meter::closed())?;
        worker.reset()?;
    }
    worker.forget();
    A::forget();
    let mut meter = Meter::open();
    let window = worker.rounds(until, &mut meter)?;
    let recorded = A::finish();
    let mut hands = worker.hands;
    let mm = shared.space.mm();
    let translations = mm.check_translations(&mut hands.core);
    mm.rest(&mut hands.core);
    mm.retire(&mut hands.core);
    Ok(ThreadResult {
        thread: ThreadStorm {
            group,
            cpu,
            strayed: worker.strayed,
            yields: host::yields(),
            faults: window.faults.round() as u64,
        },
        ops: worker.ops,
        shootdowns: hands.core.shootdowns,
        grace_periods: shared.space.waits_by_srcu().then_some(hands.core.grace_periods),
        translations,
        counts: hands.counts(),
        latency: hands.latency,
        recorded,
        io: worker.io,
        io_asked_ns: worker.io_asked_ns,
        perf: meter.read(),
        window,
    })
}

/// Waits for all threads, or for the first bad news.
fn collect<A: Record>(
    answers: &Receiver<Answer>,
    shared: &Shared<Host<A>>,
    threads: usize,
) -> Result<Vec<ThreadResult>, StormError> {
    let mut results: Vec<Option<ThreadResult>> = (0..threads).map(|_| None).collect();
    let mut bad = None;
    let mut seen = vec![(0, Instant::now()); threads];
    let mut waiting = threads;
    while waiting > 0 {
        match answers.recv_timeout(Duration::from_secs(1)) {
            Ok((number, answer)) => {
                waiting -= 1;
                seen[number].1 = Instant::now() + STUCK_AFTER * 1000;
                match answer {
                    Ok(Ok(result)) => results[number] = Some(result),
                    Ok(Err(Failed::Broken)) => {}
                    Ok(Err(Failed::Machine(why))) => bad = Some(StormError::Machine(why)),
                    Err(payload) => bad = Some(panicked(number, &*payload)),
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let stuck = find_stuck(shared, &mut seen);
                // A thread that waits for a broken one is not what is wrong.
                if let Some(number) = stuck {
                    let (thread, waited_s) = (name(number), STUCK_AFTER.as_secs());
                    return Err(bad.unwrap_or(StormError::Stuck { thread, waited_s }));
                }
            }
            Err(RecvTimeoutError::Disconnected) => unreachable!("every thread answers"),
        }
    }
    match bad {
        Some(error) => Err(error),
        None => Ok(results.into_iter().map(|r| r.expect("all is well, so all answered")).collect()),
    }
}

/// The thread that has gone longest without looking at the clock, where no thread has
/// looked at it of late: others may be waiting for it.
fn find_stuck<A: Record>(shared: &Shared<Host<A>>, seen: &mut [(u64, Instant)]) -> Option<usize> {
    for (progress, seen) in shared.progress.iter().zip(&mut *seen) {
        let checks = progress.load(Ordering::Relaxed);
        if checks != seen.0 {
            *seen = (checks, Instant::now());
        }
    }
    let moved = seen.iter().filter(|(_, at)| *at <= Instant::now()).map(|(_, at)| *at).max()?;
    let running = seen.iter().enumerate().filter(|(_, (_, at))| *at <= Instant::now());
    let oldest = running.min_by_key(|(_, (_, at))| *at)?.0;
    (moved.elapsed() > STUCK_AFTER).then_some(oldest)
}

fn panicked(number: usize, payload: &(dyn Any + Send)) -> StormError {
    StormError::Panicked { thread: name(number), message: panic_message(payload) }
}

/// Checks the books with the last round's pages in place, and again when everything
/// has been unmapped.
fn close_books<A: Record>(shared: Shared<Host<A>>) -> Result<(), StormError> {
    let (space, mm) = (&shared.space, shared.space.mm());
    let cores = Cores::new(1);
    let _core = host::enter(&cores, 0);
    let mut core = mm.core(0);
    space.drain(&mut core);
    mm.check_books(&core).map_err(StormError::Books)?;
    space.exit(&mut core);
    mm.retire(&mut core);
    mm.check_all_free(&core).map_err(StormError::Books)
}
