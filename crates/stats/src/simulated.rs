//! Runs on a simulated machine that is shared: how often equal code is told apart, and what is
//! missed. METHODOLOGY.md quotes these tests with a hundred times the runs.

use rand_core::SeedableRng;
use rand_distr::{Distribution, StandardUniform, StudentT};
use rand_pcg::Pcg64Mcg;

use super::{LOOKS, Verdict, at_a_look, at_the_end, compare};

/// Groups of a run, and strategies that are compared in each, as in a run of a minute.
const GROUPS: usize = 8;
const STRATEGIES: usize = 9;
/// Ratios that are judged together.
const RATIOS: usize = GROUPS * STRATEGIES;
/// Turns of what stays open.
const TURNS: u32 = 6;

/// A machine that others use too: the logarithm of how fast it is, storm by storm.
struct Machine {
    rng: Pcg64Mcg,
    /// What heat and neighbours have done so far.
    drift: f64,
    /// By how much a burst of others' work slows it now.
    burst: f64,
}

impl Machine {
    fn new(seed: u64) -> Machine {
        Machine { rng: Pcg64Mcg::seed_from_u64(seed), drift: 0.0, burst: 0.0 }
    }

    fn uniform(&mut self) -> f64 {
        StandardUniform.sample(&mut self.rng)
    }

    /// Repeats scatter by 3 %, with heavy tails. One storm in twenty meets a burst, which takes
    /// up to half of the machine and lasts two storms on average.
    fn storm(&mut self) -> f64 {
        let scatter = StudentT::new(4.0).expect("it has degrees of freedom");
        let step: f64 = scatter.sample(&mut self.rng);
        self.drift += 0.002 * step;
        let (begins, ends) = (self.uniform() < 0.025, self.uniform() < 0.5);
        self.burst = match self.burst > 0.0 {
            true if ends => 0.0,
            true => self.burst,
            false if begins => 0.7 * self.uniform(),
            false => 0.0,
        };
        let noise: f64 = scatter.sample(&mut self.rng);
        0.02 * noise + self.drift - self.burst
    }
}

/// A strategy, or what it is compared with: its rates, in the order of turns.
#[derive(Default)]
struct Cell {
    rates: Vec<f64>,
    verdict: Option<Verdict>,
}

/// How verdicts come about: the chances for a wrong one at a look, and at the end.
#[derive(Clone, Copy)]
struct Chances {
    look: f64,
    end: f64,
}

const PAID: fn() -> Chances = || Chances { look: at_a_look(RATIOS), end: at_the_end(RATIOS, true) };

/// Runs a group; returns the verdict on each strategy, which are so fast as `ratios` say.
fn group(machine: &mut Machine, ratios: &[f64], chances: Chances) -> Vec<Verdict> {
    let mut cells: Vec<Cell> = ratios.iter().map(|_| Cell::default()).collect();
    let mut base = Vec::new();
    let third = ratios.len() / 3;
    for turn in 1..=TURNS {
        // The base storms twice a turn and its twin once, each a third of a turn apart.
        for (at, (cell, ratio)) in cells.iter_mut().zip(ratios).enumerate() {
            if at % third == 0 {
                base.push(machine.storm().exp());
            }
            if cell.verdict.is_none() {
                cell.rates.push(ratio * machine.storm().exp());
            }
        }
        let is_end = turn == TURNS;
        for cell in cells.iter_mut().filter(|cell| cell.verdict.is_none()) {
            let chance = if is_end { chances.end } else { chances.look };
            let found = compare(&cell.rates, &base, chance).and_then(|found| found.verdict);
            let is_sure = found.is_some_and(|verdict| verdict != Verdict::NoDifferenceSeen);
            if is_end || LOOKS.contains(&turn) && is_sure {
                cell.verdict = found;
            }
        }
    }
    cells.into_iter().map(|cell| cell.verdict.expect("the end judges all")).collect()
}

/// Of so many runs in which all is equal, how many tell anything apart.
fn runs_that_are_wrong(runs: u64, chances: Chances) -> u64 {
    let wrong = |seed: &u64| {
        let mut machine = Machine::new(*seed);
        let verdicts = (0..GROUPS).flat_map(|_| group(&mut machine, &[1.0; STRATEGIES], chances));
        verdicts.collect::<Vec<_>>().iter().any(|it| *it != Verdict::NoDifferenceSeen)
    };
    (0..runs).filter(wrong).count() as u64
}

#[test]
fn looks_are_paid_for() {
    let runs = 60;
    let paid = runs_that_are_wrong(runs, PAID());
    assert!(paid * 20 <= runs, "{paid} of {runs} runs tell equal code apart");
    // A verdict for each look at the error of one, without a correction for other ratios.
    let each = 0.05;
    let unpaid = runs_that_are_wrong(runs, Chances { look: each, end: each });
    assert!(unpaid > runs / 2, "{unpaid} of {runs} would, if nothing were paid for");
}

#[test]
fn a_tenth_is_seen_where_the_machine_lets_it() {
    let mut machine = Machine::new(7);
    // Equal ones beside them, as in any group.
    let ratios = [1.0, 0.9, 1.0, 0.8, 1.0, 0.65, 1.0, 0.9, 1.0];
    let mut seen = [0; 9];
    let runs = 40;
    for _ in 0..runs {
        let verdicts = group(&mut machine, &ratios, PAID());
        let is_seen = |(seen, verdict): (&mut i32, Verdict)| {
            *seen += i32::from(verdict == Verdict::Slower);
        };
        seen.iter_mut().zip(verdicts).for_each(is_seen);
    }
    let (tenth, fifth, third) = ((seen[1] + seen[7]) / 2, seen[3], seen[5]);
    assert!(tenth * 2 > runs && fifth * 10 > runs * 9 && third * 20 > runs * 19, "{seen:?}");
}
