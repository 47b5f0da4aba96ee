//! Runs on a simulated machine that others use too: rates of wrong and of missed verdicts.

use rand_core::SeedableRng;
use rand_distr::{Distribution, StandardUniform, StudentT};
use rand_pcg::Pcg64Mcg;

use super::{LOOKS, Verdict, at_a_look, at_the_end, compare};

/// Groups of a run, and strategies that are compared in each, as in a run of a minute.
const GROUPS: usize = 8;
const STRATEGIES: usize = 9;
/// Ratios that are judged together.
const RATIOS: usize = GROUPS * STRATEGIES;
/// A machine that others use too: the logarithm of its speed, storm by storm.
struct Machine {
    rng: Pcg64Mcg,
    /// Effect of heat and neighbours so far.
    drift: f64,
    /// Slowdown by a burst of others' work.
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

/// The chances of a wrong verdict at a look, and at the end.
#[derive(Clone, Copy)]
struct Chances {
    look: f64,
    end: f64,
}

const PAID: fn() -> Chances = || Chances { look: at_a_look(RATIOS), end: at_the_end(RATIOS, true) };

/// Runs a group for some turns; returns the verdict on each strategy. `ratios` are the true
/// speeds of the strategies.
fn group(machine: &mut Machine, ratios: &[f64], turns: u32, chances: Chances) -> Vec<Verdict> {
    let mut cells: Vec<Cell> = ratios.iter().map(|_| Cell::default()).collect();
    let mut base = Vec::new();
    let third = ratios.len() / 3;
    for turn in 1..=turns {
        // The base storms twice a turn and its twin once, each a third of a turn apart.
        for (at, (cell, ratio)) in cells.iter_mut().zip(ratios).enumerate() {
            if at % third == 0 {
                base.push(machine.storm().exp());
            }
            if cell.verdict.is_none() {
                cell.rates.push(ratio * machine.storm().exp());
            }
        }
        let is_end = turn == turns;
        for cell in cells.iter_mut().filter(|cell| cell.verdict.is_none()) {
            let chance = if is_end { chances.end } else { chances.look };
            let found = compare(&cell.rates, &base, chance).and_then(|found| found.verdict);
            let is_sure = found.is_some_and(Verdict::is_sure);
            if is_end || LOOKS.contains(&turn) && is_sure {
                cell.verdict = found;
            }
        }
    }
    cells.into_iter().map(|cell| cell.verdict.expect("the end judges all")).collect()
}

/// Returns the number of runs with a wrong verdict, if all strategies are equal.
fn wrong(runs: u64, turns: u32, chances: Chances) -> usize {
    let equal = [1.0; STRATEGIES];
    let is_wrong = |seed: &u64| {
        let mut machine = Machine::new(*seed);
        let mut verdicts = (0..GROUPS).flat_map(|_| group(&mut machine, &equal, turns, chances));
        verdicts.any(Verdict::is_sure)
    };
    (0..runs).filter(is_wrong).count()
}

/// Returns how many strategies that are 10, 20 and 35 % slower are seen, beside equal ones.
fn seen(strategies: usize, turns: u32) -> [usize; 3] {
    let mut machine = Machine::new(7);
    let ratios = [1.0, 0.9, 1.0, 0.8, 1.0, 0.65, 1.0, 1.0, 1.0];
    let mut seen = [0; 3];
    for _ in 0..strategies {
        let verdicts = group(&mut machine, &ratios, turns, PAID());
        for (seen, at) in seen.iter_mut().zip([1, 3, 5]) {
            *seen += usize::from(verdicts[at] == Verdict::Slower);
        }
    }
    seen
}

#[test]
fn looks_are_paid_for() {
    let runs = 60;
    let paid = wrong(runs, 6, PAID());
    assert!(paid * 20 <= runs as usize, "{paid} of {runs} runs tell equal code apart");
    // Each look at the error of one ratio, as if there were no other looks and ratios.
    let unpaid = wrong(runs, 6, Chances { look: 0.05, end: 0.05 });
    assert!(unpaid > runs as usize / 2, "{unpaid} of {runs} would, if nothing were paid for");
}

#[test]
fn a_tenth_is_seen_where_the_machine_lets_it() {
    let [tenth, fifth, third] = seen(40, 6);
    assert!(tenth >= 20 && fifth >= 36 && third >= 38, "{tenth} {fifth} {third}");
}

#[test]
#[ignore = "prints the table of METHODOLOGY.md, for which it takes some minutes"]
fn turns_by_the_table() {
    for turns in [3, 4, 6, 8, 12] {
        let wrong = wrong(1000, turns, PAID()) as f64 / 10.0;
        let [tenth, fifth, third] = seen(1000, turns).map(|seen| seen as f64 / 10.0);
        println!("| {turns} | {wrong} % | {tenth} % | {fifth} % | {third} % |");
    }
}
