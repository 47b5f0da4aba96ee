//! The content of one matrix of the screen: a world, its workloads side by side.

use std::collections::BTreeMap;

use document::run::{Body, Cell, KeyPart, Run, Status, grouped};
use stats::{JudgedRatio, Verdict};

use super::one_kernel;
use crate::blame::{Blamed, blame};
use crate::ratios::{BASES, Ratios};
use crate::table::{Table, tables};

/// Parts of a key other than the workload and what is varied of it.
const ALL_BUT_WORKLOAD: &[KeyPart] =
    &[KeyPart::Strategy, KeyPart::Threads, KeyPart::Body, KeyPart::World];

/// A world of a run: all its workloads, each at the most threads that have ratios.
pub(crate) struct Panel<'a> {
    pub columns: Vec<WorkloadColumn<'a>>,
}

/// A workload, with what is varied of it.
pub(crate) struct WorkloadColumn<'a> {
    pub table: Table<'a>,
    pub body: Body,
    pub threads: u32,
    /// The strategy that others are compared with; `None` if nothing is compared.
    pub base: Option<&'static str>,
}

/// Numbers of ratios with a sure verdict, and of all that were judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sure {
    pub slower: usize,
    pub faster: usize,
    pub judged: usize,
    /// Ratios of the model whose order hangs on an estimate.
    pub untold: usize,
}

/// Returns the worlds of a run in the order of its cells.
pub(crate) fn panels<'a>(run: &'a Run, ratios: &Ratios) -> Vec<Panel<'a>> {
    let columns = tables(run).into_iter().map(|table| WorkloadColumn::of(table, ratios));
    let columns = columns.filter(|column| !one_kernel::repeats(run, column));
    let panels = grouped(columns, |column| column.table.key().world_name());
    panels.into_iter().map(|columns| Panel { columns }).collect()
}

impl<'a> Panel<'a> {
    /// Returns a cell; all have the same world.
    pub fn first(&self) -> &'a Cell {
        self.columns[0].table.cells[0]
    }

    /// Returns true if both have the same workloads, with the same bases.
    pub fn has_heads_of(&self, other: &Panel<'_>) -> bool {
        let alike = |(a, b): (&WorkloadColumn<'_>, &WorkloadColumn<'_>)| {
            let [one, two] = [a, b].map(|column| column.table.key());
            (a.base, one.one_kernel()) == (b.base, two.one_kernel())
                && one.without(ALL_BUT_WORKLOAD) == two.without(ALL_BUT_WORKLOAD)
        };
        self.columns.len() == other.columns.len()
            && self.columns.iter().zip(&other.columns).all(alike)
    }

    /// Returns the bases of its columns, each once, the bound first.
    pub fn bases(&self) -> Vec<&'static str> {
        let used = |base: &&str| self.columns.iter().any(|column| column.base == Some(base));
        BASES.into_iter().filter(used).collect()
    }

    /// Returns the kernel of a strategy, if it stood in another one than the base.
    pub fn other_kernel(&self, strategy: &str) -> Option<&'a str> {
        let base = self.base_kernel()?;
        self.kernel(strategy).filter(|kernel| *kernel != base)
    }

    /// Returns the kernel of the base.
    pub fn base_kernel(&self) -> Option<&'a str> {
        self.kernel(self.bases().first()?)
    }

    fn kernel(&self, strategy: &str) -> Option<&'a str> {
        let mut cells = self.columns.iter().filter_map(|column| column.cell(strategy));
        cells.find_map(|cell| cell.key.kernel.as_deref())
    }

    /// Returns the strategies that ran, those that keep most of their bases' rates first. A
    /// base is among them if it is compared with another.
    pub fn ranked(&self, ratios: &Ratios) -> Vec<String> {
        let mut kept: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        for column in &self.columns {
            let ran = |cell: &&Cell| cell.status != Status::Skipped && !column.is_base(cell);
            for cell in column.cells().filter(ran) {
                let name = cell.key.strategy_name();
                if !order.contains(&name) {
                    order.push(name.clone());
                }
                let ratio = column.ratio(cell, ratios).map(|found| found.ratio.median);
                kept.entry(name).or_default().extend(ratio.map(f64::ln));
            }
        }
        let mean = |name: &String| {
            let logs = &kept[name];
            if logs.is_empty() {
                return f64::NEG_INFINITY;
            }
            logs.iter().sum::<f64>() / logs.len() as f64
        };
        // Stable, so that without ratios the order is that of the run.
        order.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
        order
    }

    /// Returns what a strategy loses to most in any of its columns.
    pub fn blamed(&self, strategy: &str, ratios: &Ratios) -> Option<Blamed<'a>> {
        let lost = |column: &WorkloadColumn<'a>| {
            let cell = column.cell(strategy)?;
            let loses = column.ratio(cell, ratios).is_none_or(|found| found.ratio.median < 1.0);
            blame(&column.table, cell).filter(|_| loses)
        };
        let lost = self.columns.iter().filter_map(lost);
        lost.max_by(|a, b| a.amount().total_cmp(&b.amount()))
    }

    /// Counts verdicts on the cells with `body`, at the threads of the columns.
    pub fn sure(&self, body: Body, ratios: &Ratios) -> Sure {
        let mut sure = Sure::default();
        for column in &self.columns {
            let cells = column.table.cells.iter();
            let of_body = |cell: &&&Cell| {
                (cell.key.threads, cell.key.body) == (column.threads, body) && !column.is_base(cell)
            };
            let found = cells.filter(of_body).filter_map(|cell| column.ratio(cell, ratios));
            for verdict in found.filter_map(|found| found.verdict) {
                sure.untold += usize::from(verdict == Verdict::CannotTell);
                sure.judged += usize::from(verdict != Verdict::CannotTell);
                sure.slower += usize::from(verdict == Verdict::Slower);
                sure.faster += usize::from(verdict == Verdict::Faster);
            }
        }
        sure
    }
}

impl<'a> WorkloadColumn<'a> {
    fn of(table: Table<'a>, ratios: &Ratios) -> WorkloadColumn<'a> {
        if let Some((body, threads, base)) = table.widest(ratios) {
            return WorkloadColumn { table, body, threads, base: Some(base) };
        }
        let body = table.bodies()[0];
        let of_body = |cell: &&&Cell| cell.key.body == body;
        let has_numbers = |cell: &&&Cell| cell.measured.is_some();
        let most = |cells: &mut dyn Iterator<Item = u32>| cells.max();
        let cells = || table.cells.iter().filter(of_body);
        let threads = most(&mut cells().filter(has_numbers).map(|cell| cell.key.threads))
            .or_else(|| most(&mut cells().map(|cell| cell.key.threads)));
        let threads = threads.expect("a table has cells of its bodies");
        WorkloadColumn { table, body, threads, base: None }
    }

    /// Returns its cells.
    pub fn cells(&self) -> impl Iterator<Item = &'a Cell> {
        let (threads, body) = (self.threads, self.body);
        let of = move |cell: &&Cell| (cell.key.threads, cell.key.body) == (threads, body);
        self.table.cells.iter().copied().filter(of)
    }

    /// Returns the cell of a strategy.
    pub fn cell(&self, strategy: &str) -> Option<&'a Cell> {
        self.cells().find(|cell| cell.key.strategy_name() == strategy)
    }

    /// Returns true if others are compared with the strategy of this cell.
    pub fn is_base(&self, cell: &Cell) -> bool {
        self.base.is_some_and(|base| cell.key.strategy_name() == base)
    }

    /// Returns the comparison of a cell with the base.
    pub fn ratio<'r>(&self, cell: &Cell, ratios: &'r Ratios) -> Option<&'r JudgedRatio> {
        ratios.get(cell, self.base?, &self.table.event)
    }
}
