//! A soak test: random workloads with writers of every kind, under every strategy, on this machine
//! with four threads per CPU, and in the model on a random machine. Every storm must end, and its
//! books must balance; a storm of the model that is run twice must have the same result.
//!
//! `scripts/soak` runs it for hours. Here it runs two workloads of fixed seeds, one per world.
//!
//! | variable | meaning |
//! |---|---|
//! | `FAULTSTORM_SOAK_S` | seconds that it runs |
//! | `FAULTSTORM_SOAK_SEED` | seed of its first workload; each later one adds 1 |
//! | `FAULTSTORM_SOAK_WORLD` | `host` or `model`: only this one |
//! | `FAULTSTORM_SOAK_STUCK_S` | seconds after which a storm counts as stuck |
//! | `FAULTSTORM_SOAK_DIR` | directory for the workload of a failed storm |

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

/// Number of workloads if no time is given.
const WORKLOADS: u64 = 2;
const FIRST_SEED: u64 = 21;
/// Number of workloads that touch a part of a mapping.
const DRAWN: u64 = 60;
/// Time after which a storm counts as stuck. Storms take milliseconds; in the model some take a
/// minute or two, if writers work without pauses while faults sleep. The storm itself finds a
/// thread that makes no progress after a minute, and the model finds a deadlock at once.
const STUCK_AFTER_S: u64 = 900;

/// Time after which a workload is given up, so that others can storm. If writers work without
/// pauses, a fault can wait for each of them in turn.
const WORKLOAD_MOST: Duration = Duration::from_secs(60);

/// A storm, with all that is needed to run it again.
#[derive(Clone)]
struct Place {
    seed: u64,
    strategy: &'static str,
    /// `host` or `model:MACHINE`.
    world: String,
    threads: usize,
    /// Other drawn properties, as flags of `faultstorm run`.
    flags: String,
    text: String,
    directory: PathBuf,
}

impl Place {
    /// Prints the failure, and writes the workload to a file.
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
    /// True: all storms on this machine; false: all in the model.
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

    /// Runs the storms of the workload of `seed`, under all strategies that accept it.
    fn storms_of(&self, seed: u64, totals: &mut Totals) {
        let mut draw = Draw::new(seed);
        // Alternating, so that the seed alone determines the world of its workload.
        let on_host = self.on_host.unwrap_or(seed.is_multiple_of(2));
        let text = draw::workload(&mut draw, on_host);
        let workload = parse(&text);
        let storms = Storms::new(&workload, seed, on_host, &mut draw);
        let (world, threads, flags) = (storms.world(), storms.threads(), storms.flags());
        let began = Instant::now();
        let before = totals.storms;
        // Each workload starts with another strategy, because the time may end in between.
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
        "{} storms of {} workloads in {} s, {} faults, {} operations of writers: \
         0 unbalanced books",
        totals.storms,
        seed - soak.first_seed,
        began.elapsed().as_secs(),
        totals.faults,
        totals.operations
    );
    assert!(totals.faults > 0, "the soak does something");
}

/// A storm's needs are computed for its own seed: so no frame may be missing.
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
