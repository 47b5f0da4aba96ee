//! The number of turns that the cells of a group take.

use super::cell::PlannedCell;
use report::BASES;

/// Turns of a group in which nothing is compared.
const ALONE: u32 = 5;
/// Most turns of a group whose cells leave when their verdict is sure.
const MOST: u32 = 12;
/// Storms of such a group for each of its cells: the storms that a cell saves by leaving go to
/// the cells that stay.
const STORMS: usize = 6;

/// The turns that a group takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Turns {
    pub most: u32,
    /// Verdicts are computed after some turns, and cells with a sure verdict leave. Their bases
    /// storm twice a turn, since all verdicts need their repeats.
    pub looks: bool,
}

impl Turns {
    /// As many as are asked for; else as many as the verdicts of these cells need.
    pub fn of(asked: Option<u32>, cells: &[PlannedCell]) -> Turns {
        let compared =
            base(cells).is_some() && cells.iter().filter(|cell| cell.takes_part()).count() > 1;
        match asked {
            Some(most) => Turns { most, looks: false },
            None if compared => Turns { most: MOST, looks: true },
            None => Turns { most: ALONE, looks: false },
        }
    }

    /// This many, for numbers that nothing is compared with.
    pub fn repeats(most: u32) -> Turns {
        Turns { most, looks: false }
    }

    /// Returns the most storms that `cells` cells have.
    pub fn storms(self, cells: usize) -> usize {
        if self.looks { STORMS * cells } else { self.most as usize * cells }
    }
}

/// Returns the cell that the others of its group are compared with.
pub(super) fn base(cells: &[PlannedCell]) -> Option<usize> {
    let of = |base: &str| {
        cells.iter().position(|cell| cell.takes_part() && cell.key.strategy_name() == base)
    };
    BASES.into_iter().find_map(of)
}
