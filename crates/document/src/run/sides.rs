//! The repeats of two cells that are compared.

use super::cell::Cell;
use super::rate::RatedEvent;

/// Returns the rates of two cells of one run, for their comparison. If the cells compete, the
/// base has the repeats of its A/A twin too, which is the same code. Repeats of the base after
/// the last turn of `new` are left out, since the machine may have changed since.
pub fn sides(cells: &[Cell], new: &Cell, base: &Cell, event: &RatedEvent) -> [Vec<f64>; 2] {
    if !new.key.competes_with(&base.key) {
        return [new.rates(event), base.rates(event)];
    }
    let last = turns(new).max().flatten();
    let twin = cells.iter().find(|cell| cell.key.is_twin_of(&base.key));
    let until = |cell: &Cell| -> Vec<f64> {
        let rates = cell.rates(event).into_iter().zip(turns(cell));
        rates.filter(|(_, turn)| *turn <= last).map(|(rate, _)| rate).collect()
    };
    [new.rates(event), std::iter::once(base).chain(twin).flat_map(until).collect()]
}

/// Returns the turn of each repeat of a cell.
fn turns(cell: &Cell) -> impl Iterator<Item = Option<u32>> {
    cell.measured.iter().flat_map(|found| found.repeats.iter().map(|repeat| repeat.turn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Key, Measured, Repeat};
    use stats::interval;

    /// A cell with a storm in each of these turns, as fast as its number says.
    fn cell(strategy: &str, threads: u32, is_twin: bool, storms: &[(Option<u32>, u64)]) -> Cell {
        let key: Key = serde_json::from_value(serde_json::json!({
            "workload": "w", "workload_digest": "d", "strategy": strategy, "world": "host",
            "machine": "m", "threads": threads, "placement": "scatter", "entry_prefetch": false,
            "body": "none", "seed": 1,
        }))
        .unwrap();
        let storm = |&(turn, faults): &(Option<u32>, u64)| Repeat {
            turn,
            window_s: 1.0,
            faults,
            ..Repeat::default()
        };
        let repeats: Vec<Repeat> = storms.iter().map(storm).collect();
        let rates: Vec<f64> = repeats.iter().filter_map(Repeat::faults_per_s).collect();
        let faults_per_s = interval(&rates, 1).unwrap();
        let measured = Measured { faults_per_s, repeats, ..Measured::default() };
        Cell::ok(if is_twin { key.aa_twin() } else { key }, measured)
    }

    #[test]
    fn a_base_counts_with_its_twin_as_long_as_the_other_took_part() {
        let turns = |rates: &[u64]| -> Vec<(Option<u32>, u64)> {
            rates.iter().enumerate().map(|(turn, rate)| (Some(turn as u32 / 2), *rate)).collect()
        };
        let cells = [
            cell("unlocked", 2, false, &turns(&[10, 11, 12, 13, 14, 15])),
            cell("other", 2, false, &[(Some(0), 5), (Some(1), 6)]),
            cell("unlocked", 2, true, &[(Some(0), 20), (Some(1), 21), (Some(2), 22)]),
            cell("unlocked", 1, false, &turns(&[30, 31])),
        ];
        let [new, base] = sides(&cells, &cells[1], &cells[0], &RatedEvent::Faults);
        assert_eq!(new, [5.0, 6.0]);
        assert_eq!(base, [10.0, 11.0, 12.0, 13.0, 20.0, 21.0]);
        // The other way round it is another strategy, which left; it has no twin.
        let [_, base] = sides(&cells, &cells[0], &cells[1], &RatedEvent::Faults);
        assert_eq!(base, [5.0, 6.0]);
        // Turns of another group are none of these.
        let [new, base] = sides(&cells, &cells[3], &cells[0], &RatedEvent::Faults);
        assert_eq!((new.len(), base.len()), (2, 6));
        // Documents of older versions have no turns.
        let old = [cell("a", 2, false, &[(None, 1), (None, 2)]), cell("b", 2, false, &[(None, 3)])];
        let [new, base] = sides(&old, &old[1], &old[0], &RatedEvent::Faults);
        assert_eq!((new, base), (vec![3.0], vec![1.0, 2.0]));
    }
}
