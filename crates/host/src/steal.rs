//! Share of the CPUs' time that the hypervisor gave to others during a storm.

use std::path::PathBuf;

use super::{Roots, text};

/// Time of a set of CPUs, in ticks of 10 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Ticks {
    steal: u64,
    total: u64,
}

/// Measures stolen time between two moments.
#[derive(Debug)]
pub struct StealMeter {
    stat: PathBuf,
    cpus: Vec<usize>,
    start: Option<Ticks>,
}

impl StealMeter {
    /// Starts measuring on these CPUs.
    pub fn start(roots: &Roots, cpus: &[usize]) -> StealMeter {
        let mut meter =
            StealMeter { stat: roots.proc.join("stat"), cpus: cpus.to_vec(), start: None };
        meter.start = meter.ticks();
        meter
    }

    /// Returns the share of the CPUs' time that was stolen since the start, 0 to 1; `None` if the
    /// kernel does not report it or less than one tick has passed.
    pub fn finish(self) -> Option<f64> {
        let (start, end) = (self.start?, self.ticks()?);
        // iowait may decrease (proc(5)): a negative difference counts as no time.
        let total = end.total.checked_sub(start.total).filter(|&ticks| ticks > 0)?;
        let steal = end.steal.checked_sub(start.steal)?;
        Some(steal as f64 / total as f64)
    }

    /// Sums the lines of the CPUs in `/proc/stat`: `cpu3 user nice system idle iowait irq softirq
    /// steal guest guest_nice`; user and nice already contain the last two. `None` if a CPU is
    /// missing.
    fn ticks(&self) -> Option<Ticks> {
        let stat = text(&self.stat)?;
        let mut sum = Ticks::default();
        for cpu in &self.cpus {
            let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{cpu} ")))?;
            let times: Vec<u64> =
                line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
            sum.steal += times.get(7)?;
            sum.total += times[..8].iter().sum::<u64>();
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::*;

    const BEFORE: &str = "cpu  9 9 9 9 9 9 9 9 9 9\n\
                          cpu0 100 0 50 500 0 0 0 10 3 0\n\
                          cpu1 100 0 50 500 0 0 0 20 0 0\n\
                          cpu10 0 0 0 0 0 0 0 0 0 0";

    fn share(cpus: &[usize], after: &str) -> Option<f64> {
        let machine = FakeMachine::of(&[("proc/stat", BEFORE)]);
        let meter = StealMeter::start(&machine.roots(), cpus);
        machine.write(&[("proc/stat", after)]);
        meter.finish()
    }

    #[test]
    fn the_share_is_of_the_cpus_that_ran_the_storm() {
        let after = "cpu0 190 0 50 500 0 0 0 20 9 0\ncpu1 100 0 50 500 0 0 0 90 0 0";
        assert_eq!(share(&[0], after), Some(0.1));
        assert_eq!(share(&[0, 1], after), Some(80.0 / 170.0));
    }

    #[test]
    fn nothing_is_said_where_the_kernel_says_nothing() {
        assert_eq!(share(&[0], BEFORE), None, "no tick has passed");
        assert_eq!(share(&[2], BEFORE), None, "no such CPU");
        assert_eq!(share(&[0], "cpu0 190 0 50"), None, "a kernel before 2.6.11");
    }
}
