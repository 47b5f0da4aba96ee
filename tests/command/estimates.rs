//! Orders that hang on an estimate of the model's machine: the sensitivities of a document next to
//! the whole band, every estimate lower and higher in storms at full length.

use faultstorm::host::placement::Placement;
use faultstorm::machines::MachineFile;
use faultstorm::run::{Cell, RatedEvent, Run, turning};
use faultstorm::storm::{Executor, ModelExecutor, StormRequest};
use faultstorm::strategy;
use faultstorm::workload::{self, Until};
use rayon::prelude::*;

use crate::place::Place;

const MACHINE: &str = "xeon-icelake-2s";
const STRATEGIES: [&str; 5] =
    ["mmap-lock", "vma-refcount", "per-vma-lock", "vm-refcnt", "speculative"];
const THREADS: usize = 2;
const FAULTS: u64 = 1024;
/// Distance from an even ratio, as a logarithm, within which surrogate and band may disagree.
const CLOSE: f64 = 0.05;
/// Distance within which the surrogate may say "cannot tell" although the band does not turn: its
/// storms are a sixteenth as long, and a switched mechanism is no small change.
const CAREFUL: f64 = 0.2;

/// Faults per second of each strategy on a machine.
fn rates(machine: &MachineFile) -> Vec<f64> {
    let workload = workload::find("huge-anon").unwrap();
    let names: Vec<&str> = strategy::STRATEGIES.iter().map(|entry| entry.name).collect();
    let workload = workload.parse(&names).unwrap();
    let places = machine.places(&Placement::default(), THREADS).unwrap();
    let rate = |name: &&str| {
        let entry = strategy::find(name).unwrap();
        let executor = ModelExecutor { machine: &machine.parameters, places: &places, trace: None };
        let storm = (entry.run)(&StormRequest {
            workload: &workload,
            weighted_threads: THREADS,
            real_body: false,
            entry_prefetch: false,
            kernel: None,
            seed: 1,
            warmup_ns: 0,
            until: Until::Faults(FAULTS),
            executor: Executor::Model(executor),
        });
        let storm = storm.unwrap_or_else(|error| panic!("{name}: {error}"));
        let faults: u64 = storm.threads.iter().map(|thread| thread.faults).sum();
        faults as f64 / storm.window_ns
    };
    STRATEGIES.iter().map(rate).collect()
}

#[test]
fn sensitivities_say_what_the_whole_band_says() {
    let place = Place::new();
    let line = format!(
        "run huge-anon --on model:{MACHINE} --threads {THREADS} --faults {FAULTS} --body none \
         --strategy {} --json - --quiet",
        STRATEGIES.join(",")
    );
    let run: Run = serde_json::from_str(&place.out_of(&line)).unwrap();
    let cells: Vec<&Cell> = STRATEGIES
        .iter()
        .map(|name| run.cells.iter().find(|cell| cell.key.strategy_name() == *name).unwrap())
        .collect();
    let machine = MachineFile::find(MACHINE).unwrap();
    let own = rates(&machine);
    let band: Vec<Vec<f64>> = (machine.variations().par_iter())
        .map(|one| rates(&MachineFile { parameters: one.parameters, ..machine.clone() }))
        .collect();
    let (mut told, mut untold) = (0, 0);
    for (at, cell) in cells.iter().enumerate().skip(1) {
        let apart = |rates: &Vec<f64>| (rates[at] / rates[0]).ln();
        let sign = apart(&own).signum();
        // How far the order is from turning, in the variation that comes nearest.
        let nearest = band.iter().map(|rates| apart(rates) * sign).fold(f64::MAX, f64::min);
        let says = turning(cell, cells[0], &RatedEvent::Faults);
        let is_near = cell.measured.as_ref().unwrap().sensitivities.is_some();
        assert!(
            match says {
                Some(_) => nearest < CAREFUL,
                None => nearest > -CLOSE,
            },
            "{}: {nearest:.3} of {:.3}, {says:?}, near: {is_near}",
            STRATEGIES[at],
            apart(&own)
        );
        told += usize::from(says.is_none());
        untold += usize::from(says.is_some());
    }
    assert!(told > 0 && untold > 0, "told {told}, not told {untold}: the test shows both");
}
