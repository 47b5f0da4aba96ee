//! A soak: random workloads with writers of every kind, under every strategy, on this machine
//! with four threads for each CPU and in the model on a random machine. Every storm must end
//! and its books must balance; a storm of the model, run twice, must be the same.
//!
//! `scripts/soak` runs it for hours. Here it is two workloads of fixed seeds, one a world.
//!
//! | variable | what |
//! |---|---|
//! | `FAULTSTORM_SOAK_S` | seconds that it lasts |
//! | `FAULTSTORM_SOAK_SEED` | the seed of its first workload; the next has the next |
//! | `FAULTSTORM_SOAK_WORLD` | `host` or `model`: no other |
//! | `FAULTSTORM_SOAK_STUCK_S` | seconds after which a storm is taken not to end |
//! | `FAULTSTORM_SOAK_DIR` | where the workload of a failed storm is written |

mod draw;
mod storms;
mod watch;

use crate::ask::parse;
use draw::Draw;
use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload::{Action, Scope};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs};
use storms::{Storms, Totals};
use watch::Watch;

/// Workloads where no time is given.
const WORKLOADS: u64 = 2;
const FIRST_SEED: u64 = 21;
/// Workloads that reach for a part of what is mapped.
const DRAWN: u64 = 60;
/// Storms last milliseconds, and some in the model, where writers work flat out beside faults
/// that sleep, a minute or two. A thread that does not move is found by the storm itself after
/// a minute, a deadlock of the model at once.
const STUCK_AFTER_S: u64 = 900;

/// A workload that has taken so long is left: where writers work flat out a fault can wait
/// for each of them in turn, and others storm in the meantime.
const WORKLOAD_MOST: Duration = Duration::from_secs(60);

/// One storm, as much as is needed to run it again.
#[derive(Clone)]
struct Place {
    seed: u64,
    strategy: &'static str,
    /// `host` or `model:MACHINE`.
    world: String,
    threads: usize,
    /// What else was drawn, as flags of `faultstorm run`.
    flags: String,
    text: String,
    directory: PathBuf,
}

impl Place {
    /// Prints what went wrong, and writes the workload to a file.
    fn report(&self, what: &str) {
        let Self { seed, strategy, world, threads, flags, text, directory } = self;
        let name = format!("failed-{seed}-{strategy}-{world}.toml").replace(':', "-");
        let path = directory.join(name);
        let written = fs::create_dir_all(directory).and_then(|()| fs::write(&path, text));
        let path = path.display();
        eprintln!(
            "\nFAILED: seed {seed}, {strategy}, {world}, {threads} threads: {what}\n\n{text}"
        );
        match written {
            Ok(()) => eprintln!(
                "again: faultstorm run {path} --strategy {strategy} --threads {threads} \
                 --on {world} {flags}"
            ),
            Err(error) => eprintln!("{path} cannot be written: {error}"),
        }
        eprintln!("or:    FAULTSTORM_SOAK_SEED={seed} cargo test --test long soak -- --nocapture");
    }
}

struct Soak {
    first_seed: u64,
    ends: Option<Instant>,
    /// All storms are on this machine, or in the model.
    on_host: Option<bool>,
    directory: PathBuf,
    watch: Watch,
}

impl Soak {
    fn from_environment() -> Self {
        let number = |name: &str| {
            let text = env::var(name).ok()?;
            let number = text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}"));
            Some(number)
        };
        let ends = number("FAULTSTORM_SOAK_S").map(|s| Instant::now() + Duration::from_secs(s));
        let stuck_after_s = number("FAULTSTORM_SOAK_STUCK_S").unwrap_or(STUCK_AFTER_S);
        let on_host = env::var("FAULTSTORM_SOAK_WORLD").ok().map(|world| match &*world {
            "host" => true,
            "model" => false,
            _ => panic!("FAULTSTORM_SOAK_WORLD is host or model, not {world}"),
        });
        let directory = env::var_os("FAULTSTORM_SOAK_DIR");
        Self {
            first_seed: number("FAULTSTORM_SOAK_SEED").unwrap_or(FIRST_SEED),
            ends,
            on_host,
            directory: directory.map_or(env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from),
            watch: Watch::new(Duration::from_secs(stuck_after_s)),
        }
    }

    fn is_over(&self, seed: u64) -> bool {
        match self.ends {
            Some(ends) => Instant::now() >= ends,
            None => seed >= self.first_seed + WORKLOADS,
        }
    }

    /// The storms of the workload of `seed`, under all strategies that take it.
    fn storms_of(&self, seed: u64, totals: &mut Totals) {
        let mut draw = Draw::new(seed);
        // In alternation, so that a seed alone says where its workload storms.
        let on_host = self.on_host.unwrap_or(seed.is_multiple_of(2));
        let text = draw::workload(&mut draw, on_host);
        let workload = parse(&text);
        let storms = Storms::new(&workload, seed, on_host, &mut draw);
        let (world, threads, flags) = (storms.world(), storms.threads(), storms.flags());
        let began = Instant::now();
        let before = totals.storms;
        // Another strategy first each time, since time may end in between.
        let turn = STRATEGIES.iter().cycle().skip(seed as usize % STRATEGIES.len());
        let takes = |entry: &&Entry| (entry.refuses)(&workload).is_none();
        for entry in turn.take(STRATEGIES.len()).filter(takes) {
            let over = self.ends.is_some_and(|ends| Instant::now() >= ends);
            if over || began.elapsed() > WORKLOAD_MOST {
                break;
            }
            let (strategy, directory) = (entry.name, self.directory.clone());
            let (world, flags, text) = (world.clone(), flags.clone(), text.clone());
            let place = Place { seed, strategy, world, threads, flags, text, directory };
            let watched = place.clone();
            let failure = move |what: &str| watched.report(what);
            let result = self.watch.over(Box::new(failure), || storms.storm(entry, totals));
            if let Err(what) = result {
                place.report(&what);
                panic!("seed {seed}, {strategy}: {what}");
            }
        }
        println!(
            "seed {seed}: {world}, {threads} threads, {} storms, {:.1} s",
            totals.storms - before,
            began.elapsed().as_secs_f64()
        );
    }
}

#[test]
fn random_storms_end_and_their_books_balance() {
    let soak = Soak::from_environment();
    println!("first seed {}", soak.first_seed);
    let (began, mut totals, mut seed) = (Instant::now(), Totals::default(), soak.first_seed);
    while !soak.is_over(seed) {
        soak.storms_of(seed, &mut totals);
        seed += 1;
    }
    println!(
        "{} storms of {} workloads in {} s, {} faults, {} operations of writers, {} starved: \
         0 unbalanced books",
        totals.storms,
        seed - soak.first_seed,
        began.elapsed().as_secs(),
        totals.faults,
        totals.operations,
        totals.starved
    );
    assert!(totals.faults > 0, "the soak does something");
}

/// What a storm needs is told for its own seed: no frame is wanting then.
#[test]
fn orders_that_are_drawn_have_the_frames_that_they_need() {
    let mut totals = Totals::default();
    for seed in 0..DRAWN {
        let text = draw::reach(&mut Draw::new(seed));
        let workload = parse(&text);
        let entry = &STRATEGIES[seed as usize % STRATEGIES.len()];
        let result = Storms::of_two(&workload, seed).storm(entry, &mut totals);
        result.unwrap_or_else(|what| panic!("seed {seed}, {}: {what}\n{text}", entry.name));
    }
    assert_eq!(totals.storms, DRAWN);
}

#[test]
fn draws_are_files_of_all_kinds() {
    let mut seen = BTreeSet::new();
    let mut words = BTreeSet::new();
    let mut own_files = 0;
    for seed in 0..300 {
        let text = draw::workload(&mut Draw::new(seed), seed % 2 == 0);
        assert_eq!(
            text,
            draw::workload(&mut Draw::new(seed), seed % 2 == 0),
            "a seed is a workload"
        );
        let workload = parse(&text);
        seen.extend(workload.changes().map(|change| change.action.name()));
        own_files += workload.files.iter().filter(|file| file.scope == Scope::PerThread).count();
        words.extend(
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned),
        );
    }
    assert_eq!(seen.len(), Action::NAMES.len(), "{seen:?}");
    let kinds = "private shared random strided zipf zap touches duration rounds phase weight \
                 grows_down locked uniform exponential mapped";
    let missing: Vec<&str> = kinds.split(' ').filter(|kind| !words.contains(*kind)).collect();
    assert!(missing.is_empty(), "no draw has {missing:?}");
    assert!(own_files > 0, "no draw has a file of each thread's own");
}
