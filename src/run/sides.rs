//! Which repeats of a run are compared with which.

use super::{Cell, Measured, Repeat};

/// Returns the rates of two cells of one run that are compared. The base counts with its A/A
/// twin, which is the same code; both count up to the last turn that the other took part in,
/// since the machine may have changed behind it.
pub fn sides(cells: &[Cell], new: &Cell, base: &Cell) -> Option<[Vec<f64>; 2]> {
    let (new, own) = (new.measured.as_ref()?, base.measured.as_ref()?);
    let last = new.repeats.iter().filter_map(|repeat| repeat.turn).max();
    let twin = cells.iter().find(|cell| cell.key.is_aa_twin() && cell.key.first_of() == base.key);
    let twin = twin.and_then(|twin| twin.measured.as_ref());
    let until = |found: &Measured| -> Vec<f64> {
        let repeats = found.repeats.iter().filter(|repeat| repeat.turn <= last);
        repeats.filter_map(Repeat::faults_per_s).collect()
    };
    Some([new.rates(), std::iter::once(own).chain(twin).flat_map(until).collect()])
}
