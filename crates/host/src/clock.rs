//! The clock that faults are timed with: cheap to read, and ordered with the code
//! around it.
//!
//! A bare `rdtsc` may be executed before the loads that precede it have finished,
//! and so leaves out part of what it should measure. `rdtscp` waits until all
//! earlier instructions have executed and their loads are globally visible; an
//! `lfence` behind it keeps later ones from starting before it (Intel SDM vol. 2B,
//! RDTSCP; AMD APM vol. 3; `rdtsc_ordered()` in Linux's arch/x86/include/asm/msr.h).
//! Neither waits for earlier stores to leave the store buffer.
//!
//! quanta decides whether the TSC is fit (invariant, with `rdtscp`) and how long a
//! tick is. Where it is not, `CLOCK_MONOTONIC` is read instead, which the vDSO orders.

use rustix::time::{ClockId, clock_gettime};

/// A clock that can be copied into each thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    source: Source,
    /// 1 for [`Source::Monotonic`].
    ns_per_tick: f64,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The time-stamp counter of x86-64.
    #[cfg(target_arch = "x86_64")]
    Tsc,
    /// `clock_gettime(CLOCK_MONOTONIC)`, in nanoseconds.
    Monotonic,
}

/// Pairs of readings in a batch of [`Clock::cost_ns`].
const BATCH_PAIRS: u32 = 1000;
/// Batches of which [`Clock::cost_ns`] takes the median.
const BATCHES: usize = 101;

impl Clock {
    /// Chooses the clock and measures its tick against `CLOCK_MONOTONIC`: once in a
    /// process, in about 1 ms on a quiet machine and at most 200 ms on a busy one.
    pub fn new() -> Clock {
        let quanta = quanta::Clock::new();
        // Long enough that rounding to whole nanoseconds is 1 part in 10^12.
        let ticks = 1 << 40;
        let ns = quanta.delta_as_nanos(0, ticks);
        // quanta does not say what it reads, but only of the counter does it scale.
        #[cfg(target_arch = "x86_64")]
        if ns != ticks {
            return Clock { source: Source::Tsc, ns_per_tick: ns as f64 / ticks as f64 };
        }
        Clock { source: Source::Monotonic, ns_per_tick: 1.0 }
    }

    /// Returns the reading that opens a measured interval, in ticks: what precedes
    /// is done, what follows has not begun.
    #[inline(always)]
    pub fn start(&self) -> u64 {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::Tsc => rdtscp_lfence(),
            Source::Monotonic => monotonic_ns(),
        }
    }

    /// Returns the reading that closes a measured interval, in ticks: what precedes is
    /// done. What follows may have begun, which harms no interval that ends here and
    /// saves a fence; to open the next interval too, read [`Clock::start`].
    #[inline(always)]
    pub fn end(&self) -> u64 {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::Tsc => rdtscp(),
            Source::Monotonic => monotonic_ns(),
        }
    }

    /// Returns a reading in ticks that may move among the instructions around it: for
    /// deadlines, never for latency.
    #[inline(always)]
    pub fn unordered(&self) -> u64 {
        match self.source {
            // SAFETY: every x86-64 CPU has RDTSC; it touches no memory. Where the
            // kernel forbids it (PR_SET_TSC) it traps, and quanta's calibration
            // would have trapped before.
            #[cfg(target_arch = "x86_64")]
            Source::Tsc => unsafe { core::arch::x86_64::_rdtsc() },
            Source::Monotonic => monotonic_ns(),
        }
    }

    /// Returns the time between two readings, in nanoseconds; 0 where `to` is not
    /// after `from`, as may happen between CPUs whose counters differ by a few ticks.
    #[inline(always)]
    pub fn delta_ns(&self, from: u64, to: u64) -> f64 {
        to.saturating_sub(from) as f64 * self.ns_per_tick
    }

    /// Returns how many ticks last `ns` nanoseconds, rounded up.
    pub fn ticks(&self, ns: u64) -> u64 {
        (ns as f64 / self.ns_per_tick).ceil() as u64
    }

    /// Returns what a pair of readings, [`Clock::start`] and [`Clock::end`], adds to
    /// the time of the code that it encloses, in nanoseconds: the median over many
    /// batches.
    pub fn cost_ns(&self) -> f64 {
        let mut batches = [0.0; BATCHES];
        for batch in &mut batches {
            let from = self.start();
            for _ in 0..BATCH_PAIRS {
                std::hint::black_box(self.start());
                std::hint::black_box(self.end());
            }
            *batch = self.delta_ns(from, self.end()) / f64::from(BATCH_PAIRS);
        }
        median(batches)
    }

    /// Returns what an interval with nothing in it measures, in nanoseconds: the
    /// median over many. It is part of every latency.
    pub fn floor_ns(&self) -> f64 {
        median([(); BATCHES].map(|()| {
            let from = self.start();
            self.delta_ns(from, self.end())
        }))
    }

    /// Returns the smallest step that the clock has been seen to take, in nanoseconds.
    pub fn resolution_ns(&self) -> f64 {
        let mut smallest = u64::MAX;
        let mut before = self.unordered();
        for _ in 0..BATCH_PAIRS {
            let now = self.unordered();
            if now > before {
                smallest = smallest.min(now - before);
            }
            before = now;
        }
        // With no step at all in so many readings, the whole of them is below one step.
        if smallest == u64::MAX { f64::INFINITY } else { smallest as f64 * self.ns_per_tick }
    }

    /// Its name in the run document: `tsc` or `clock_monotonic`.
    pub fn name(&self) -> &'static str {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::Tsc => "tsc",
            Source::Monotonic => "clock_monotonic",
        }
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

/// Reads the counter after all that precedes.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rdtscp() -> u64 {
    let mut cpu = 0;
    // SAFETY: `Source::Tsc` exists only where quanta found RDTSCP in CPUID and has
    // read the counter. It writes IA32_TSC_AUX to `cpu`, a live local, and touches
    // no other memory.
    unsafe { core::arch::x86_64::__rdtscp(&mut cpu) }
}

/// Reads the counter after all that precedes and before all that follows.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rdtscp_lfence() -> u64 {
    let ticks = rdtscp();
    // SAFETY: LFENCE is part of SSE2, which x86-64 implies.
    unsafe { core::arch::x86_64::_mm_lfence() };
    ticks
}

#[inline]
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Nanoseconds since boot fill 64 bits after 584 years.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn median(mut values: [f64; BATCHES]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[BATCHES / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONOTONIC: Clock = Clock { source: Source::Monotonic, ns_per_tick: 1.0 };

    #[test]
    fn readings_of_one_thread_never_step_back() {
        for clock in [Clock::new(), MONOTONIC] {
            let mut before = clock.start();
            for _ in 0..10_000 {
                let now = clock.end();
                assert!(now >= before, "{}", clock.name());
                before = now;
            }
        }
    }

    #[test]
    fn a_tick_is_as_long_as_the_kernel_says() {
        // Bracketed readings: whatever preempts the thread, the kernel's interval is
        // longer than the inner one and shorter than the outer one.
        let clock = Clock::new();
        let bracket = || (clock.start(), monotonic_ns(), clock.end());
        let (outer_from, from_ns, inner_from) = bracket();
        while monotonic_ns() - from_ns < 20_000_000 {}
        let (inner_to, to_ns, outer_to) = bracket();
        let ns = (to_ns - from_ns) as f64;
        assert!(clock.delta_ns(inner_from, inner_to) < ns * 1.001);
        assert!(clock.delta_ns(outer_from, outer_to) > ns * 0.999);
    }

    #[test]
    fn ticks_and_nanoseconds_are_inverse() {
        let clock = Clock { source: Source::Monotonic, ns_per_tick: 0.4 };
        assert_eq!(clock.ticks(100), 250);
        assert_eq!(clock.delta_ns(1000, 1250), 100.0);
        assert_eq!(clock.delta_ns(5, 4), 0.0);
    }

    #[test]
    fn its_own_cost_is_measured() {
        for clock in [Clock::new(), MONOTONIC] {
            assert!(clock.cost_ns() > 0.0);
            assert!(clock.resolution_ns() > 0.0);
        }
    }
}
