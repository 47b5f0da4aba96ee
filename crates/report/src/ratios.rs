//! Ratios of strategies to bases, and of A/A twins to each other, with their verdicts.

use std::collections::BTreeMap;

use document::run::{Cell, RatedEvent, Run, sides, turning};
use stats::{JudgedRatio, MIN_REPEATS, Verdict, at_the_end, compare};

use crate::table::{Table, tables};

/// The strategies that all others are compared with: the bound, and the past.
pub const BASES: [&str; 2] = ["unlocked", "mmap-lock"];

/// All ratios that a report shows.
pub(crate) struct Ratios {
    by_cell: BTreeMap<(String, &'static str, RatedEvent), JudgedRatio>,
    /// True if verdicts were looked at before the end of the run.
    pub looked: bool,
}

/// The rates of a cell and of its base.
struct Pair<'a> {
    cell: &'a Cell,
    /// The cell of the base.
    with: &'a Cell,
    base: &'static str,
    event: RatedEvent,
    /// Rates of the cell, then of the base.
    rates: [Vec<f64>; 2],
}

impl Ratios {
    /// Compares every cell with its bases. All ratios to one base share the error, since the
    /// reader looks at all of them.
    pub fn of(run: &Run) -> Ratios {
        let pairs: Vec<Pair<'_>> = tables(run).iter().flat_map(|table| pairs(run, table)).collect();
        let looked = run.provenance.looked;
        let judged = |base: &str| {
            let enough = |pair: &&Pair<'_>| pair.rates.iter().all(|r| r.len() >= MIN_REPEATS);
            pairs.iter().filter(|pair| pair.base == base).filter(enough).count()
        };
        let chances = BTreeMap::from(BASES.map(|base| (base, at_the_end(judged(base), looked))));
        let ratio = |Pair { cell, with, base, event, rates: [new, old] }: &Pair<'_>| {
            let key = (cell.id.clone(), *base, event.clone());
            let mut judged = compare(new, old, chances[base])?;
            if turning(cell, with, event).is_some() {
                judged.verdict = Some(Verdict::CannotTell);
            }
            Some((key, judged))
        };
        Ratios { by_cell: pairs.iter().filter_map(ratio).collect(), looked }
    }

    /// Returns the ratio of a cell to a base, if the two are compared.
    pub fn get(&self, cell: &Cell, base: &'static str, event: &RatedEvent) -> Option<&JudgedRatio> {
        self.by_cell.get(&(cell.id.clone(), base, event.clone()))
    }

    /// Returns the number of ratios.
    pub fn len(&self) -> usize {
        self.by_cell.len()
    }

    /// Returns true if a ratio has too few repeats for a verdict.
    pub fn any_without_verdict(&self) -> bool {
        self.by_cell.values().any(|ratio| ratio.verdict.is_none())
    }
}

/// Returns the cells of a table with their bases, for each event that both have.
fn pairs<'a>(run: &'a Run, table: &Table<'a>) -> Vec<Pair<'a>> {
    let events = RatedEvent::all(table.cells.iter().copied());
    let mut pairs = Vec::new();
    for &cell in &table.cells {
        for base in BASES {
            let Some(with) = base_of(table, cell, base) else { continue };
            let has = |cell: &Cell, event| cell.is_covered(event) && !cell.rates(event).is_empty();
            let of_both = events.iter().filter(|event| has(cell, event) && has(with, event));
            pairs.extend(of_both.map(|event| {
                let rates = sides(&run.cells, cell, with, event);
                Pair { cell, with, base, event: event.clone(), rates }
            }));
        }
    }
    pairs
}

fn base_of<'a>(table: &Table<'a>, cell: &Cell, base: &str) -> Option<&'a Cell> {
    let with = table.counterpart(cell, base)?;
    let usable = |cell: &Cell| cell.measured.is_some() && !cell.is_oversubscribed;
    (with.id != cell.id && usable(cell) && usable(with)).then_some(with)
}

/// Returns each A/A twin with its ratio to the first copy.
pub(crate) fn twins(run: &Run) -> Vec<(&Cell, JudgedRatio)> {
    let twins = run.cells.iter().filter(|cell| cell.key.is_aa_twin && !cell.is_oversubscribed);
    let pairs = twins.filter_map(|twin| {
        let first = run.cells.iter().find(|cell| twin.key.is_twin_of(&cell.key))?;
        let event = RatedEvent::of([twin, first]);
        Some((twin, twin.rates(&event), first.rates(&event)))
    });
    let pairs: Vec<(&Cell, Vec<f64>, Vec<f64>)> = pairs.collect();
    let judged = pairs.iter().filter(|(_, twin, _)| twin.len() >= MIN_REPEATS).count();
    let chance = at_the_end(judged, run.provenance.looked);
    let ratio =
        |(twin, new, old): &(_, Vec<f64>, Vec<f64>)| Some((*twin, compare(new, old, chance)?));
    pairs.iter().filter_map(ratio).collect()
}
