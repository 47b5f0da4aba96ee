//! Progress of a group, and the cells of it that go on.

use super::plan::CellGroup;
use document::run::{Cell, RatedEvent, Status, sides};
use stats::{LOOKS, MIN_REPEATS, Verdict, at_a_look, compare};

/// Returns the number of ratios to `base` that will be judged.
fn comparisons(groups: &[CellGroup], base: &str) -> usize {
    let judged = groups.iter().filter(|group| group.turns.most as usize >= MIN_REPEATS);
    let ratios = |group: &CellGroup| {
        let mut running = group.cells.iter().filter(|cell| cell.takes_part());
        let has_base = running.clone().any(|cell| cell.key.strategy_name() == base);
        if has_base { running.by_ref().count() - 1 } else { 0 }
    };
    judged.map(ratios).sum()
}

/// Progress of a group.
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
    pub fn of(group: &CellGroup) -> Standing {
        let left = group.cells.iter().map(|cell| cell.refused.is_some()).collect();
        Standing { left, ..Standing::default() }
    }

    /// Returns the cells in the order of the next turn's storms.
    pub fn order(&self, group: &CellGroup) -> Vec<usize> {
        group.order(self.turns, |cell| !self.left[cell])
    }

    /// Returns true if there is another turn to take. A run without a time limit (`paced`) has a
    /// limited number of storms.
    pub fn goes_on(&self, group: &CellGroup, paced: bool) -> bool {
        let running = group.cells.iter().filter(|cell| cell.refused.is_none()).count();
        let fits = || self.storms + self.order(group).len() <= group.turns.storms(running);
        let open = || self.open(group).next().is_some();
        running > 0
            && self.turns < group.turns.most
            && (!group.turns.looks || open() && (!paced || fits()))
    }

    /// Returns the cells whose verdict is open.
    fn open(&self, group: &CellGroup) -> impl Iterator<Item = usize> {
        let base = group.base;
        (0..group.cells.len()).filter(move |&cell| {
            !self.left[cell] && group.cells[cell].takes_part() && Some(cell) != base
        })
    }

    /// Ends a turn. `found`: the cells of the group so far.
    pub fn end_turn(&mut self, groups: &[CellGroup], at: usize, found: &[Cell]) {
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

/// Returns true if a cell is known to differ from its base. One that has failed differs for sure.
fn is_sure(found: &[Cell], cell: &Cell, base: &Cell, chance: f64) -> bool {
    let [new, old] = sides(found, cell, base, &RatedEvent::of([cell, base]));
    let compared = compare(&new, &old, chance);
    let verdict = compared.and_then(|compared| compared.verdict);
    cell.status == Status::Failed || verdict.is_some_and(Verdict::is_sure)
}
