//! Tight loops on one line, on pinned threads.

use super::Probe;
use crossbeam_utils::CachePadded;
use host::affinity;
use std::hint::{black_box, spin_loop};
use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Operations of each thread.
const EACH: u64 = 100_000;
/// Time between two writes to the line that a reader loads.
const WRITE_EVERY: Duration = Duration::from_micros(2);
/// Length of the probe `Refill`.
const REFILL_FOR: Duration = Duration::from_millis(20);

const RELAXED: Ordering = Ordering::Relaxed;

/// Two lines that threads work on; nothing else is on them.
#[derive(Default)]
struct Lines {
    first: CachePadded<AtomicU64>,
    second: CachePadded<AtomicU64>,
}

/// Runs a probe with as many threads as it needs, and returns the nanoseconds of one operation.
pub(super) fn ns(probe: Probe, cpus: &[usize]) -> io::Result<f64> {
    let pair = || &cpus[..2];
    match probe {
        Probe::LoadHit => chase(cpus[0]),
        Probe::RmwHit => race(&cpus[..1], |lines, _, _| add(lines)),
        Probe::Store => {
            race(&cpus[..1], |lines, _, turn| lines.first.store(turn, Ordering::Release))
        }
        Probe::BlindHandOver => race(pair(), |lines, _, turn| blind(lines, turn)),
        Probe::LookingHandOver => race(pair(), |lines, _, turn| looking(lines, turn)),
        Probe::TicketHandOver => race(pair(), |lines, _, _| ticket(lines)),
        Probe::ContendedAdd => race(cpus, |lines, _, _| add(lines)),
        Probe::ContendedLoop => race(cpus, |lines, _, _| compare_exchange_loop(lines)),
        Probe::Refill => refill(pair()),
        Probe::Memory | Probe::ClearPage | Probe::CopyPage => {
            unreachable!("memory.rs has the probes of memory")
        }
    }
}

/// Times loads that depend on each other: each yields the address of the next.
fn chase(cpu: usize) -> io::Result<f64> {
    affinity::pin(cpu)?;
    let words: [AtomicU64; 2] = black_box(Default::default());
    let mut at = 0;
    let from = Instant::now();
    for _ in 0..EACH {
        at = words[at & 1].load(RELAXED) as usize;
    }
    black_box(at);
    Ok(from.elapsed().as_nanos() as f64 / EACH as f64)
}

#[inline(always)]
fn add(lines: &Lines) {
    lines.first.fetch_add(1, RELAXED);
}

#[inline(always)]
fn compare_exchange_loop(lines: &Lines) {
    let mut seen = lines.first.load(RELAXED);
    while let Err(now) = lines.first.compare_exchange(seen, seen + 1, RELAXED, RELAXED) {
        seen = now;
    }
}

/// Tries until it is this thread's turn.
#[inline(always)]
fn blind(lines: &Lines, turn: u64) {
    while lines.first.compare_exchange(turn, turn + 1, RELAXED, RELAXED).is_err() {}
}

/// Loads until it is this thread's turn.
#[inline(always)]
fn looking(lines: &Lines, turn: u64) {
    while lines.first.load(RELAXED) != turn {
        spin_loop();
    }
    let _ = lines.first.compare_exchange(turn, turn + 1, RELAXED, RELAXED);
}

/// Takes and releases a ticket lock, whose two counters are on two lines.
#[inline(always)]
fn ticket(lines: &Lines) {
    let mine = lines.first.fetch_add(1, RELAXED);
    while lines.second.load(Ordering::Acquire) != mine {
        spin_loop();
    }
    lines.second.store(mine + 1, Ordering::Release);
}

/// Runs `operation` [`EACH`] times on each of `cpus`, together, and returns the nanoseconds between
/// two operations of any threads. An operation gets its thread and the number of its turn.
fn race(cpus: &[usize], operation: impl Fn(&Lines, usize, u64) + Sync) -> io::Result<f64> {
    let (lines, start) = (Lines::default(), Barrier::new(cpus.len()));
    let run = |thread: usize| -> io::Result<Duration> {
        let pinned = affinity::pin(cpus[thread]);
        start.wait();
        pinned?;
        let from = Instant::now();
        for turn in 0..EACH {
            operation(&lines, thread, turn * cpus.len() as u64 + thread as u64);
        }
        Ok(from.elapsed())
    };
    let times = thread::scope(|scope| -> io::Result<Vec<Duration>> {
        let run = &run;
        let threads = (0..cpus.len())
            .map(|thread| thread::Builder::new().spawn_scoped(scope, move || run(thread)));
        let threads = threads.collect::<io::Result<Vec<_>>>()?;
        threads.into_iter().map(|t| t.join().expect("loops do not panic")).collect()
    })?;
    let longest = times.into_iter().max().expect("there is a CPU");
    Ok(longest.as_nanos() as f64 / (EACH * cpus.len() as u64) as f64)
}

/// Times how long a reader in a loop waits for its line after each write of another thread.
fn refill(cpus: &[usize]) -> io::Result<f64> {
    let loads = |written: bool| -> io::Result<(u64, u64)> {
        let (lines, over) = (Lines::default(), AtomicBool::new(false));
        let start = Barrier::new(2);
        thread::scope(|scope| {
            let reader = thread::Builder::new().spawn_scoped(scope, || -> io::Result<u64> {
                let pinned = affinity::pin(cpus[1]);
                start.wait();
                pinned?;
                let mut loads = 0;
                while !over.load(RELAXED) {
                    for _ in 0..16 {
                        black_box(lines.first.load(Ordering::Acquire));
                    }
                    loads += 16;
                }
                Ok(loads)
            })?;
            let pinned = affinity::pin(cpus[0]);
            start.wait();
            let (from, mut writes) = (Instant::now(), 0u64);
            while from.elapsed() < REFILL_FOR {
                if written && from.elapsed() >= WRITE_EVERY * writes as u32 {
                    lines.first.store(writes, Ordering::Release);
                    writes += 1;
                }
            }
            over.store(true, RELAXED);
            let loads = reader.join().expect("a reader does not panic")?;
            pinned.map(|()| (loads, writes))
        })
    };
    let ((quiet, _), (disturbed, writes)) = (loads(false)?, loads(true)?);
    let lost_ns = (1.0 - disturbed as f64 / quiet as f64) * REFILL_FOR.as_nanos() as f64;
    Ok((lost_ns / writes.max(1) as f64).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loop_ends_and_takes_time() {
        let cpus = affinity::allowed_cpus().expect("the kernel says where we may run");
        let together = cpus.len() > 1;
        let alone = [Probe::LoadHit, Probe::RmwHit, Probe::Store];
        let pairs = [
            Probe::BlindHandOver,
            Probe::LookingHandOver,
            Probe::TicketHandOver,
            Probe::ContendedAdd,
            Probe::ContendedLoop,
        ];
        for probe in alone.into_iter().chain(pairs.into_iter().filter(|_| together)) {
            assert!(ns(probe, &cpus).expect("threads can be had") > 0.0, "{probe:?}");
        }
    }
}
