//! `faultstorm list`: strategies, workloads and machines.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::console::COLUMNS;
use crate::cli::{ListArgs, ListSubject};
use catalogue::Known;
use inputs::kernels::{self, KernelFile};
use inputs::machines::{self, MachineFile};
use inputs::workload::{SEED, Workload, find, shipped};
use validation::Card;

/// Returns the list as text that ends with a newline.
pub fn list(args: &ListArgs, known: Known) -> String {
    let wanted = |subject| args.subject.is_none_or(|asked| asked == subject);
    if args.json {
        let mut all = serde_json::Map::new();
        for (subject, name, list) in LISTS {
            if wanted(subject) {
                all.insert(name.to_owned(), list.0(known));
            }
        }
        return format!("{:#}\n", Value::Object(all));
    }
    let sections = LISTS.into_iter().filter(|(subject, _, _)| wanted(*subject));
    sections.map(|(_, _, list)| list.1(known)).collect::<Vec<_>>().join("\n")
}

/// A subject, its key in JSON, and the functions for its list as JSON and as text.
type List = (ListSubject, &'static str, (fn(Known) -> Value, fn(Known) -> String));

const LISTS: [List; 4] = [
    (ListSubject::Strategies, "strategies", (strategies_json, strategies_text)),
    (ListSubject::Workloads, "workloads", (workloads_json, workloads_text)),
    (ListSubject::Machines, "machines", (machines_json, machines_text)),
    (ListSubject::Kernels, "kernels", (kernels_json, kernels_text)),
];

fn machines_json(_: Known) -> Value {
    let machines = machines().map(|machine| {
        let shape = machine.parameters.shape;
        json!({
            "name": machine.name,
            "summary": machine.summary,
            "sockets": shape.sockets,
            "cores": shape.agents(),
            "hardware_threads": shape.hardware_threads(),
            "estimated_share": machine.estimated_share(),
            "compared": Card::of(&machine).as_json(),
        })
    });
    machines.collect()
}

fn machines_text(_: Known) -> String {
    let rows = machines().map(|machine| {
        let share = machine.estimated_share() * 100.0;
        let card = Card::of(&machine).line();
        let about =
            format!("{}; {share:.0} % of its numbers are estimates; {card}", machine.summary);
        [machine.name, about]
    });
    columns("Machines of the model (--on model:NAME)", rows)
}

fn machines() -> impl Iterator<Item = MachineFile> {
    machines::shipped().iter().map(|(name, _)| {
        MachineFile::find(name)
            .unwrap_or_else(|wrong| unreachable!("shipped machines are valid: {wrong}"))
    })
}

fn kernels_json(known: Known) -> Value {
    let own = |name: &str| -> Vec<&str> {
        known.iter().filter(|entry| entry.kernel.name == name).map(|entry| entry.name).collect()
    };
    let described = |file: KernelFile| {
        let strategies = own(&file.name);
        json!({ "name": file.name, "summary": file.summary, "strategies": strategies })
    };
    kernels().map(described).collect()
}

fn kernels_text(_: Known) -> String {
    let rows = kernels().map(|kernel| [kernel.name, kernel.summary]);
    columns("Kernels (--kernel NAME, or STRATEGY:NAME)", rows)
}

fn kernels() -> impl Iterator<Item = KernelFile> {
    kernels::shipped().iter().map(|(name, _)| {
        KernelFile::find(name)
            .unwrap_or_else(|wrong| unreachable!("shipped kernels are valid: {wrong}"))
    })
}

fn strategies_json(known: Known) -> Value {
    let strategies = known.iter().map(|entry| {
        let (strategy, variant) = entry.split();
        json!({
            "name": entry.name,
            "strategy": strategy,
            "variant": variant,
            "summary": entry.summary,
            "who": entry.who,
            "kernel": entry.kernel.name,
            "shared_writes": entry.traits.shared_writes,
            "sleeps": entry.traits.sleeps,
            "allocates_tables": entry.traits.allocates_tables,
            "falls_back": entry.traits.falls_back,
            "writers_pay": entry.traits.writers_pay,
        })
    });
    strategies.collect()
}

fn workloads_json(known: Known) -> Value {
    let workloads = workloads(known).map(|(workload, seed)| {
        json!({ "name": workload.name, "summary": workload.summary, "seed": seed })
    });
    workloads.collect()
}

fn strategies_text(known: Known) -> String {
    let rows = known.iter().map(|entry| {
        let mark = if entry.is_variant() { " +" } else { "" };
        let about = format!("{} ({})", entry.summary, entry.who);
        [format!("{}{mark}", entry.name), entry.kernel.name.to_owned(), about]
    });
    let about = columns("Strategies, and the kernel of each (+: runs only if named)", rows);
    let header = ["", "shared writes", "sleeps", "tables", "falls back", "writers pay"];
    let traits = known.iter().map(|entry| {
        let all = &entry.traits;
        let rest = [all.shared_writes, all.sleeps, all.allocates_tables, all.falls_back];
        [entry.name, rest[0], rest[1], rest[2], rest[3], all.writers_pay]
    });
    let title = "Costs of a fault and of a writer, and reasons to fall back to mmap_lock";
    format!("{about}\n{}", columns(title, std::iter::once(header).chain(traits)))
}

fn workloads_text(known: Known) -> String {
    let rows = workloads(known).map(|(workload, seed)| {
        let mark = if seed { " *" } else { "" };
        [format!("{}{mark}", workload.name), workload.summary]
    });
    columns("Workloads (*: run by default)", rows)
}

/// Returns every shipped workload, with true if it is a seed workload.
fn workloads(known: Known) -> impl Iterator<Item = (Workload, bool)> {
    let strategies = known.names();
    shipped().iter().map(move |(name, _)| {
        let source = find(name).expect("a shipped workload is found by its name");
        let workload = source.parse(&strategies).expect("shipped workloads are valid");
        (workload, SEED.contains(name))
    })
}

fn columns<const N: usize>(
    title: &str,
    rows: impl Iterator<Item = [impl Into<String>; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS as u16);
    table.add_rows(rows.map(|row| row.map(Into::<String>::into)));
    let lines: String = table.lines().map(|line| format!(" {}\n", line.trim_end())).collect();
    format!("{title}\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_listed_in_80_columns() {
        let text = list(&ListArgs { subject: None, json: false }, Known::SHIPPED);
        for name in Known::SHIPPED.names().into_iter().chain(shipped().iter().map(|(n, _)| *n)) {
            assert!(text.contains(name), "{name}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        let strategies = ListArgs { subject: Some(ListSubject::Strategies), json: false };
        let strategies = list(&strategies, Known::SHIPPED);
        assert!(!strategies.contains("huge-anon") && strategies.contains("mmap-lock"));
    }

    #[test]
    fn scripts_get_names_and_what_runs_by_default() {
        let workloads = ListArgs { subject: Some(ListSubject::Workloads), json: true };
        let text = list(&workloads, Known::SHIPPED);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["strategies"], Value::Null);
        let seeds: Vec<&str> = (value["workloads"].as_array().unwrap().iter())
            .filter(|workload| workload["seed"] == true)
            .map(|workload| workload["name"].as_str().unwrap())
            .collect();
        assert_eq!(seeds, SEED);
        let all = list(&ListArgs { subject: None, json: true }, Known::SHIPPED);
        let all: Value = serde_json::from_str(&all).unwrap();
        let strategies = all["strategies"].as_array().unwrap();
        let variant = strategies.iter().find(|s| s["name"] == "speculative:refcount").unwrap();
        assert_eq!(variant["variant"], "refcount");
        assert!(strategies.iter().all(|s| !s["falls_back"].as_str().unwrap().is_empty()));
    }
}
