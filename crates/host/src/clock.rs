//! The clock that times faults: cheap to read, and ordered with the code around it.
//!
//! A plain `rdtsc` may execute before earlier loads have finished, and then misses part of the
//! measured time. `rdtscp` waits until all earlier instructions have executed and their loads are
//! globally visible; an `lfence` after it keeps later instructions from starting before it (Intel
//! SDM vol. 2B, RDTSCP; AMD APM vol. 3; `rdtsc_ordered()` in Linux's arch/x86/include/asm/msr.h).
//! Neither waits until earlier stores have left the store buffer.
//!
//! quanta decides if the TSC can be used (invariant, with `rdtscp`), and measures its tick.
//! Otherwise the clock is `CLOCK_MONOTONIC`, whose read the vDSO orders.

use rustix::time::{ClockId, clock_gettime};

/// A clock; each thread has a copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    source: Source,
    /// 1 for [`Source::Monotonic`].
    ns_per_tick: f64,
}

/// The counter that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The time-stamp counter of x86-64.
    #[cfg(target_arch = "x86_64")]
    Tsc,
    /// `clock_gettime(CLOCK_MONOTONIC)`, in nanoseconds.
    Monotonic,
}

/// Pairs of readings in one batch of [`Clock::cost_ns`].
const BATCH_PAIRS: u32 = 1000;
/// Number of batches; [`Clock::cost_ns`] returns their median.
const BATCHES: usize = 101;

impl Clock {
    /// Chooses the clock and measures its tick against `CLOCK_MONOTONIC`: once per process, in
    /// about 1 ms on a quiet machine and at most 200 ms on a busy one.
    pub fn new() -> Clock {
        let quanta = quanta::Clock::new();
        // Long enough to make the rounding to whole nanoseconds 1 part in 10^12.
        let ticks = 1 << 40;
        let ns = quanta.delta_as_nanos(0, ticks);
        // quanta does not tell which clock it reads, but it scales only the TSC.
        #[cfg(target_arch = "x86_64")]
        if ns != ticks {
            return Clock { source: Source::Tsc, ns_per_tick: ns as f64 / ticks as f64 };
        }
        Clock { source: Source::Monotonic, ns_per_tick: 1.0 }
    }

    /// Returns the reading that opens a measured interval, in ticks: earlier code is done, later
    /// code has not begun.
    #[inline(always)]
    pub fn start(&self) -> u64 {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::Tsc => rdtscp_lfence(),
            Source::Monotonic => monotonic_ns(),
        }
    }

    /// Returns the reading that closes a measured interval, in ticks: earlier code is done. Later
    /// code may have begun, which does not affect the interval that ends here and saves a fence. If
    /// the reading also opens the next interval, use [`Clock::start`].
    #[inline(always)]
    pub fn end(&self) -> u64 {
        match self.source {
            #[cfg(target_arch = "x86_64")]
            Source::Tsc => rdtscp(),
            Source::Monotonic => monotonic_ns(),
        }
    }

    /// Returns a reading in ticks that the CPU may move among the instructions around it: for
    /// deadlines, never for latency.
    #[inline(always)]
    pub fn unordered(&self) -> u64 {
        match self.source {
            // SAFETY: every x86-64 CPU has RDTSC, and it touches no memory. If the kernel forbids
            // it (PR_SET_TSC) it traps, and quanta's calibration would have trapped before.
            #[cfg(target_arch = "x86_64")]
            Source::Tsc => unsafe { core::arch::x86_64::_rdtsc() },
            Source::Monotonic => monotonic_ns(),
        }
    }

    /// Returns the time between two readings, in nanoseconds; 0 if `to` is not after `from`, which
    /// can happen between CPUs whose counters differ by a few ticks.
    #[inline(always)]
    pub fn delta_ns(&self, from: u64, to: u64) -> f64 {
        to.saturating_sub(from) as f64 * self.ns_per_tick
    }

    /// Returns the ticks in `ns` nanoseconds, rounded up.
    pub fn ticks(&self, ns: u64) -> u64 {
        (ns as f64 / self.ns_per_tick).ceil() as u64
    }

    /// Returns the time that one pair of readings ([`Clock::start`], [`Clock::end`]) adds to the
    /// code around it, in nanoseconds: the median of many batches.
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

    /// Returns the measured length of an empty interval, in nanoseconds: the median of many. It is
    /// part of every latency.
    pub fn floor_ns(&self) -> f64 {
        median([(); BATCHES].map(|()| {
            let from = self.start();
            self.delta_ns(from, self.end())
        }))
    }

    /// Returns the clock's name in the run document: `tsc` or `clock_monotonic`.
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

/// Reads the counter after all earlier instructions.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rdtscp() -> u64 {
    let mut cpu = 0;
    // SAFETY: `Source::Tsc` exists only if quanta found RDTSCP in CPUID and read the counter.
    // RDTSCP writes IA32_TSC_AUX to `cpu`, a live local, and touches no other memory.
    unsafe { core::arch::x86_64::__rdtscp(&mut cpu) }
}

/// Reads the counter after all earlier instructions and before all later ones.
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
    // Nanoseconds since boot overflow 64 bits after 584 years.
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
        // The readings are nested: even if the thread is preempted, the kernel's interval is longer
        // than the inner one and shorter than the outer one.
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
        }
    }
}
