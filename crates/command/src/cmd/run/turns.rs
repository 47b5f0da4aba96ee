//! How many turns the strategies of a group take, and which of them go on.

use super::matrix::{Group, Planned};
use document::run::{Cell, RatedEvent, Status, sides};
use report::BASES;
use stats::{LOOKS, MIN_REPEATS, Verdict, at_a_look, compare};

/// Turns of a group in which nothing is compared.
const ALONE: u32 = 5;
/// Turns of a group, at the most, where what is sure leaves.
const MOST: u32 = 12;
/// Storms of a group for each of its cells, where what is sure leaves: whatever that saves
/// goes to what is open.
const STORMS: usize = 6;

/// The turns that a group takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turns {
    pub most: u32,
    /// Verdicts are looked at after some turns, and cells leave whose verdict is sure. What
    /// they are compared with storms twice a turn: all verdicts need its repeats.
    pub looks: bool,
}

impl Turns {
    /// As many as are asked for; else as many as the verdicts of these cells need.
    pub fn of(asked: Option<u32>, cells: &[Planned]) -> Turns {
        let compared =
            base(cells).is_some() && cells.iter().filter(|cell| takes_part(cell)).count() > 1;
        match asked {
            Some(most) => Turns { most, looks: false },
            None if compared => Turns { most: MOST, looks: true },
            None => Turns { most: ALONE, looks: false },
        }
    }

    /// One, for numbers that nothing is compared with.
    pub fn once() -> Turns {
        Turns { most: 1, looks: false }
    }

    /// Returns how many storms so many cells have, at the most.
    pub fn storms(self, cells: usize) -> usize {
        if self.looks { STORMS * cells } else { self.most as usize * cells }
    }
}

/// Whether a cell runs, and is no twin.
fn takes_part(cell: &Planned) -> bool {
    cell.refused.is_none() && !cell.key.is_aa_twin
}

/// Returns the cell that the others of its group are compared with.
pub(super) fn base(cells: &[Planned]) -> Option<usize> {
    let of = |base: &str| {
        cells.iter().position(|cell| takes_part(cell) && cell.key.strategy_name() == base)
    };
    BASES.into_iter().find_map(of)
}

/// Returns how many ratios to `base` will be judged.
fn comparisons(groups: &[Group], base: &str) -> usize {
    let judged = groups.iter().filter(|group| group.turns.most as usize >= MIN_REPEATS);
    let ratios = |group: &Group| {
        let mut running = group.cells.iter().filter(|cell| takes_part(cell));
        let has_base = running.clone().any(|cell| cell.key.strategy_name() == base);
        if has_base { running.by_ref().count() - 1 } else { 0 }
    };
    judged.map(ratios).sum()
}

/// How far a group has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Turns that are over.
    pub turns: u32,
    /// Storms that measured throughput.
    storms: usize,
    /// Cells that take part no more.
    left: Vec<bool>,
    /// Everything is in.
    pub closed: bool,
}

impl Standing {
    pub fn of(group: &Group) -> Standing {
        let left = group.cells.iter().map(|cell| cell.refused.is_some()).collect();
        Standing { left, ..Standing::default() }
    }

    /// Returns the cells in the order of the next turn's storms.
    pub fn order(&self, group: &Group) -> Vec<usize> {
        group.order(self.turns, |cell| !self.left[cell])
    }

    /// Whether there is another turn to take. Of a run that is as long as it takes (`paced`)
    /// only so many storms.
    pub fn goes_on(&self, group: &Group, paced: bool) -> bool {
        let running = group.cells.iter().filter(|cell| cell.refused.is_none()).count();
        let fits = || self.storms + self.order(group).len() <= group.turns.storms(running);
        let open = || self.open(group).next().is_some();
        running > 0
            && self.turns < group.turns.most
            && (!group.turns.looks || open() && (!paced || fits()))
    }

    /// Returns the cells whose verdict is open.
    fn open(&self, group: &Group) -> impl Iterator<Item = usize> {
        let base = group.base;
        (0..group.cells.len()).filter(move |&cell| {
            !self.left[cell] && takes_part(&group.cells[cell]) && Some(cell) != base
        })
    }

    /// Ends a turn. `found`: the cells of the group as they stand.
    pub fn end_turn(&mut self, groups: &[Group], at: usize, found: &[Cell]) {
        let group = &groups[at];
        self.storms += self.order(group).len();
        self.turns += 1;
        if group.turns.looks && LOOKS.contains(&self.turns) {
            let Some(base) = group.base.map(|base| &found[base]) else { return };
            let chance = at_a_look(comparisons(groups, &base.key.strategy_name()));
            let sure = |cell: &usize| is_sure(found, &found[*cell], base, chance);
            let sure: Vec<usize> = self.open(group).filter(sure).collect();
            sure.into_iter().for_each(|cell| self.left[cell] = true);
        }
    }
}

/// Whether a cell is known to differ from its base. One that has failed differs for sure.
fn is_sure(found: &[Cell], cell: &Cell, base: &Cell, chance: f64) -> bool {
    let [new, old] = sides(found, cell, base, &RatedEvent::of([cell, base]));
    let compared = compare(&new, &old, chance);
    let verdict = compared.and_then(|compared| compared.verdict);
    cell.status == Status::Failed || verdict.is_some_and(|it| it != Verdict::NoDifferenceSeen)
}
