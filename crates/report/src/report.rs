//! The report of a run: sections, blocks and sentences, made once for text and Markdown.

use document::run::{Body, Cell, Run};

use crate::about::{about, analysis, name};
use crate::block::Block;
use crate::blocks::{self, Source, Worlds};
use crate::layout::Ink;
use crate::notes::{notes, warnings};
use crate::ratios::Ratios;
use crate::sentences::{noise_floor, reading};
use crate::table::{Row, Table, body_name, tables};

/// Name of rows that are the same for both bodies.
const BOTH: &str = "both bodies";

/// The report of one run.
pub(crate) struct Report<'a> {
    pub run: &'a Run,
    pub sections: Vec<Section<'a>>,
    pub worlds: Vec<Worlds>,
    /// Cost of an empty exception of the kernel.
    pub trap: Option<String>,
    pub bands: Vec<Block>,
    pub break_even: Vec<Block>,
    pub noise: String,
    pub reading: String,
    pub warnings: Vec<String>,
}

/// The part of a report on one table.
pub(crate) struct Section<'a> {
    pub name: String,
    pub about: Vec<String>,
    pub finding: Option<Block>,
    /// Rates and ratios of all bodies side by side.
    pub rates: Block,
    pub ratios: Option<Block>,
    pub bodies: Vec<BodyBlocks>,
    pub scaling_laws: Vec<Block>,
    pub notes: Vec<(Ink, String)>,
    pub analysis: Vec<&'a str>,
}

/// The blocks of one body.
pub(crate) struct BodyBlocks {
    pub rates: Block,
    pub ratios: Option<Block>,
    /// All other blocks by kind, transfers and latency first.
    pub by_kind: Vec<Vec<Block>>,
}

impl<'a> Report<'a> {
    /// Makes the report of a run.
    pub fn of(run: &'a Run) -> Report<'a> {
        let ratios = Ratios::of(run);
        let sections = tables(run).iter().map(|table| Section::of(run, table, &ratios)).collect();
        let warnings = warnings(&run.provenance.warnings);
        Report {
            run,
            sections,
            worlds: blocks::beside(run),
            trap: blocks::trap(run),
            bands: blocks::bands(run),
            break_even: blocks::break_even(run),
            noise: noise_floor(run),
            reading: reading(run, &ratios),
            warnings: warnings.iter().map(|it| format!("{}: {}", it.code, it.sentence())).collect(),
        }
    }
}

impl<'a> Section<'a> {
    fn of(run: &'a Run, table: &Table<'a>, ratios: &Ratios) -> Section<'a> {
        let source = Source { table, ratios };
        let bodies = bodies(table);
        let law = |body| blocks::scaling_law(run, &source, body);
        Section {
            name: name(table.key()),
            about: where_time_went(&source).into_iter().chain(about(run, table.key())).collect(),
            finding: blocks::finding(&source),
            rates: blocks::rates(&source, &bodies),
            ratios: blocks::ratios(&source, &bodies),
            bodies: table.bodies().into_iter().map(|body| BodyBlocks::of(&source, body)).collect(),
            scaling_laws: table.bodies().into_iter().filter_map(law).collect(),
            notes: notes(table),
            analysis: analysis(run, table.key()),
        }
    }

    /// Returns the blocks by kind, each once if it is the same for both bodies.
    pub fn folded(&self) -> Vec<Block> {
        let kinds = self.bodies.iter().map(|body| body.by_kind.len()).max().unwrap_or(0);
        let of_kind = |kind: usize| match self.bodies.as_slice() {
            [one, other] if both(&one.by_kind[kind]) == both(&other.by_kind[kind]) => {
                both(&one.by_kind[kind])
            }
            bodies => bodies.iter().flat_map(|body| body.by_kind[kind].clone()).collect(),
        };
        (0..kinds).flat_map(of_kind).collect()
    }
}

/// Returns where the time went at the most threads: of faults or of what else is rated.
fn where_time_went(source: &Source<'_>) -> Vec<String> {
    let table = source.table;
    let threads = table.cells.iter().map(|cell| cell.key.threads).max().unwrap_or(0);
    let body = table.bodies().into_iter().last();
    let cells = table.cells.iter().copied();
    let widest = |cell: &&Cell| cell.key.threads == threads && Some(cell.key.body) == body;
    blocks::time_sentences(cells.filter(widest), &table.event)
}

fn both(blocks: &[Block]) -> Vec<Block> {
    blocks.iter().map(|block| block.of_body(BOTH)).collect()
}

impl BodyBlocks {
    fn of(source: &Source<'_>, body: Body) -> BodyBlocks {
        let bodies = [(body, body_name(body))];
        BodyBlocks {
            rates: blocks::rates(source, &bodies),
            ratios: blocks::ratios(source, &bodies),
            by_kind: blocks::by_kind(source, body),
        }
    }
}

/// Returns the bodies that differ in the rates of their cells, each with its name.
fn bodies(table: &Table<'_>) -> Vec<(Body, &'static str)> {
    let bodies = table.bodies();
    let speed = |cell: Option<&Cell>| {
        cell.map(|cell| (cell.status, cell.measured.as_ref().map(|found| found.rates())))
    };
    let alike = |row: &Row<'_>| speed(row.cell(Body::None)) == speed(row.cell(Body::Real));
    match table.rows().iter().all(alike) {
        true => vec![(bodies[0], BOTH)],
        false => bodies.into_iter().map(|body| (body, body_name(body))).collect(),
    }
}
