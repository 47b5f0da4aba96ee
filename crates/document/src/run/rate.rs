//! The rate by which a cell is judged: its faults, or operations of writers if it has none.

use std::collections::BTreeMap;

use super::{Cell, Interval, LineCount, Measured, OpStats, TimeSplit};
use stats;

/// Events that have a rate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Faults.
    Faults,
    /// An operation of writers, by its name.
    Op(String),
}

/// Moves of lines between cores.
#[derive(Debug, Clone, Copy)]
pub struct Moves<'a> {
    /// All of them, for each fault; for each operation of a cell without faults.
    pub each: f64,
    /// Each named line, that with most transfers first.
    pub by_name: &'a [LineCount],
}

impl Counted {
    /// The events by which cells that stand beside each other are judged: faults, if any of
    /// them has some; else the operation that they did most often, of equals the first by name.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Counted {
        let mut done: BTreeMap<&str, u64> = BTreeMap::new();
        for cell in cells {
            if cell.rate(&Counted::Faults).is_some() {
                return Counted::Faults;
            }
            for (name, stats) in cell.measured.iter().flat_map(|found| &found.ops) {
                *done.entry(name).or_default() += stats.count;
            }
        }
        let most = done.into_iter().rev().filter(|(_, count)| *count > 0);
        let most = most.max_by_key(|(_, count)| *count);
        most.map_or(Counted::Faults, |(name, _)| Counted::Op(name.to_owned()))
    }

    /// Every operation that a writer of these cells did, by name.
    pub fn ops<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Vec<Counted> {
        let found = cells.into_iter().filter_map(|cell| cell.measured.as_ref());
        let done = found.flat_map(|found| &found.ops).filter(|(_, stats)| stats.count > 0);
        let mut names: Vec<&str> = done.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| Counted::Op(name.to_owned())).collect()
    }

    /// The name, as in `mmap per second`.
    pub fn name(&self) -> &str {
        match self {
            Counted::Faults => "faults",
            Counted::Op(name) => name,
        }
    }

    /// The event for which lines and times are given: `fault`, or `operation` of any kind.
    pub fn each(&self) -> &'static str {
        match self {
            Counted::Faults => "fault",
            Counted::Op(_) => "operation",
        }
    }

    /// The same with its article.
    pub fn a_each(&self) -> &'static str {
        match self {
            Counted::Faults => "a fault",
            Counted::Op(_) => "an operation",
        }
    }
}

impl Cell {
    /// Their rate a second: median over repeats, with a 95 % bootstrap interval; `None` if there
    /// were none.
    pub fn rate(&self, counted: &Counted) -> Option<Interval> {
        let found = self.measured.as_ref()?;
        let rate = match counted {
            Counted::Faults => Some(found.faults_per_s),
            Counted::Op(name) => stats::interval(&found.ops.get(name)?.rates(), self.key.seed),
        };
        rate.filter(|rate| rate.median > 0.0)
    }

    /// Their number, over all repeats.
    pub fn count(&self, counted: &Counted) -> u64 {
        self.measured.as_ref().map_or(0, |found| match counted {
            Counted::Faults => found.counts.faults,
            Counted::Op(name) => found.ops.get(name).map_or(0, |stats| stats.count),
        })
    }

    /// Their rate a second in each repeat; empty if there were none at all.
    pub fn rates(&self, counted: &Counted) -> Vec<f64> {
        let rates = self.measured.as_ref().map(|found| match counted {
            Counted::Faults => found.rates(),
            Counted::Op(name) => found.ops.get(name).map(OpStats::rates).unwrap_or_default(),
        });
        rates.filter(|rates| rates.iter().any(|rate| *rate > 0.0)).unwrap_or_default()
    }
}

impl OpStats {
    /// The rate of each repeat. Documents without `repeats_per_s` tell the mean alone.
    fn rates(&self) -> Vec<f64> {
        if self.repeats_per_s.is_empty() { vec![self.per_s] } else { self.repeats_per_s.clone() }
    }
}

impl Measured {
    /// Moves of its lines; `None` if they were not counted.
    pub fn moves(&self) -> Option<Moves<'_>> {
        let of_faults =
            self.lines.as_ref().map(|lines| (lines.transfers_per_fault, &lines.by_name));
        let of_ops = || {
            let lines = self.per_op.as_ref()?.lines.as_ref()?;
            Some((lines.transfers_per_op, &lines.by_name))
        };
        of_faults.or_else(of_ops).map(|(each, by_name)| Moves { each, by_name })
    }

    /// How often a fault, or an operation of a cell without faults, moves each line that moves,
    /// by name, as they stand.
    pub fn line_moves(&self) -> impl Iterator<Item = (&str, f64)> {
        self.moves().into_iter().flat_map(|Moves { each, by_name }| {
            let moves = move |line: &LineCount| line.transfer_share.map(|share| each * share);
            by_name.iter().filter_map(move |line| Some((line.name.as_str(), moves(line)?)))
        })
    }

    /// The parts of a fault's time, or of an operation's in a cell without faults; `None`
    /// outside the model.
    pub fn time_split(&self) -> Option<&TimeSplit> {
        self.time_split_ns.as_ref().or_else(|| self.per_op.as_ref()?.time_split_ns.as_ref())
    }
}
