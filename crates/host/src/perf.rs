//! Hardware counters of one thread, if the machine has them and permits to read them.
//!
//! Often it does not: most virtual machines hide the counters, and `perf_event_paranoid` forbids
//! them to ordinary users. [`WhyNot`] says which.

use std::io;

use perf_event::events::{Hardware, Raw};
use perf_event::{Builder, Counter, Group};
use rustix::io::Errno;

use super::{Roots, field, number, text};

/// Counters of the thread that opened them, in user mode only: the kernel's part of a real fault is
/// not counted.
pub struct Counters {
    group: Group,
    cycles: Counter,
    instructions: Counter,
    cache_misses: Counter,
    hitm_loads: Option<Counter>,
}

/// Counts of the time in which the counters were enabled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// Core cycles.
    pub cycles: u64,
    /// Instructions retired.
    pub instructions: u64,
    /// Events that the kernel maps to `cache-misses`: misses of the last-level cache on Intel, of
    /// L2 on AMD Zen (arch/x86/events/{intel,amd}/core.c).
    pub cache_misses: u64,
    /// Loads served by a modified line of another core of the socket; `None` if this CPU has no
    /// known event for exactly that.
    pub hitm_loads: Option<u64>,
    /// Share of the enabled time in which the counters ran, 0 to 1. Below 1 another user needed
    /// them too, and the counts cover only that share.
    pub running_share: f64,
}

impl Counts {
    /// Adds another thread's counts; the running share is the smaller of both.
    pub fn plus(&self, other: &Counts) -> Counts {
        Counts {
            cycles: self.cycles + other.cycles,
            instructions: self.instructions + other.instructions,
            cache_misses: self.cache_misses + other.cache_misses,
            hitm_loads: self.hitm_loads.zip(other.hitm_loads).map(|(a, b)| a + b),
            running_share: self.running_share.min(other.running_share),
        }
    }
}

/// Reason why there are no counters.
#[derive(Debug, thiserror::Error)]
pub enum WhyNot {
    /// The kernel offers no hardware counters: `ENOENT`, `ENODEV`, `EOPNOTSUPP`.
    #[error("the kernel offers no hardware counters here ({0}); virtual machines often hide them")]
    NotOffered(&'static str),
    /// The user may not read them: `EACCES`, `EPERM`.
    #[error(
        "hardware counters are not permitted (perf_event_paranoid is {}): \
         'sysctl kernel.perf_event_paranoid=2' as root lets every user count its own threads",
        paranoid.map_or("not known".to_string(), |level| level.to_string())
    )]
    NotPermitted {
        /// Value of `/proc/sys/kernel/perf_event_paranoid`.
        paranoid: Option<i32>,
    },
    /// The kernel has no `perf_event_open`, or a filter hides it: `ENOSYS`.
    #[error("the kernel has no perf_event_open, or a seccomp filter hides it (ENOSYS)")]
    NoSyscall,
    /// Any other error.
    #[error("hardware counters cannot be opened")]
    Other(#[source] io::Error),
}

impl Counters {
    /// Opens the counters of the calling thread, disabled.
    ///
    /// # Errors
    ///
    /// If cycles, instructions or cache misses cannot be counted.
    pub fn open() -> Result<Counters, WhyNot> {
        let roots = Roots::default();
        Counters::open_group(&roots).map_err(|error| WhyNot::of(error, &roots))
    }

    fn open_group(roots: &Roots) -> io::Result<Counters> {
        let mut group = Group::new()?;
        let cycles = group.add(&Builder::new(Hardware::CPU_CYCLES))?;
        let instructions = group.add(&Builder::new(Hardware::INSTRUCTIONS))?;
        let cache_misses = group.add(&Builder::new(Hardware::CACHE_MISSES))?;
        // With one event more than the CPU can count at once, the whole group would not count; the
        // kernel refuses such an event here and not only at the first reading.
        let hitm_loads = hitm_event(roots).and_then(|event| group.add(&Builder::new(event)).ok());
        Ok(Counters { group, cycles, instructions, cache_misses, hitm_loads })
    }

    /// Starts or resumes counting.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn enable(&mut self) -> io::Result<()> {
        self.group.enable()
    }

    /// Stops counting.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn disable(&mut self) -> io::Result<()> {
        self.group.disable()
    }

    /// Returns the counts; `None` if the counters never ran because another user had them all the
    /// time.
    ///
    /// # Errors
    ///
    /// The kernel's error.
    pub fn read(&mut self) -> io::Result<Option<Counts>> {
        let data = self.group.read()?;
        let (Some(enabled), Some(running)) = (data.time_enabled(), data.time_running()) else {
            return Ok(None);
        };
        if running.is_zero() {
            return Ok(None);
        }
        Ok(Some(Counts {
            cycles: data[&self.cycles],
            instructions: data[&self.instructions],
            cache_misses: data[&self.cache_misses],
            hitm_loads: self.hitm_loads.as_ref().map(|counter| data[counter]),
            running_share: running.as_secs_f64() / enabled.as_secs_f64(),
        }))
    }
}

impl WhyNot {
    fn of(error: io::Error, roots: &Roots) -> WhyNot {
        let paranoid = || number(roots.proc.join("sys/kernel/perf_event_paranoid"));
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => WhyNot::NotOffered("ENOENT"),
            Some(Errno::NODEV) => WhyNot::NotOffered("ENODEV"),
            Some(Errno::OPNOTSUPP) => WhyNot::NotOffered("EOPNOTSUPP"),
            Some(Errno::ACCESS | Errno::PERM) => WhyNot::NotPermitted { paranoid: paranoid() },
            Some(Errno::NOSYS) => WhyNot::NoSyscall,
            _ => WhyNot::Other(error),
        }
    }
}

/// Returns the raw event for loads served by a modified line of another core.
///
/// Intel's Skylake to Cascade Lake have `MEM_LOAD_L3_HIT_RETIRED.XSNP_HITM` (event 0xd2, umask
/// 0x04; tools/perf/pmu-events/arch/x86/{skylake,skylakex,cascadelakex}). From Ice Lake on the same
/// code is `XSNP_FWD`, which counts clean lines too, and AMD has no such event outside IBS: there
/// the count is `None`.
fn hitm_event(roots: &Roots) -> Option<Raw> {
    /// Family 6: Skylake, Skylake-X with Cascade Lake, Kaby, Coffee and Comet Lake.
    const MODELS: [u32; 7] = [78, 94, 85, 142, 158, 165, 166];
    let cpuinfo = text(roots.proc.join("cpuinfo"))?;
    let intel = field(&cpuinfo, "vendor_id")? == "GenuineIntel";
    let family_6 = field(&cpuinfo, "cpu family")? == "6";
    let model = field(&cpuinfo, "model")?.parse().ok()?;
    (intel && family_6 && MODELS.contains(&model)).then(|| Raw::new(0x04d2))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    #[test]
    fn counters_count_or_say_why_not() {
        match Counters::open() {
            Ok(mut counters) => {
                // Two rounds, as in a storm: the counts of the first must be kept.
                for _ in 0..2 {
                    counters.enable().unwrap();
                    std::hint::black_box((0..10_000u64).map(std::hint::black_box).sum::<u64>());
                    counters.disable().unwrap();
                }
                let counts = counters.read().unwrap();
                assert!(counts.is_none_or(|counts| counts.instructions > 20_000));
            }
            Err(why) => assert!(
                why.to_string().contains("counters") || why.to_string().contains("perf_event_open")
            ),
        }
    }

    #[test]
    fn reasons_are_told_apart() {
        let roots = FakeMachine::of(&[("proc/sys/kernel/perf_event_paranoid", "4")]);
        let say = |errno: Errno| WhyNot::of(errno.into(), &roots.roots()).to_string();
        assert!(
            say(Errno::NOENT).starts_with("the kernel offers no hardware counters here (ENOENT)")
        );
        assert!(say(Errno::ACCESS).contains("perf_event_paranoid is 4"));
        assert!(say(Errno::NOSYS).contains("ENOSYS"));
        assert_eq!(say(Errno::MFILE), "hardware counters cannot be opened");
        let nothing = FakeMachine::of(&[]);
        let why = WhyNot::of(Errno::PERM.into(), &nothing.roots());
        assert!(why.to_string().contains("perf_event_paranoid is not known"));
    }

    #[test]
    fn hitm_is_counted_only_where_the_event_is_known() {
        let event = |vendor: &str, model: u32| {
            let cpuinfo = format!("vendor_id\t: {vendor}\ncpu family\t: 6\nmodel\t\t: {model}");
            hitm_event(&FakeMachine::of(&[("proc/cpuinfo", &cpuinfo)]).roots())
        };
        assert_eq!(event("GenuineIntel", 85), Some(Raw::new(0x04d2)));
        assert_eq!(event("GenuineIntel", 106), None, "Ice Lake: XSNP_FWD");
        assert_eq!(event("AuthenticAMD", 85), None);
        assert_eq!(hitm_event(&FakeMachine::of(&[]).roots()), None);
    }
}
