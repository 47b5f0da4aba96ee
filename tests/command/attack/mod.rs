//! Attacks on the command: faults from outside, and inputs beyond reason.
//!
//! Whatever is done to it, it ends in time and by itself, with an exit code of its own, and a
//! document is whole. `scripts/attack` searches for longer; here each attack is made once, then
//! some more are drawn.
//!
//! | variable | meaning |
//! |---|---|
//! | `FAULTSTORM_ATTACK_S` | seconds for what is drawn |
//! | `FAULTSTORM_ATTACK_SEED` | seed of the first draw; each later one adds 1 |
//! | `FAULTSTORM_ATTACK_ONLY` | `fuzz`: files and flags alone, without limits of memory |
//! | `FAULTSTORM_ATTACK_SLOWER` | factor of all waits, for a machine with much else to do |
//! | `FAULTSTORM_ATTACK_DIR` | directory for the files of an attack that found something |

mod disks;
mod fuzz;
mod limits;
mod signals;
mod streams;
mod victim;

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::random::Draw;

/// Seconds for what is drawn, unless the environment says it.
const SECONDS: u64 = 8;
const FIRST_SEED: u64 = 1;

/// An attack: an error says what it found.
struct Attack {
    name: &'static str,
    /// How often it is drawn, beside the others.
    weight: u64,
    make: fn(&Place, &mut Draw) -> Result<(), String>,
}

/// True if only files and flags are drawn, by a program that takes all addresses.
fn only_fuzz() -> bool {
    env::var("FAULTSTORM_ATTACK_ONLY").is_ok_and(|only| only == "fuzz")
}

/// All attacks, file by file.
fn attacks() -> Vec<Attack> {
    let faults = [streams::ATTACKS, signals::ATTACKS, limits::ATTACKS, disks::ATTACKS];
    let faults = faults.into_iter().filter(|_| !only_fuzz());
    faults
        .chain([fuzz::ATTACKS])
        .flat_map(|attacks| attacks.iter())
        .map(|(name, weight, make)| Attack { name, weight: *weight, make: *make })
        .collect()
}

/// A row of a table of attacks: its name, how often it is drawn, and what is done.
type Row = (&'static str, u64, fn(&Place, &mut Draw) -> Result<(), String>);

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Makes an attack with the draws of a seed; a finding is printed with what repeats it.
fn finds_nothing(attack: &Attack, seed: u64) -> bool {
    let place = Place::new();
    let Err(found) = (attack.make)(&place, &mut Draw::new(seed)) else { return true };
    println!("FOUND: {} with seed {seed}: {found}", attack.name);
    if let Ok(directory) = env::var("FAULTSTORM_ATTACK_DIR") {
        let kept = PathBuf::from(directory).join(format!("{}-{seed}", attack.name));
        let _ = std::fs::create_dir_all(&kept);
        for name in place.files() {
            let _ = std::fs::copy(place.path(&name), kept.join(&name));
        }
        println!("its files are in {}", kept.display());
    }
    false
}

#[test]
fn attacks_find_nothing() {
    let attacks = attacks();
    let (seconds, first) = (number("FAULTSTORM_ATTACK_S", SECONDS), FIRST_SEED);
    let mut seed = number("FAULTSTORM_ATTACK_SEED", first);
    let (mut made, mut findings) = (0u64, 0u64);
    let mut make = |attack: &Attack, seed: u64| {
        made += 1;
        findings += u64::from(!finds_nothing(attack, seed));
    };
    for attack in &attacks {
        let from = Instant::now();
        make(attack, seed);
        println!("{} ({:.1} s)", attack.name, from.elapsed().as_secs_f64());
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let all: u64 = attacks.iter().map(|attack| attack.weight).sum();
    while Instant::now() < end {
        seed += 1;
        let mut at = Draw::new(seed).below(all);
        let drawn = attacks.iter().find(|attack| {
            let is_here = at < attack.weight;
            at = at.saturating_sub(attack.weight);
            is_here
        });
        make(drawn.expect("a draw is below the sum of the weights"), seed);
    }
    println!("{made} attacks, seeds to {seed}, {findings} findings");
    assert_eq!(findings, 0);
}
