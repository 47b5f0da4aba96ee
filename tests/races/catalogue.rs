//! The catalogue in docs/internals/races.md says what is tested here and under loom, and how many
//! twins are caught.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CATALOGUE: &str = "docs/internals/races.md";

/// What catches a twin, as the tests write it.
const CATCHES: [&str; 3] = ["caught::<", ".expect_err(", "is_late::<"];

/// Names of the tests of races, and the twins that each catches.
fn tests() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for directory in ["tests/races", "tests/loom"] {
        for entry in fs::read_dir(Path::new(ROOT).join(directory)).expect("it is there") {
            let path = entry.expect("an entry can be read").path();
            if path.is_file() {
                let text = fs::read_to_string(&path).expect("it is text");
                found.extend(text.split("#[test]\n").skip(1).map(test));
            }
        }
    }
    found.retain(|(name, _)| race(name).is_some());
    found
}

/// A test from behind its first attribute to the next one. A twin that is no type is named by
/// its test and place: it is of that test alone.
fn test(text: &str) -> (String, Vec<String>) {
    let name = text.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
    let name = name.expect("a test has a name").to_owned();
    let end = text.find("\n}\n").expect("a function ends");
    let body = &text[..end];
    let mut twins = Vec::new();
    for catch in CATCHES.into_iter().chain(["#[should_panic"]) {
        for (at, _) in body.match_indices(catch) {
            let after = &body[at + catch.len()..];
            let named = catch.ends_with('<').then(|| after.split(">(").next()).flatten();
            twins.push(named.map_or_else(|| format!("{name} {at}"), str::to_owned));
        }
    }
    (name, twins)
}

/// The race that a test is named for: `r5_...` is of R5.
fn race(test: &str) -> Option<&str> {
    let race = test.split('_').next()?;
    let number = race.strip_prefix('r').is_some_and(|n| n.parse::<u32>().is_ok());
    (number || ["slept", "reclaim", "hazard"].contains(&race)).then_some(race)
}

/// The rows of a table of the catalogue: race, what it is, twins.
fn rows(text: &str, header: &str) -> Vec<[String; 3]> {
    let rows = text.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    let cells = |row: &str| {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    };
    rows.take_while(|row| row.starts_with('|')).map(cells).collect()
}

#[test]
fn the_catalogue_says_what_is_tested() {
    let text = fs::read_to_string(Path::new(ROOT).join(CATALOGUE)).expect("it is there");
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (tested, excluded) = (rows(&text, "| race | tested"), rows(&text, "| race | excluded"));
    let tests = tests();
    for [race, what, twins] in &tested {
        let of_race =
            tests.iter().filter(|(name, _)| self::race(name) == Some(race.to_lowercase().as_str()));
        let caught: Vec<Vec<String>> = of_race.map(|(_, caught)| caught.clone()).collect();
        assert!(!caught.is_empty(), "{race} has a test: {what}");
        let said = if twins == "none" { 0 } else { twins.split(';').count() };
        assert_eq!(caught.concat().len(), said, "twins of {race}: {twins}");
    }
    for (name, _) in &tests {
        let race = race(name).expect("of a race");
        assert!(tested.iter().any(|[row, ..]| row.to_lowercase() == race), "{name} has a row");
    }
    let numbered = |row: &&[String; 3]| row[0].starts_with('R');
    let of_26 = tested.iter().chain(&excluded).filter(numbered).count();
    assert_eq!(of_26, 27, "R1 to R26 and R5b");
    let caught: Vec<&String> = tests.iter().flat_map(|(_, caught)| caught).collect();
    let (times, twins) = (caught.len(), caught.iter().collect::<BTreeSet<_>>().len());
    let (tested, excluded) = (tested.len(), excluded.len());
    let counts = format!(
        "{tested} races are tested, {twins} twins are caught, {times} times in all, and \
         {excluded} races are excluded."
    );
    assert!(flowing.contains(&counts), "{CATALOGUE} should say: {counts}");
}
