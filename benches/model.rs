//! Speed of the model: tracked accesses per second on one core of the machine that runs it, for
//! each strategy at 64, 256 and 1024 modelled cores, with their geometric mean; and resident memory
//! per modelled core.
//!
//! Whole cells are timed, with set-up, teardown and books, as in a sweep.

use faultstorm::machine::model::Place;
use faultstorm::machines::MachineFile;
use faultstorm::storm::{Executor, ModelExecutor, StormRequest};
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload::{self, Until, Workload};
use std::time::Instant;

/// The model's largest machine: 8 sockets with 128 cores each.
const MACHINE: &str = "xeon-skylake-8s";
const CORES: [usize; 3] = [64, 256, 1024];

fn main() {
    // As in criterion: little work, except under `cargo bench` without `--test`.
    let said = |flag| std::env::args().any(|word| word == flag);
    let test = !said("--bench") || said("--test");
    let counts = if test { &CORES[..1] } else { &CORES[..] };
    let workload = huge_anon();
    let strategies: Vec<&Entry> = STRATEGIES.iter().filter(|entry| !entry.is_variant()).collect();
    print!("{:<22}", "M accesses a second");
    counts.iter().for_each(|cores| print!("{:>14}", format!("{cores} cores")));
    println!();
    let mut logs = vec![0.0; counts.len()];
    for entry in &strategies {
        print!("{:<22}", entry.name);
        for (log, cores) in logs.iter_mut().zip(counts) {
            let rate = rate(entry, &workload, *cores, if test { 1 << 12 } else { 1 << 19 });
            *log += rate.ln() / strategies.len() as f64;
            print!("{rate:>14.1}");
        }
        println!();
    }
    print!("{:<22}", "geometric mean");
    logs.iter().for_each(|log: &f64| print!("{:>14.1}", log.exp()));
    println!(
        "\n\nKiB resident for each modelled core, beyond the address space: {:.1}",
        resident()
    );
}

fn huge_anon() -> Workload {
    let (_, text) = workload::shipped().iter().find(|(n, _)| *n == "huge-anon").expect("shipped");
    let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    workload::parse("huge-anon", "huge-anon.toml", text, &names).expect("it is right")
}

/// Returns the millions of accesses per second in a storm of `faults` faults.
fn rate(entry: &Entry, workload: &Workload, cores: usize, faults: u64) -> f64 {
    let mut machine = MachineFile::find(MACHINE).expect("it is shipped").parameters;
    machine.shape.cores_per_socket = 128;
    machine.shape.cluster_cores = 128;
    let place = |core: usize| {
        let agent = (core % 8 * 128 + core / 8) as u16;
        Place { agent, socket: machine.shape.socket(agent) }
    };
    let places: Vec<Place> = (0..cores).map(place).collect();
    let spec = StormRequest {
        workload,
        weighted_threads: cores,
        real_body: false,
        entry_prefetch: false,
        kernel: None,
        seed: 1,
        warmup_ns: 0,
        until: Until::Faults(faults / cores as u64),
        executor: Executor::Model(ModelExecutor {
            machine: &machine,
            places: &places,
            trace: None,
        }),
    };
    let from = Instant::now();
    let storm = (entry.run)(&spec).unwrap_or_else(|error| panic!("{}: {error}", entry.name));
    let accesses = storm.model.expect("the model ran it").accesses;
    accesses as f64 / from.elapsed().as_secs_f64() / 1e6
}

/// Returns the resident memory of a core in KiB: 1000 cores that wait for each other, against 8.
fn resident() -> f64 {
    use faultstorm::machine::model::{Multicore, meet};
    let machine = MachineFile::find(MACHINE).expect("it is shipped").parameters;
    let resident_with = |cores: usize| {
        let place = |core: usize| Place { agent: (core % 224) as u16, socket: 0 };
        let places: Vec<Place> = (0..cores).map(place).collect();
        let multicore = Multicore::new(&machine, &places);
        let _here = multicore.enter();
        let kib = multicore.run(move |core| {
            meet(0);
            if core == 0 { resident_kib() } else { 0.0 }
        });
        kib.unwrap_or_else(|_| unreachable!("cores that meet go on"))[0]
    };
    let few = resident_with(8);
    (resident_with(1008) - few) / 1000.0
}

fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(f64::NAN)
}
