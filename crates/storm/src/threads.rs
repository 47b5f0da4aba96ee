//! Real threads of a storm: started, pinned, watched, and their results collected.

use super::StormError;
use super::gate::GateBroken;
use super::merge::ThreadResult;
use super::panics::panic_message;
use super::platform::TickClock;
use super::target::{Shared, StormTarget};
use host::affinity;
use host::clock::Clock;
use host::interrupt::{self, Hook, When};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;
use workload::Until;

/// Time between two looks at the progress of threads.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks without progress of any thread before one counts as stuck: a minute in which the process
/// ran, as it does not look while it is stopped. The longest single step of a storm, the reset of a
/// thread's share, takes well under a second for each GiB.
const STUCK_AFTER: u64 = 60;

/// The last part of a wait, which is spent spinning: the timer slack and a wake-up.
const SLEEP_TAIL: Duration = Duration::from_micros(120);
/// The longest sleep before a waiting writer looks whether the others are done.
const SLEEP_MAX: Duration = Duration::from_millis(1);

/// Sleeps until `at`, or less long.
pub(super) fn wait_until(clock: &Clock, at: u64) {
    let left = Duration::from_nanos(clock.delta_ns(clock.unordered(), at) as u64);
    // A sleep ends late: its tail is spent spinning.
    if left > SLEEP_TAIL {
        thread::sleep((left - SLEEP_TAIL).min(SLEEP_MAX));
    } else {
        std::hint::spin_loop();
    }
}

impl TickClock for Clock {
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

type Answer = (usize, thread::Result<Result<ThreadResult, Failed>>);

/// Reason why a thread has no result.
pub(super) enum Failed {
    /// Another panicked.
    Broken,
    /// It could not be placed.
    Machine(String),
}

impl From<GateBroken> for Failed {
    fn from(_: GateBroken) -> Self {
        Self::Broken
    }
}

/// Lets `on_thread` run on every thread of the storm, by its number. Returns what came of
/// them, and what they shared.
///
/// # Errors
/// If a thread panics, is stuck or cannot be placed.
pub(super) fn run<T: StormTarget>(
    shared: Shared<T>,
    on_thread: impl Fn(&Shared<T>, usize) -> Result<ThreadResult, Failed> + Clone + Send + 'static,
) -> Result<(Vec<ThreadResult>, Shared<T>), StormError>
where
    Shared<T>: Send + Sync,
{
    let shared = Arc::new(shared);
    let threads = shared.plan.threads.len();
    assert_eq!(shared.cpus.len(), threads, "every thread has its CPU");
    let (sender, answers) = channel::<Answer>();
    let mut handles = Vec::new();
    for number in 0..threads {
        let gate_keeper = shared.clone();
        let (shared, on_thread, sender) = (shared.clone(), on_thread.clone(), sender.clone());
        let storm = move || {
            let result = catch_unwind(AssertUnwindSafe(|| pinned(&shared, number, on_thread)));
            if !matches!(result, Ok(Ok(_))) {
                shared.gate.break_up();
            }
            drop(shared);
            // The receiver is gone only if the run has given up on this storm.
            let _ = sender.send((number, result));
        };
        let thread = thread::Builder::new().name(name(number)).spawn(storm);
        handles.push(thread.map_err(|error| {
            gate_keeper.gate.break_up();
            StormError::Machine(format!("cannot start thread '{}': {error}", name(number)))
        })?);
    }
    drop(sender);
    let gate_keeper = shared.clone();
    let stops = Hook::new(When::Requested, move || gate_keeper.gate.break_up());
    if interrupt::is_requested() {
        shared.gate.break_up();
    }
    let results = collect(&answers, &shared, threads)?;
    for handle in handles {
        handle.join().expect("a thread that has answered does not panic");
    }
    drop(stops);
    Ok((results, Arc::into_inner(shared).expect("all threads have ended")))
}

fn pinned<T: StormTarget>(
    shared: &Shared<T>,
    number: usize,
    on_thread: impl FnOnce(&Shared<T>, usize) -> Result<ThreadResult, Failed>,
) -> Result<ThreadResult, Failed> {
    let cpu = shared.cpus[number];
    affinity::pin(cpu)
        .map_err(|error| Failed::Machine(format!("cannot pin a thread to CPU {cpu}: {error}")))?;
    on_thread(shared, number)
}

/// The warm-up, if there is one. A storm of a fixed size has a space made for that
/// size, so another of the same size warms it up.
pub(super) fn warmup(until: Until, warmup_ns: u64) -> Option<Until> {
    let warmup = match until {
        Until::Duration(_) | Until::Rounds(_) => Until::Duration(warmup_ns),
        Until::Touches(_) | Until::Faults(_) => until,
    };
    (warmup_ns > 0).then_some(warmup)
}

/// Name of a thread, as a debugger and messages show it.
fn name(number: usize) -> String {
    format!("storm-{number}")
}

/// Waits for all threads to end, whatever comes of them.
fn collect<T: StormTarget>(
    answers: &Receiver<Answer>,
    shared: &Shared<T>,
    threads: usize,
) -> Result<Vec<ThreadResult>, StormError> {
    let mut results: Vec<Option<ThreadResult>> = (0..threads).map(|_| None).collect();
    let mut bad = None;
    let mut seen = vec![Some(Progress::default()); threads];
    let (mut waiting, mut looks) = (threads, 0);
    while waiting > 0 {
        match answers.recv_timeout(LOOK_EVERY) {
            Ok((number, answer)) => {
                waiting -= 1;
                seen[number] = None;
                match answer {
                    Ok(Ok(result)) => results[number] = Some(result),
                    Ok(Err(Failed::Broken)) => {}
                    Ok(Err(Failed::Machine(why))) => bad = Some(StormError::Machine(why)),
                    Err(payload) => bad = Some(panicked(number, &*payload)),
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                looks += 1;
                if let Some(number) = find_stuck(shared, &mut seen, looks) {
                    let waited_s = STUCK_AFTER * LOOK_EVERY.as_secs();
                    let thread = name(number);
                    let after = bad.map(Box::new);
                    return Err(StormError::Stuck { thread, waited_s, after });
                }
            }
            Err(RecvTimeoutError::Disconnected) => unreachable!("every thread answers"),
        }
    }
    match bad {
        Some(error) => Err(error),
        None if results.iter().any(Option::is_none) => Err(StormError::Interrupted),
        None => Ok(results.into_iter().map(|r| r.expect("all is well, so all answered")).collect()),
    }
}

/// Progress of a running thread, as the watcher saw it.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Its looks at the clock.
    checks: u64,
    /// The look of the watcher at which they had last changed.
    moved_at: u64,
}

/// Finds the running thread that has gone longest without looking at the clock, if no thread has
/// looked at it of late: others may be waiting for it. `look`: the number of this look.
fn find_stuck<T: StormTarget>(
    shared: &Shared<T>,
    seen: &mut [Option<Progress>],
    look: u64,
) -> Option<usize> {
    for (progress, seen) in shared.progress.iter().zip(&mut *seen) {
        let checks = progress.load(Ordering::Relaxed);
        if let Some(seen) = seen.as_mut().filter(|seen| seen.checks != checks) {
            *seen = Progress { checks, moved_at: look };
        }
    }
    let running = || {
        let seen = seen.iter().enumerate();
        seen.filter_map(|(number, seen)| seen.map(|seen| (seen.moved_at, number)))
    };
    let (last_moved, _) = running().max()?;
    let (_, oldest) = running().min()?;
    (look - last_moved > STUCK_AFTER).then_some(oldest)
}

fn panicked(number: usize, payload: &(dyn Any + Send)) -> StormError {
    StormError::Panicked { thread: name(number), message: panic_message(payload) }
}
