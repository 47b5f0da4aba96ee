//! Tight loops on one line.
//!
//! Figures: perfbook (github.com/paulmckrcu/perfbook at 4c69e89), cpu/overheads.tex and
//! CodeSamples/count/data, on an 8-socket Xeon Platinum 8176; and
//! github.com/travisdowns/concurrency-hierarchy-bench at 1b3f7f8, on a client Skylake.

use super::figure::{Figure, around};
use inputs::machines::MachineFile;
use machine::model::{self, Model, ModelLine, Multicore, Parameters, Place, Ps};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Work};
use std::rc::Rc;

static LINE: LineName =
    LineName { name: "validation.line", words: ["count", "", "", "", "", "", "", ""] };

/// An operation that a core repeats; its second parameter is the number of the turn.
type Operation = fn(&ModelLine, u64);

/// Operations of a core.
const EACH: u64 = 2000;
/// Most nanoseconds by which a core starts later than the first. Different starts keep the queue
/// for the line from being in the order of the cores' numbers.
const APART_NS: u64 = 2000;

fn parameters(machine: &str) -> Parameters {
    MachineFile::find(machine)
        .unwrap_or_else(|wrong| unreachable!("it is shipped: {wrong}"))
        .parameters
}

/// Runs `operation` `EACH` times on each core of `agents`, and returns the nanoseconds between two
/// operations of any cores while all cores run.
fn storm(parameters: &Parameters, agents: &[u16], operation: Operation) -> f64 {
    let place = |&agent: &u16| Place { agent, socket: parameters.shape.socket(agent) };
    let places: Vec<Place> = agents.iter().map(place).collect();
    let cores = agents.len() as u64;
    let multicore = Multicore::new(parameters, &places);
    let _here = multicore.enter();
    let line = Rc::new(ModelLine::new(&LINE, [0; LINE_WORDS]));
    let spans = multicore.run(move |core| {
        Model::work(Work::ThinkNs(core as u64 * 7919 % APART_NS));
        let mut checks: Vec<Ps> = Vec::with_capacity(EACH as usize + 1);
        checks.push(model::clock_ps());
        for turn in 0..EACH {
            operation(&line, turn * cores + core as u64);
            checks.push(model::clock_ps());
        }
        checks
    });
    let Ok(spans) = spans else { unreachable!("loops on one line come to their end") };
    let start = spans.iter().map(|span| span[0]).max().expect("there are cores");
    let end = spans.iter().map(|span| span[EACH as usize]).min().expect("there are cores");
    let inside = |span: &Vec<Ps>| span.iter().filter(|at| **at > start && **at <= end).count();
    let done: usize = spans.iter().map(inside).sum();
    (end - start) as f64 / 1000.0 / done as f64
}

fn add(line: &ModelLine, _: u64) {
    line.fetch_add(0, 1, Ordering::Relaxed);
}

fn compare_exchange_loop(line: &ModelLine, _: u64) {
    let mut seen = line.load(0, Ordering::Relaxed);
    let relaxed = Ordering::Relaxed;
    while let Err(now) = line.compare_exchange(0, seen, seen + 1, relaxed, relaxed) {
        seen = now;
    }
}

/// Hands the line over without a load: tries until it is this core's turn.
fn blind(line: &ModelLine, turn: u64) {
    let relaxed = Ordering::Relaxed;
    while line.compare_exchange(0, turn, turn + 1, relaxed, relaxed).is_err() {}
}

/// Loads until it is this core's turn, then hands the line over.
fn looking(line: &ModelLine, turn: u64) {
    line.spin_until(0, |count| count == turn);
    let relaxed = Ordering::Relaxed;
    let result = line.compare_exchange(0, turn, turn + 1, relaxed, relaxed);
    assert!(result.is_ok(), "nobody else has this turn");
}

/// Runs T1: two cores of an 8-socket Skylake hand a line to and fro, by compare-exchange alone and
/// by load and compare-exchange, within the socket, one hop apart and two hops apart.
pub fn t1() -> Vec<Figure> {
    let parameters = parameters("xeon-skylake-8s");
    let places = [("in the socket", 1), ("one hop", 28), ("two hops", 112)];
    let published = [(47.5, 101.9), (148.8, 442.9), (336.6, 944.8)];
    let mut figures = Vec::new();
    for ((place, other), (blindly, seeing)) in places.into_iter().zip(published) {
        let measured = [blind, looking].map(|way| storm(&parameters, &[0, other], way));
        let figure = |what: &str, published, model| Figure {
            target: "T1",
            what: format!("{what}, {place}"),
            unit: "ns",
            published,
            model,
            threads: 2,
            accepts: around(published, 0.2),
            fitted: false,
        };
        figures.push(figure("blind CAS hand-over", blindly, measured[0]));
        figures.push(figure("load and CAS hand-over", seeing, measured[1]));
        let ratio = figure("load and CAS over blind", seeing / blindly, measured[1] / measured[0]);
        figures.push(Figure { unit: "x", accepts: (1.8, 3.3), ..ratio });
    }
    figures
}

/// Runs T2: threads of an 8-socket Skylake add to one line; the time between two additions.
pub fn t2() -> Vec<Figure> {
    let parameters = parameters("xeon-skylake-8s");
    let all = parameters.shape.agents();
    let published = [(2, 32.0), (4, 28.3), (8, 25.4), (28, 22.3), (112, 28.6), (420, 35.3)];
    let figure = |(threads, published): (usize, f64)| {
        let agents: Vec<u16> = (0..threads).map(|thread| (thread % all) as u16).collect();
        Figure {
            target: "T2",
            what: format!("fetch_add, {threads} threads"),
            unit: "ns/op",
            published,
            model: storm(&parameters, &agents, add),
            threads,
            accepts: around(published, if threads < 4 { 0.35 } else { 0.25 }),
            fitted: false,
        }
    };
    published.into_iter().map(figure).collect()
}

/// Runs T3: additions and compare-exchange loops on a client Skylake; the time of one operation of
/// a thread.
pub fn t3() -> Vec<Figure> {
    let parameters = parameters("laptop-intel");
    let curves: [(&str, Operation, [f64; 4]); 2] = [
        ("fetch_add", add, [7.0, 44.1, 70.0, 96.4]),
        ("CAS loop", compare_exchange_loop, [12.0, 108.6, 226.8, 347.2]),
    ];
    let mut figures = Vec::new();
    for (what, operation, published) in curves {
        for (threads, published) in (1..).zip(published) {
            let agents: Vec<u16> = (0..threads).collect();
            figures.push(Figure {
                target: "T3",
                what: format!("{what}, {threads} threads"),
                unit: "ns",
                published,
                model: storm(&parameters, &agents, operation) * f64::from(threads),
                threads: usize::from(threads),
                accepts: around(published, if threads == 1 { 0.3 } else { 0.15 }),
                fitted: false,
            });
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tight_loops_are_as_published() {
        let figures: Vec<Figure> = [t1(), t2(), t3()].concat();
        let missed: Vec<&Figure> = figures.iter().filter(|figure| !figure.holds()).collect();
        assert!(missed.is_empty(), "{missed:#?}");
    }
}
