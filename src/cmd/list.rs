//! `faultstorm list`: what there is to run.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::console::COLUMNS;
use crate::cli::{ListArgs, Subject};
use crate::strategy::STRATEGIES;
use crate::workload::{Limits, SEED, Workload, resolve, shipped};

/// Returns the list as text that ends with a newline.
pub fn list(args: &ListArgs) -> String {
    let strategies = args.subject != Some(Subject::Workloads);
    let workloads = args.subject != Some(Subject::Strategies);
    if args.json {
        let mut all = serde_json::Map::new();
        if strategies {
            all.insert("strategies".to_owned(), strategies_json());
        }
        if workloads {
            all.insert("workloads".to_owned(), workloads_json());
        }
        return format!("{:#}\n", Value::Object(all));
    }
    let mut sections = Vec::new();
    if strategies {
        sections.push(strategies_text());
    }
    if workloads {
        sections.push(workloads_text());
    }
    sections.join("\n")
}

fn strategies_json() -> Value {
    let strategies = STRATEGIES.iter().map(|entry| {
        let (strategy, variant) = entry.split();
        json!({
            "name": entry.name,
            "strategy": strategy,
            "variant": variant,
            "summary": entry.summary,
            "who": entry.who,
        })
    });
    strategies.collect()
}

fn workloads_json() -> Value {
    let workloads = workloads().map(|(workload, seed)| {
        json!({ "name": workload.name, "summary": workload.summary, "seed": seed })
    });
    workloads.collect()
}

fn strategies_text() -> String {
    let rows = STRATEGIES.iter().map(|entry| {
        let mark = if entry.is_variant() { " +" } else { "" };
        [format!("{}{mark}", entry.name), format!("{} ({})", entry.summary, entry.who)]
    });
    columns("Strategies (+: only where named)", rows)
}

fn workloads_text() -> String {
    let rows = workloads().map(|(workload, seed)| {
        let mark = if seed { " *" } else { "" };
        [format!("{}{mark}", workload.name), workload.summary]
    });
    columns("Workloads (*: run by default)", rows)
}

/// Every shipped workload, and whether it is a seed workload.
fn workloads() -> impl Iterator<Item = (Workload, bool)> {
    let strategies: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    // What can be listed does not depend on the machine.
    let limits = Limits { memory_bytes: u64::MAX };
    shipped().iter().map(move |(name, _)| {
        let source = resolve(name).expect("a shipped workload is found by its name");
        let workload = source.parse(&strategies, &limits).expect("shipped workloads are valid");
        (workload, SEED.contains(name))
    })
}

fn columns(title: &str, rows: impl Iterator<Item = [String; 2]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS as u16);
    table.add_rows(rows);
    let lines: String = table.lines().map(|line| format!(" {}\n", line.trim_end())).collect();
    format!("{title}\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_listed_in_80_columns() {
        let text = list(&ListArgs { subject: None, json: false });
        for name in STRATEGIES.iter().map(|e| e.name).chain(shipped().iter().map(|(n, _)| *n)) {
            assert!(text.contains(name), "{name}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        let strategies = list(&ListArgs { subject: Some(Subject::Strategies), json: false });
        assert!(!strategies.contains("huge-anon") && strategies.contains("mmap-lock"));
    }

    #[test]
    fn scripts_get_names_and_what_runs_by_default() {
        let text = list(&ListArgs { subject: Some(Subject::Workloads), json: true });
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["strategies"], Value::Null);
        let seeds: Vec<&str> = (value["workloads"].as_array().unwrap().iter())
            .filter(|workload| workload["seed"] == true)
            .map(|workload| workload["name"].as_str().unwrap())
            .collect();
        assert_eq!(seeds, SEED);
        let all: Value =
            serde_json::from_str(&list(&ListArgs { subject: None, json: true })).unwrap();
        let variant = &all["strategies"].as_array().unwrap().last().unwrap()["variant"];
        assert_eq!(*variant, "refcount");
    }
}
