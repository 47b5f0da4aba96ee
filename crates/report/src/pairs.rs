//! Which cells are compared with which, and the verdicts on them.

use std::collections::BTreeMap;

use document::run::{Body, Cell, Key, Measured, RatedEvent, Run, grouped, sides};
use stats::{Comparison, MIN_REPEATS, at_the_end, compare};

/// The strategies that all others are compared with: the bound, and the past.
pub const BASES: [&str; 2] = ["unlocked", "mmap-lock"];

/// Cells of one workload in one world, with one set of varied parameters: a table.
pub(super) struct Group<'a> {
    pub cells: Vec<&'a Cell>,
}

/// One strategy at one thread count, without and with the fault body.
pub(super) struct Row<'a> {
    pub strategy: String,
    pub threads: u32,
    pub bodies: [Option<&'a Cell>; 2],
}

/// Every ratio that the report shows.
pub(super) struct Ratios {
    /// By cell, base and what is counted.
    shown: BTreeMap<(String, &'static str, RatedEvent), Comparison>,
    /// Whether verdicts were looked at before the end of the run.
    looked: bool,
}

/// Returns the numbers of a cell that has any.
pub(super) fn measured(cell: Option<&Cell>) -> Option<&Measured> {
    cell.and_then(|cell| cell.measured.as_ref())
}

/// Returns the tables of a run in the order of its cells; the A/A twins stand in none.
pub(super) fn groups(run: &Run) -> Vec<Group<'_>> {
    grouped(run.strategies(), Key::table).into_iter().map(|cells| Group { cells }).collect()
}

impl<'a> Group<'a> {
    /// Returns what all cells of the table share.
    pub fn key(&self) -> &'a Key {
        &self.cells[0].key
    }

    /// Returns what its cells are judged by.
    pub fn counted(&self) -> RatedEvent {
        RatedEvent::of(self.cells.iter().copied())
    }

    /// Returns the operations that writers did in it.
    pub fn ops(&self) -> Vec<RatedEvent> {
        RatedEvent::ops(self.cells.iter().copied())
    }

    /// Returns the bodies that were asked for, the lock alone first.
    pub fn bodies(&self) -> Vec<Body> {
        let asked = |body: &Body| self.cells.iter().any(|cell| cell.key.body == *body);
        [Body::None, Body::Real].into_iter().filter(asked).collect()
    }

    /// Returns the rows: thread counts upwards, strategies in the document's order.
    pub fn rows(&self) -> Vec<Row<'a>> {
        let mut rows: Vec<Row<'a>> = Vec::new();
        for &cell in &self.cells {
            let (strategy, threads) = (cell.key.strategy_name(), cell.key.threads);
            let found = rows.iter_mut().find(|r| r.strategy == strategy && r.threads == threads);
            let row = match found {
                Some(row) => row,
                None => {
                    rows.push(Row { strategy, threads, bodies: [None, None] });
                    rows.last_mut().expect("one was pushed")
                }
            };
            row.bodies[cell.key.body as usize] = Some(cell);
        }
        rows.sort_by_key(|row| row.threads);
        rows
    }

    /// Returns the cell of another strategy that is like `cell` in all else.
    pub fn counterpart(&self, cell: &Cell, strategy: &str) -> Option<&'a Cell> {
        let alike = |other: &&&Cell| {
            other.key.strategy_name() == strategy
                && (other.key.threads, other.key.body) == (cell.key.threads, cell.key.body)
        };
        self.cells.iter().find(alike).copied()
    }

    /// Returns the first body, most threads and first base that have a ratio.
    pub fn widest(
        &self,
        ratios: &Ratios,
        counted: &RatedEvent,
    ) -> Option<(Body, u32, &'static str)> {
        let rows = self.rows();
        for kind in self.bodies() {
            for row in rows.iter().rev() {
                let same = |other: &&Row<'_>| other.threads == row.threads;
                let has = |base: &&'static str| {
                    let mut cells = rows.iter().filter(same).filter_map(|row| row.cell(kind));
                    cells.any(|cell| ratios.get(cell, base, counted).is_some())
                };
                if let Some(base) = BASES.into_iter().find(has) {
                    return Some((kind, row.threads, base));
                }
            }
        }
        None
    }

    /// Returns the throughput of a cell over that of the same strategy and body
    /// at the fewest threads, `None` for that cell itself.
    pub fn scaling(&self, cell: &Cell, counted: &RatedEvent) -> Option<f64> {
        let same = |c: &&&Cell| {
            c.key.body == cell.key.body && c.key.strategy_name() == cell.key.strategy_name()
        };
        let fewest = self.cells.iter().filter(same).min_by_key(|c| c.key.threads)?;
        if fewest.key.threads == cell.key.threads {
            return None;
        }
        if cell.is_oversubscribed || fewest.is_oversubscribed {
            return None;
        }
        Some(cell.rate(counted)?.median / fewest.rate(counted)?.median)
    }
}

impl<'a> Row<'a> {
    /// Returns the cell with this body.
    pub fn cell(&self, body: Body) -> Option<&'a Cell> {
        self.bodies[body as usize]
    }
}

/// The rates of a cell and of its base.
struct Sides<'a> {
    cell: &'a Cell,
    base: &'static str,
    counted: RatedEvent,
    /// Those of the cell, then those of the base.
    rates: [Vec<f64>; 2],
}

impl Ratios {
    /// Compares every cell with its bases. The error is shared by all ratios to one base,
    /// since the reader looks at all of them.
    pub fn of(run: &Run) -> Ratios {
        let mut pairs: Vec<(&Cell, &Cell, &'static str, RatedEvent)> = Vec::new();
        for group in groups(run) {
            let mut counted = group.ops();
            counted.push(group.counted());
            counted.sort_unstable();
            counted.dedup();
            for &cell in &group.cells {
                for base in BASES {
                    let Some(with) = base_of(&group, cell, base) else { continue };
                    let did = |cell: &Cell, counted| !cell.rates(counted).is_empty();
                    let of_both = counted.iter().filter(|it| did(cell, it) && did(with, it));
                    let of_both = of_both.cloned();
                    pairs.extend(of_both.map(|counted| (cell, with, base, counted)));
                }
            }
        }
        let looked = run.provenance.looked;
        let sides: Vec<Sides<'_>> = pairs
            .into_iter()
            .map(|(cell, with, base, counted)| {
                let rates = sides(&run.cells, cell, with, &counted);
                Sides { cell, base, counted, rates }
            })
            .collect();
        let judged = |of: &str| {
            let enough = |sides: &&Sides<'_>| sides.rates.iter().all(|r| r.len() >= MIN_REPEATS);
            sides.iter().filter(|sides| sides.base == of).filter(enough).count()
        };
        let chance = |base: &str| at_the_end(judged(base), looked);
        let chances = BTreeMap::from(BASES.map(|base| (base, chance(base))));
        let ratio = |Sides { cell, base, counted, rates: [new, old] }: &Sides<'_>| {
            let key = (cell.id.clone(), *base, counted.clone());
            Some((key, compare(new, old, chances[base])?))
        };
        Ratios { shown: sides.iter().filter_map(ratio).collect(), looked }
    }

    /// Returns a cell's ratio of what is counted to a base, where there is one.
    pub fn get(
        &self,
        cell: &Cell,
        base: &'static str,
        counted: &RatedEvent,
    ) -> Option<&Comparison> {
        self.shown.get(&(cell.id.clone(), base, counted.clone()))
    }

    /// Returns how many ratios there are.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether verdicts were looked at before the end of the run.
    pub fn looked(&self) -> bool {
        self.looked
    }

    /// Whether some ratio has too few repeats for a verdict.
    pub fn any_without_verdict(&self) -> bool {
        self.shown.values().any(|comparison| comparison.verdict.is_none())
    }
}

fn base_of<'a>(group: &Group<'a>, cell: &Cell, base: &str) -> Option<&'a Cell> {
    let with = group.counterpart(cell, base)?;
    let usable = |cell: &Cell| cell.measured.is_some() && !cell.is_oversubscribed;
    (with.id != cell.id && usable(cell) && usable(with)).then_some(with)
}

/// Returns each A/A twin with its comparison to the first copy.
pub(super) fn twins(run: &Run) -> Vec<(&Cell, Comparison)> {
    let twins = run.cells.iter().filter(|c| c.key.is_aa_twin && !c.is_oversubscribed);
    let pairs = twins.filter_map(|twin| {
        let first = first_of(run, twin)?;
        let counted = RatedEvent::of([twin, first]);
        Some((twin, twin.rates(&counted), first.rates(&counted)))
    });
    let pairs: Vec<(&Cell, Vec<f64>, Vec<f64>)> = pairs.collect();
    let judged = pairs.iter().filter(|(_, twin, _)| twin.len() >= MIN_REPEATS).count();
    let chance = at_the_end(judged, run.provenance.looked);
    let noise =
        |(twin, new, old): &(_, Vec<f64>, Vec<f64>)| Some((*twin, compare(new, old, chance)?));
    pairs.iter().filter_map(noise).collect()
}

fn first_of<'a>(run: &'a Run, twin: &Cell) -> Option<&'a Cell> {
    run.cells.iter().find(|cell| twin.key.is_twin_of(&cell.key))
}
