//! The pace of operations: from start to start, over a whole storm.
//!
//! A round ends when its work is done, which is often before the next operation is due. What is
//! left to wait then goes on in the next round. Time is that of the phase of the operation, from
//! the first start of a thread to the last end; the time between rounds does not count.

use super::steps::{ChangePlan, ThreadPlan, ThreadStep};
use workload::{Action, Loops};

/// The paces of a thread's operations, by phase and by place in the phase.
pub(super) struct Paces {
    phases: Vec<PhasePaces>,
}

struct PhasePaces {
    /// Ticks that the phase lasted in the rounds before.
    passed: u64,
    /// Ticks of the phase at which each step is due next.
    due: Vec<u64>,
}

impl Paces {
    /// Creates the paces of a plan. `ticks` converts from nanoseconds.
    ///
    /// The first operation is due in the middle of the time from one to the next, so that on
    /// average a storm of any length has as many as its length asks for.
    pub fn new(plan: &ThreadPlan, ticks: impl Fn(u64) -> u64) -> Self {
        let first =
            |step: &ThreadStep| step.change().map_or(0, |change| ticks(change.every_ns) / 2);
        let phase = |steps: &Vec<ThreadStep>| PhasePaces {
            passed: 0,
            due: steps.iter().map(first).collect(),
        };
        Self { phases: plan.phases.iter().map(phase).collect() }
    }

    /// Returns the time at which a step is due in a leg that started at `start`.
    pub fn due(&self, phase: usize, step: usize, start: u64) -> u64 {
        let paces = &self.phases[phase];
        start.saturating_add(paces.due[step].saturating_sub(paces.passed))
    }

    /// Notes that a step was begun: it is due again `every` ticks after it was due.
    pub fn begun(&mut self, phase: usize, step: usize, every: u64) {
        let due = &mut self.phases[phase].due[step];
        *due = due.saturating_add(every);
    }

    /// Notes that a phase of a round lasted for these ticks.
    pub fn pass(&mut self, phase: usize, ticks: u64) {
        if let Some(paces) = self.phases.get_mut(phase) {
            paces.passed = paces.passed.saturating_add(ticks);
        }
    }
}

/// Operations per second, by [`Action::NAMES`]; infinite if nothing paces one of them.
pub type AskedRates = [f64; Action::NAMES.len()];

/// Returns the operations per second that `every` asks of a thread. All operations of a loop have
/// the pace of the slowest. A thread that ends before the others, or has several phases, is asked
/// for none: its operations have no rate over a whole storm.
pub(super) fn asked_per_s(plan: &ThreadPlan, is_alone: bool) -> AskedRates {
    let mut asked = AskedRates::default();
    let goes_on = plan.loops == Loops::UntilDone || is_alone;
    for steps in &plan.phases {
        let changes = || steps.iter().filter_map(ThreadStep::change);
        let loop_ns = |change: &ChangePlan| change.every_ns.saturating_mul(change.repeat);
        let slowest_ns = changes().map(loop_ns).max().unwrap_or(0);
        let is_paced = slowest_ns > 0 && goes_on && plan.phases.len() == 1;
        for change in changes() {
            asked[change.action] += match is_paced {
                true => change.repeat as f64 * 1e9 / slowest_ns as f64,
                false => f64::INFINITY,
            };
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(every_ns: &[u64], loops: Loops) -> ThreadPlan {
        let step = |every_ns: &u64| {
            ThreadStep::Change(ChangePlan {
                action: 2,
                turns: Box::default(),
                every_ns: *every_ns,
                repeat: 1,
            })
        };
        ThreadPlan { group: 0, loops, phases: vec![every_ns.iter().map(step).collect()] }
    }

    #[test]
    fn rounds_do_not_restart_a_pace() {
        let mut paces = Paces::new(&plan(&[1000], Loops::UntilDone), |ns| ns);
        let mut starts = Vec::new();
        // Rounds of 300 ticks, 50 apart.
        for round in 0..20 {
            let (start, end) = (round * 350, round * 350 + 300);
            while paces.due(0, 0, start) < end {
                starts.push(paces.due(0, 0, start) - round * 50);
                paces.begun(0, 0, 1000);
            }
            paces.pass(0, 300);
        }
        assert_eq!(starts, [500, 1500, 2500, 3500, 4500, 5500], "in 6000 ticks of storm");
    }

    #[test]
    fn what_is_late_is_due_at_once() {
        let mut paces = Paces::new(&plan(&[100], Loops::UntilDone), |ns| ns);
        paces.pass(0, 1000);
        assert_eq!(paces.due(0, 0, 7), 7);
        (0..10).for_each(|_| paces.begun(0, 0, 100));
        assert_eq!(paces.due(0, 0, 7), 7 + 50);
    }

    #[test]
    fn a_loop_has_the_pace_of_its_slowest_operation() {
        let asked = |every: &[u64], loops| asked_per_s(&plan(every, loops), false)[2];
        assert_eq!(asked(&[20_000], Loops::UntilDone), 50e3);
        assert_eq!(asked(&[20_000, 20_000], Loops::UntilDone), 100e3);
        assert_eq!(asked(&[20_000, 0, 200_000], Loops::UntilDone), 15e3);
        assert_eq!(asked(&[0], Loops::UntilDone), f64::INFINITY);
        assert_eq!(asked(&[20_000], Loops::Times(8)), f64::INFINITY, "it ends before the others");
    }
}
