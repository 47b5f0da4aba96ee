//! The band of the model's figures: what they are where an estimate of the machine is 30 % off, or
//! a mechanism of the model is not as assumed.

use super::targets::{Asked, Compared, measurements};
use catalogue::Known;
use inputs::machines::{MachineFile, Variation};
use inputs::targets::TargetFile;
use rayon::prelude::*;

/// Returns the number of measurements of the model that [`compare_in_band`] makes for a file.
pub fn measurements_in_band(file: &TargetFile) -> usize {
    measurements(file) * (1 + file.own_machine.variations().len())
}

/// Runs the model for all figures of a file, with the machine's own numbers and with each
/// [variation](MachineFile::variations) of them. Private work is fitted anew each time, if the file
/// says so. Calls `done` after each measurement of the model.
pub fn compare_in_band(file: &TargetFile, known: Known, done: &(dyn Fn() + Sync)) -> Compared {
    let run = |machine: MachineFile| Asked::new(file, known, machine, done).fitted().compared();
    let mut own = run(file.machine());
    let variations = file.own_machine.variations();
    let varied = |Variation { parameters, .. }: &Variation| {
        run(file.changed(&MachineFile { parameters: *parameters, ..file.own_machine.clone() }))
    };
    let varied: Vec<Compared> = variations.par_iter().with_max_len(1).map(varied).collect();
    for (at, figure) in own.figures.iter_mut().enumerate() {
        let others = || varied.iter().map(|compared| &compared.figures[at]);
        let models = others().filter_map(|other| other.model.as_ref().ok()).copied();
        let models = models.chain(figure.model.iter().copied());
        figure.band = models.fold(None, |band, model| {
            let (low, high) = band.unwrap_or((model, model));
            Some((model.min(low), model.max(high)))
        });
        for (order, own) in figure.orders.iter_mut().enumerate() {
            own.turns = others().any(|other| other.orders[order].holds != own.holds);
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::find_targets;

    #[test]
    fn a_band_holds_the_figure_and_says_which_orders_turn() {
        let mut file = find_targets("perfbook-hand-over", Known::SHIPPED).unwrap();
        file.curves.truncate(2);
        let compared = compare_in_band(&file, Known::SHIPPED, &|| {});
        for figure in &compared.figures {
            let (low, high) = figure.band.unwrap();
            let model = *figure.model.as_ref().unwrap();
            assert!(low <= model && model <= high && low < high, "{figure:?}");
        }
        // A load before the hand-over makes it slower whatever an estimate is.
        let order = &compared.figures[1].orders[0];
        assert!(order.holds && !order.turns);
    }

    /// An atomic operation takes about as long as the body of the other loop, but is an estimate.
    #[test]
    fn what_an_estimate_decides_cannot_be_told() {
        let text = "summary = \"s\"\nsource = \"p\"\nmachine = \"xeon-icelake-2s\"\n\
             unit = \"op/s\"\ntolerance = 0.1\nthreads = [1]\n\
             [[curve]]\nloop = \"fetch-add\"\ncritical-ns = 6\npublished = [1]\n\
             [[curve]]\nloop = \"inc-dec\"\npublished = [2]\n";
        let known = inputs::targets::KnownStrategies { names: &[], has: &|_| false };
        let file = TargetFile::parse("x", "x.toml", text, known).unwrap();
        let compared = compare_in_band(&file, Known::SHIPPED, &|| {});
        let order = &compared.figures[1].orders[0];
        assert!(order.holds && order.turns, "{:?}", compared.figures);
    }
}
