//! The rate by which a cell is judged: its faults, or operations of writers if it has none.

use std::collections::BTreeMap;

use stats::Interval;

use super::cell::Cell;
use super::measured::{LineCount, Measured, TimeSplit};
use super::ops::OpStats;

/// Name of faults as an event.
const FAULTS: &str = "faults";

/// An event that has a rate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RatedEvent {
    /// Faults.
    Faults,
    /// An operation of writers, by its name.
    Op(String),
}

/// Transfers of cache lines between cores.
#[derive(Debug, Clone, Copy)]
pub struct Moves<'a> {
    /// Transfers of all lines per fault; per operation in a cell without faults, or if the workload
    /// is judged by one.
    pub each: f64,
    /// Each named line, the one with most transfers first.
    pub by_name: &'a [LineCount],
}

impl<'a> Moves<'a> {
    /// Returns each line with its transfers per fault or operation; 0 if it never moved.
    pub fn lines(self) -> impl Iterator<Item = (&'a LineCount, f64)> {
        let each = self.each;
        self.by_name.iter().map(move |line| (line, each * line.transfer_share.unwrap_or(0.0)))
    }
}

impl RatedEvent {
    /// Returns the event by which cells of one table are judged: the choice of their workload;
    /// without one faults, if any of the cells has some; else the operation that they did most
    /// often, of equals the first by name.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> RatedEvent {
        let (mut done, mut has_faults): (BTreeMap<&str, u64>, bool) = Default::default();
        for cell in cells {
            if let Some(chosen) = cell.measured.as_ref().and_then(|it| it.headline.as_deref()) {
                return RatedEvent::named(chosen);
            }
            has_faults |= cell.rate(&RatedEvent::Faults).is_some();
            for (name, stats) in cell.measured.iter().flat_map(|found| &found.ops) {
                *done.entry(name).or_default() += stats.count;
            }
        }
        if has_faults {
            return RatedEvent::Faults;
        }
        // Of equals `max_by_key` takes the last.
        let most = done.into_iter().rev().filter(|(_, count)| *count > 0);
        let most = most.max_by_key(|(_, count)| *count);
        most.map_or(RatedEvent::Faults, |(name, _)| RatedEvent::Op(name.to_owned()))
    }

    /// Returns the event with this name, as in [`RatedEvent::name`].
    fn named(name: &str) -> RatedEvent {
        match name {
            FAULTS => RatedEvent::Faults,
            op => RatedEvent::Op(op.to_owned()),
        }
    }

    /// Returns every operation that a writer of these cells did, by name.
    pub fn ops<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Vec<RatedEvent> {
        let found = cells.into_iter().filter_map(|cell| cell.measured.as_ref());
        let done = found.flat_map(|found| &found.ops).filter(|(_, stats)| stats.count > 0);
        let mut names: Vec<&str> = done.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| RatedEvent::Op(name.to_owned())).collect()
    }

    /// Returns every event of these cells: faults if there are some, then operations by name.
    pub fn all<'a>(cells: impl IntoIterator<Item = &'a Cell> + Clone) -> Vec<RatedEvent> {
        let mut faulting = cells.clone().into_iter();
        let faults = faulting.any(|cell| cell.rate(&RatedEvent::Faults).is_some());
        faults.then_some(RatedEvent::Faults).into_iter().chain(RatedEvent::ops(cells)).collect()
    }

    /// Returns the name, as in `mmap per second`.
    pub fn name(&self) -> &str {
        match self {
            RatedEvent::Faults => FAULTS,
            RatedEvent::Op(name) => name,
        }
    }

    /// Returns the event that transfers and times are given for: `fault`, or `operation` of any
    /// kind.
    pub fn each(&self) -> &'static str {
        match self {
            RatedEvent::Faults => "fault",
            RatedEvent::Op(_) => "operation",
        }
    }

    /// Returns [`RatedEvent::each`] with its article.
    pub fn a_each(&self) -> &'static str {
        match self {
            RatedEvent::Faults => "a fault",
            RatedEvent::Op(_) => "an operation",
        }
    }
}

impl Cell {
    /// Returns the rate of an event, per second: the median over repeats, with a 95 % bootstrap
    /// interval; `None` if the event never occurred.
    pub fn rate(&self, event: &RatedEvent) -> Option<Interval> {
        let found = self.measured.as_ref()?;
        let rate = match event {
            RatedEvent::Faults => Some(found.faults_per_s),
            RatedEvent::Op(name) => stats::interval(&found.ops.get(name)?.rates(), self.key.seed),
        };
        rate.filter(|rate| rate.median > 0.0)
    }

    /// Returns the number of events over all repeats.
    pub fn count(&self, event: &RatedEvent) -> u64 {
        self.measured.as_ref().map_or(0, |found| match event {
            RatedEvent::Faults => found.counts.faults,
            RatedEvent::Op(name) => found.ops.get(name).map_or(0, |stats| stats.count),
        })
    }

    /// Returns the rate of an event in each repeat, per second; empty if it never occurred.
    pub fn rates(&self, event: &RatedEvent) -> Vec<f64> {
        let rates = self.measured.as_ref().map(|found| match event {
            RatedEvent::Faults => found.rates(),
            RatedEvent::Op(name) => found.ops.get(name).map(OpStats::rates).unwrap_or_default(),
        });
        rates.filter(|rates| rates.iter().any(|rate| *rate > 0.0)).unwrap_or_default()
    }
}

impl OpStats {
    /// Returns the rate of each repeat, per second. Documents without `repeats_per_s` have the
    /// mean alone.
    fn rates(&self) -> Vec<f64> {
        if self.repeats_per_s.is_empty() { vec![self.per_s] } else { self.repeats_per_s.clone() }
    }
}

impl Measured {
    /// Returns the faults for each operation that the workload is judged by: its share of what is
    /// counted per fault. 1 if that event is faults.
    fn faults_per_event(&self) -> f64 {
        let op = self.headline.as_ref().filter(|name| *name != FAULTS);
        let Some(done) = op.and_then(|name| self.ops.get(name)).filter(|op| op.count > 0) else {
            return 1.0;
        };
        self.counts.faults as f64 / done.count as f64
    }

    /// Returns the transfers of its lines; `None` if they were not counted. If the workload is
    /// judged by an operation, those of its faults are among them.
    pub fn moves(&self) -> Option<Moves<'_>> {
        let of_faults = self
            .lines
            .as_ref()
            .map(|lines| (lines.transfers_per_fault * self.faults_per_event(), &lines.by_name));
        let of_ops = || {
            let lines = self.per_op.as_ref()?.lines.as_ref()?;
            Some((lines.transfers_per_op, &lines.by_name))
        };
        of_faults.or_else(of_ops).map(|(each, by_name)| Moves { each, by_name })
    }

    /// Returns true if its transfers and times are per fault for faults, or per operation for an
    /// operation.
    pub fn is_per(&self, event: &RatedEvent) -> bool {
        match &self.headline {
            Some(name) if self.per_op.is_none() => event.name() == name,
            _ => self.per_op.is_none() == (*event == RatedEvent::Faults),
        }
    }

    /// Returns each line that moved, with its transfers per fault, or per operation in a cell
    /// without faults.
    pub fn moving_lines(&self) -> impl Iterator<Item = (&LineCount, f64)> {
        let lines = self.moves().into_iter().flat_map(|moves| moves.lines());
        lines.filter(|(line, _)| line.transfer_share.is_some())
    }

    /// Returns the line with most transfers, the first of equals; `None` if no line was counted
    /// or none moved.
    pub fn hottest_line(&self) -> Option<&LineCount> {
        let lines = self.moves().into_iter().flat_map(|moves| moves.by_name);
        lines.rev().filter(|line| line.transfers > 0).max_by_key(|line| line.transfers)
    }

    /// Returns the parts of a fault's time, or of an operation's in a cell without faults or if the
    /// workload is judged by one; `None` outside the model.
    pub fn time_split(&self) -> Option<TimeSplit> {
        let each = self.faults_per_event();
        let of_faults = self.time_split_ns.as_ref().map(|split| TimeSplit {
            private_work: split.private_work * each,
            coherence: split.coherence * each,
            lock_wait: split.lock_wait * each,
            io: split.io * each,
        });
        of_faults.or_else(|| self.per_op.as_ref()?.time_split_ns.clone())
    }
}
