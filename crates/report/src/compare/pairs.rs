//! Pairs of cells as a block, the largest difference first.

use crate::block::{Align, Block, BlockRow, Column, Value};
use crate::layout::Ink;
use crate::numbers::{rate, spread, times};
use document::compare::{Comparison, OpPair, Pair, PairRatio};
use document::run::{RatedEvent, Status};

/// Columns after the name of a cell: of rates, of ratios, and of a verdict.
const NUMBERS: usize = 53;
const RATE: usize = 9;
const RATIO: usize = 8;
const VERDICT: usize = NUMBERS - 2 * RATE - 2 * RATIO - 1;

/// Returns the pairs without those that neither side could run.
pub(super) fn shown(compared: &Comparison) -> impl Iterator<Item = &Pair> {
    compared.cells.iter().filter(|pair| !is_skipped(pair))
}

pub(super) fn is_skipped(pair: &Pair) -> bool {
    pair.base.status == Status::Skipped && pair.new.status == Status::Skipped
}

/// Returns the pairs as a block that is `width` columns wide; `name` returns the name of a pair, or
/// of the operation of one.
pub(super) fn pairs(
    compared: &Comparison,
    width: usize,
    name: impl Fn(&Pair, Option<&str>) -> String,
) -> Block {
    let right = |width, name: &str, head: &str| {
        Column::new(Align::Right, width, name, vec![head.to_owned()])
    };
    let columns = vec![
        right(RATE, "base", "base"),
        right(RATE, "new", "new"),
        right(RATIO, "ratio", "ratio"),
        right(RATIO, "95 %", "95%"),
        Column::new(Align::Left, VERDICT, "verdict", vec![String::new()]).after(1),
    ];
    let rows = shown(compared).flat_map(|pair| {
        let rates = [pair.base.per_s, pair.new.per_s];
        let mut cell = row(name(pair, None), rates, &pair.judged);
        cell.text = pair.reason.as_ref().map(|reason| not_compared(pair, reason));
        let op = |(op, found): (&String, &OpPair)| {
            let rates = [found.base_per_s, found.new_per_s].map(Some);
            row(name(pair, Some(op)), rates, &found.judged)
        };
        std::iter::once(cell).chain(pair.ops.iter().map(op)).collect::<Vec<_>>()
    });
    let rows = rows.collect();
    Block { columns, rows, has_whole_names: true, ..Block::titled("", width - NUMBERS) }
}

fn row(name: String, rates: [Option<f64>; 2], judged: &PairRatio) -> BlockRow {
    let [base, new] = rates.map(|per_s| Value::or_dash(per_s.map(rate)));
    let ratio = judged.ratio.as_ref();
    let interval = ratio.and_then(|ratio| Some((ratio.low.zip(ratio.high)?, ratio.spread()?)));
    let interval = interval.map_or_else(Value::dash, |((low, high), share)| {
        Value::plain(format!("{} to {}", times(low), times(high))).or_short(spread(share))
    });
    let ratio = Value::or_dash(ratio.map(|ratio| times(ratio.median)));
    let row = BlockRow::of("", name, vec![base, new, ratio, interval, verdict(judged)]);
    // The mark of a cell that is slower than was allowed.
    match judged.found {
        true => BlockRow { mark: "! ", name: Value { ink: Ink::Bad, ..row.name }, ..row },
        false => row,
    }
}

/// Returns the verdict on a ratio.
fn verdict(judged: &PairRatio) -> Value {
    let (ink, text) = match judged.verdict.as_deref() {
        Some("faster") => (Ink::Good, "faster"),
        Some("slower") => (Ink::Bad, "slower"),
        Some(other) => (Ink::Plain, other),
        None if judged.ratio.is_none() => (Ink::Doubt, "not compared"),
        None if judged.exact && judged.differs() => (Ink::Plain, "exact"),
        None if judged.exact => (Ink::Plain, "equal"),
        None => (Ink::Doubt, "too few repeats"),
    };
    Value::new(ink, text)
}

/// Returns why a pair has no ratio.
fn not_compared(pair: &Pair, reason: &str) -> String {
    let failed = [&pair.base, &pair.new].iter().any(|half| half.status == Status::Failed);
    let verb = if failed { "FAILED" } else { "not compared" };
    format!("{verb}: {}", reason.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns a cell's name, with the side if there are several, and the compared event unless it is
/// faults.
pub(super) fn name(compared: &Comparison, pair: &Pair, cell: &str) -> String {
    let side = if compared.new.len() == 1 { String::new() } else { format!(" {}", pair.side) };
    let of_faults = pair.counted == RatedEvent::Faults.name();
    let counted = if of_faults { String::new() } else { format!(" {}", pair.counted) };
    format!("{cell}{side}{counted}")
}

/// ShortNames of cells, without the words that all of them share.
pub(super) struct ShortNames {
    /// The words that all names share, `*` for a word that differs; `None` if no word can be left
    /// out.
    pub pattern: Option<String>,
    differs: Vec<bool>,
}

impl ShortNames {
    pub fn of<'a>(pairs: impl Iterator<Item = &'a Pair>) -> ShortNames {
        let words: Vec<Vec<&str>> = pairs.map(|pair| pair.cell.split('/').collect()).collect();
        let count = words.iter().map(Vec::len).min().unwrap_or(0);
        let differs: Vec<bool> =
            (0..count).map(|at| words.iter().any(|name| name[at] != words[0][at])).collect();
        let pattern: Vec<&str> =
            (0..count).map(|at| if differs[at] { "*" } else { words[0][at] }).collect();
        let any = differs.contains(&true) && differs.contains(&false);
        ShortNames { pattern: any.then(|| pattern.join("/")), differs }
    }

    pub fn short(&self, cell: &str) -> String {
        let kept = |at: usize| self.pattern.is_none() || self.differs.get(at) != Some(&false);
        let words = cell.split('/').enumerate().filter(|(at, _)| kept(*at));
        words.map(|(_, word)| word).collect::<Vec<_>>().join("/")
    }
}
