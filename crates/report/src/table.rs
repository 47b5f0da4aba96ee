//! Tables of a run: the cells of one workload in one world.

use document::run::{Body, Cell, Key, Measured, RatedEvent, Run, grouped};

use crate::ratios::{BASES, Ratios};

/// Cells of one workload in one world, with one set of varied parameters.
pub(crate) struct Table<'a> {
    pub cells: Vec<&'a Cell>,
    /// The event by which the cells are judged.
    pub event: RatedEvent,
}

/// One strategy at one thread count, without and with the fault body.
pub(crate) struct Row<'a> {
    pub strategy: String,
    pub threads: u32,
    bodies: [Option<&'a Cell>; 2],
}

/// Returns the tables of a run in the order of its cells, without A/A twins.
pub(crate) fn tables(run: &Run) -> Vec<Table<'_>> {
    grouped(run.strategies(), |cell| cell.key.table()).into_iter().map(Table::of).collect()
}

/// Returns what a body is called.
pub(crate) fn body_name(body: Body) -> &'static str {
    match body {
        Body::None => "lock alone",
        Body::Real => "with body",
    }
}

impl<'a> Table<'a> {
    /// Returns the key of its first cell.
    pub fn key(&self) -> &'a Key {
        &self.cells[0].key
    }

    /// Returns the table of these cells.
    pub fn of(cells: Vec<&'a Cell>) -> Table<'a> {
        Table { event: RatedEvent::of(cells.iter().copied()), cells }
    }

    /// Returns the bodies of its cells, the lock alone first.
    pub fn bodies(&self) -> Vec<Body> {
        let has = |body: &Body| self.cells.iter().any(|cell| cell.key.body == *body);
        [Body::None, Body::Real].into_iter().filter(has).collect()
    }

    /// Returns the cells with a body.
    pub fn of_body(&self, body: Body) -> impl Iterator<Item = &'a Cell> {
        self.cells.iter().copied().filter(move |cell| cell.key.body == body)
    }

    /// Returns true if a cell with this body has certain numbers.
    pub fn any(&self, body: Body, has: impl Fn(&Measured) -> bool) -> bool {
        self.of_body(body).filter_map(|cell| cell.measured.as_ref()).any(has)
    }

    /// Returns the rows: thread counts upwards, strategies in the order of the document.
    pub fn rows(&self) -> Vec<Row<'a>> {
        let mut rows: Vec<Row<'a>> = Vec::new();
        for &cell in &self.cells {
            let (strategy, threads) = (cell.key.strategy_name(), cell.key.threads);
            let same = |row: &Row<'_>| row.threads == threads && row.strategy == strategy;
            let at = rows.iter().position(same).unwrap_or_else(|| {
                rows.push(Row { strategy, threads, bodies: [None, None] });
                rows.len() - 1
            });
            rows[at].bodies[cell.key.body as usize] = Some(cell);
        }
        rows.sort_by_key(|row| row.threads);
        rows
    }

    /// Returns the cell of another strategy that differs from `cell` in nothing else.
    pub fn counterpart(&self, cell: &Cell, strategy: &str) -> Option<&'a Cell> {
        let competes = |other: &&&Cell| {
            other.key.strategy_name() == strategy && other.key.competes_with(&cell.key)
        };
        self.cells.iter().find(competes).copied()
    }

    /// Returns the first body, most threads and first base that have a ratio.
    pub fn widest(&self, ratios: &Ratios) -> Option<(Body, u32, &'static str)> {
        let rows = self.rows();
        for body in self.bodies() {
            for threads in rows.iter().rev().map(|row| row.threads) {
                let has = |base: &&'static str| {
                    let mut cells = self.of_body(body).filter(|cell| cell.key.threads == threads);
                    cells.any(|cell| ratios.get(cell, base, &self.event).is_some())
                };
                if let Some(base) = BASES.into_iter().find(has) {
                    return Some((body, threads, base));
                }
            }
        }
        None
    }

    /// Returns the throughput of a cell over that of its curve at the fewest threads; `None` for
    /// that cell itself, and if threads outnumber CPUs.
    pub fn scaling(&self, cell: &Cell, event: &RatedEvent) -> Option<f64> {
        let same = self.cells.iter().filter(|other| other.key.curve() == cell.key.curve());
        let fewest = same.min_by_key(|other| other.key.threads)?;
        let is_same = fewest.key.threads == cell.key.threads;
        if is_same || cell.is_oversubscribed || fewest.is_oversubscribed {
            return None;
        }
        Some(cell.rate(event)?.median / fewest.rate(event)?.median)
    }
}

impl<'a> Row<'a> {
    /// Returns the cell with this body.
    pub fn cell(&self, body: Body) -> Option<&'a Cell> {
        self.bodies[body as usize]
    }

    /// Returns the numbers of the cell with this body.
    pub fn measured(&self, body: Body) -> Option<&'a Measured> {
        self.cell(body)?.measured.as_ref()
    }
}
