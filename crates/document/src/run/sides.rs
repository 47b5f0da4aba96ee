//! Which repeats of a run are compared with which.

use super::{Cell, Counted};

/// Returns the rates of two cells of one run that are compared. The base counts with its A/A
/// twin, which is the same code; both count up to the last turn that the other took part in,
/// since the machine may have changed after it.
pub fn sides(cells: &[Cell], new: &Cell, base: &Cell, counted: &Counted) -> [Vec<f64>; 2] {
    let last = turns(new).max().flatten();
    let twin = cells.iter().find(|cell| cell.key.is_aa_twin() && cell.key.first_of() == base.key);
    let until = |cell: &Cell| -> Vec<f64> {
        let rates = cell.rates(counted).into_iter().zip(turns(cell));
        rates.filter(|(_, turn)| *turn <= last).map(|(rate, _)| rate).collect()
    };
    [new.rates(counted), std::iter::once(base).chain(twin).flat_map(until).collect()]
}

/// The turn of each repeat of a cell.
fn turns(cell: &Cell) -> impl Iterator<Item = Option<u32>> {
    cell.measured.iter().flat_map(|found| found.repeats.iter().map(|repeat| repeat.turn))
}
