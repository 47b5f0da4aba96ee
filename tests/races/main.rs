//! Races between faults and writers, one by one, on the cores of the model. Cores are held at
//! points of the code, so the test decides their order. Each race is played under every strategy,
//! and in broken twins that the books must catch.
//!
//! [`catalogue::RACES`] lists them; each row is a test. docs/internals/races.md shows the same
//! table, with the twins that were caught.

mod catalogue;
mod fields;
mod files;
mod leaks;
// Only the scheme: its `main` is for users.
#[allow(dead_code)]
#[path = "../../examples/own_strategy.rs"]
mod own_strategy;
mod play;
mod reclaim;
mod script;
mod shipped;
mod tables;
mod twins;
mod verdict;
mod vmas;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Trial};

use catalogue::{RACES, Race};
use verdict::Twins;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/internals/races.md");
/// Marks on the page before and after the tables.
const MARKS: [&str; 2] = [
    "<!-- From tests/races/catalogue.rs: UPDATE_REFERENCE=1 cargo test --test races -->\n\n",
    "\n<!-- -->",
];

/// Twins that each race has caught; `None` if it has not been played.
type Caught = Arc<Mutex<Vec<Option<Vec<&'static str>>>>>;

thread_local! {
    /// The last panic of this thread, with its place.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn trial(number: usize, race: &'static Race, caught: &Caught) -> Trial {
    let caught = Arc::clone(caught);
    Trial::test(format!("{}: {}", race.name, race.what), move || {
        let mut twins = Twins::default();
        let played = catch_unwind(AssertUnwindSafe(|| {
            race.plays.iter().for_each(|play| play(&mut twins));
        }));
        played.map_err(|_| PANIC.take())?;
        caught.lock().expect("nobody panics with it")[number] = Some(twins.into_names());
        Ok(())
    })
}

fn plain(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || catch_unwind(test).map_err(|_| PANIC.take().into()))
}

fn main() -> ExitCode {
    // Broken twins panic on purpose: only panics that fail a test are shown.
    set_hook(Box::new(|panic| PANIC.set(panic.to_string())));
    let caught: Caught = Arc::new(Mutex::new(vec![None; RACES.len()]));
    let races = RACES.iter().enumerate().map(|(number, race)| trial(number, race, &caught));
    let mut trials: Vec<Trial> = races.collect();
    trials.push(plain("no race is left out", catalogue::no_race_is_left_out));
    trials.push(plain("no strategy is left out", shipped::no_strategy_is_left_out));
    trials.push(plain(
        "a fault drops its lock for a page once",
        files::a_fault_drops_its_lock_for_a_page_once,
    ));
    trials.push(plain("only a major fault has tried", files::only_a_major_fault_has_tried));
    trials.push(plain("truncate waits for who reads in", files::truncate_waits_for_who_reads_in));
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    let caught: Option<Vec<_>> =
        caught.lock().expect("nobody panics with it").iter().cloned().collect();
    match caught.filter(|_| !conclusion.has_failed()) {
        Some(caught) if !is_shown(&catalogue::page(&caught)) => ExitCode::FAILURE,
        _ => conclusion.exit_code(),
    }
}

/// True if the page shows these tables. With `UPDATE_REFERENCE` it writes them first.
fn is_shown(tables: &str) -> bool {
    let page = std::fs::read_to_string(Path::new(PAGE)).expect("the page can be read");
    let (before, rest) = page.split_once(MARKS[0]).expect("the page has its first mark");
    let (shown, after) = rest.split_once(MARKS[1]).expect("the page has its second mark");
    if shown == tables {
        return true;
    }
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        let page = [before, MARKS[0], tables, MARKS[1], after].concat();
        std::fs::write(PAGE, page).expect("the page can be written");
        return true;
    }
    eprintln!("{PAGE} is not what was played: run `UPDATE_REFERENCE=1 cargo test --test races`");
    false
}
