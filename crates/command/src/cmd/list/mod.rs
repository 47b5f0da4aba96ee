//! `faultstorm list`: strategies, workloads, machines and kernels; of one, everything.

mod details;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use self::details::details;
use super::console::COLUMNS;
use super::error::CommandError;
use super::names::not_known;
use crate::cli::{ListArgs, ListSubject};
use catalogue::{Entry, Known};
use inputs::kernels::{self, KernelFile};
use inputs::machines::{self, MachineFile};
use inputs::workload::{SEED, Workload, find, shipped};
use validation::Card;

/// Returns the list, or all that is known of a name, as text that ends with a newline.
///
/// # Errors
///
/// If nothing has the name.
pub fn list(args: &ListArgs, known: Known) -> Result<String, CommandError> {
    let Some(what) = &args.what else { return Ok(lists(None, args.json, known)) };
    match ListSubject::from_str(what, false) {
        Ok(subject) => Ok(lists(Some(subject), args.json, known)),
        Err(_) => details(what, args.json, known).ok_or_else(|| unknown(what, known)),
    }
}

/// Returns the names that [`list`] takes: of parts, and of what is in them.
pub(super) fn names(known: Known) -> Vec<&'static str> {
    let parts = LISTS.iter().map(|(_, name, _)| *name);
    let workloads = shipped().iter().map(|(name, _)| *name);
    let machines = machines::shipped().iter().map(|(name, _)| *name);
    let kernels = kernels::shipped().iter().map(|(name, _)| *name);
    parts.chain(known.names()).chain(workloads).chain(machines).chain(kernels).collect()
}

fn unknown(name: &str, known: Known) -> CommandError {
    not_known("nothing is named", &[name], &names(known))
}

/// Returns the list of a subject, or all of them.
fn lists(asked: Option<ListSubject>, json: bool, known: Known) -> String {
    let wanted = |subject| asked.is_none_or(|asked| asked == subject);
    if json {
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
    machine_files().map(|machine| machine_json(&machine)).collect()
}

fn machine_json(machine: &MachineFile) -> Value {
    let shape = machine.parameters.shape;
    json!({
        "name": machine.name,
        "summary": machine.summary,
        "sockets": shape.sockets,
        "cores": shape.agents(),
        "hardware_threads": shape.hardware_threads(),
        "estimated_share": machine.estimated_share(),
        "compared": Card::of(machine).as_json(),
    })
}

fn machines_text(_: Known) -> String {
    let rows = machine_files().map(|machine| {
        let share = machine.estimated_share() * 100.0;
        let card = Card::of(&machine).line();
        let about =
            format!("{}; {share:.0} % of its numbers are estimates; {card}", machine.summary);
        [machine.name, about]
    });
    columns("Machines of the model (--on model:NAME)", rows)
}

fn machine_files() -> impl Iterator<Item = MachineFile> {
    machines::shipped().iter().map(|(name, _)| {
        MachineFile::find(name)
            .unwrap_or_else(|wrong| unreachable!("shipped machines are valid: {wrong}"))
    })
}

fn kernels_json(known: Known) -> Value {
    kernel_files().map(|kernel| kernel_json(&kernel, known)).collect()
}

fn kernel_json(kernel: &KernelFile, known: Known) -> Value {
    let strategies = own_strategies(kernel, known);
    json!({ "name": kernel.name, "summary": kernel.summary, "strategies": strategies })
}

/// Returns the strategies that run in this kernel if no other is asked for.
fn own_strategies(kernel: &KernelFile, known: Known) -> Vec<&'static str> {
    let own = known.iter().filter(|entry| entry.kernel.name == kernel.name);
    own.map(|entry| entry.name).collect()
}

fn kernels_text(_: Known) -> String {
    let rows = kernel_files().map(|kernel| [kernel.name, kernel.summary]);
    columns("Kernels (--kernel NAME, or STRATEGY:NAME)", rows)
}

fn kernel_files() -> impl Iterator<Item = KernelFile> {
    kernels::shipped().iter().map(|(name, _)| {
        KernelFile::find(name)
            .unwrap_or_else(|wrong| unreachable!("shipped kernels are valid: {wrong}"))
    })
}

fn strategies_json(known: Known) -> Value {
    known.iter().map(strategy_json).collect()
}

fn strategy_json(entry: &Entry) -> Value {
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
}

fn workloads_json(known: Known) -> Value {
    workloads(known).map(|(workload, is_seed)| workload_json(&workload, is_seed)).collect()
}

fn workload_json(workload: &Workload, is_seed: bool) -> Value {
    json!({ "name": workload.name, "summary": workload.summary, "seed": is_seed })
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
        let text = lists(None, false, Known::SHIPPED);
        for name in Known::SHIPPED.names().into_iter().chain(shipped().iter().map(|(n, _)| *n)) {
            assert!(text.contains(name), "{name}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        let strategies = lists(Some(ListSubject::Strategies), false, Known::SHIPPED);
        assert!(!strategies.contains("huge-anon") && strategies.contains("mmap-lock"));
    }

    #[test]
    fn one_name_has_all_its_facts() {
        let list = |what: &str, json| {
            list(&ListArgs { what: Some(what.to_owned()), json }, Known::SHIPPED)
        };
        let text = |what: &str| list(what, false).unwrap();
        for (name, fact) in [
            ("vma-refcount", "falls back"),
            ("huge-anon", "[[vma]]"),
            ("epyc-genoa-2s", "write-modified-ns"),
            ("6.12", "[mm_struct]"),
        ] {
            assert!(text(name).contains(fact), "{name}: {}", text(name));
            let value: Value = serde_json::from_str(&list(name, true).unwrap()).unwrap();
            assert_eq!(value["name"], name);
        }
        assert!(text("speculative:refcount").contains("only if named"));
        assert!(text("huge-anon-read").contains("by all strategies"));
        let says = |name: &str| list(name, false).unwrap_err().to_string();
        assert!(
            says("epyc-genoa").contains("did you mean \"epyc-genoa-2s\"?"),
            "{}",
            says("epyc-genoa")
        );
        assert!(says("strategie").contains("did you mean \"strategies\"?"));
        assert!(says("qqqqq").contains("known are \"strategies\", \"workloads\""));
        assert!(names(Known::SHIPPED).into_iter().all(|name| list(name, false).is_ok()));
    }

    #[test]
    fn scripts_get_names_and_what_runs_by_default() {
        let text = lists(Some(ListSubject::Workloads), true, Known::SHIPPED);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["strategies"], Value::Null);
        let seeds: Vec<&str> = (value["workloads"].as_array().unwrap().iter())
            .filter(|workload| workload["seed"] == true)
            .map(|workload| workload["name"].as_str().unwrap())
            .collect();
        assert_eq!(seeds, SEED);
        let all = lists(None, true, Known::SHIPPED);
        let all: Value = serde_json::from_str(&all).unwrap();
        let strategies = all["strategies"].as_array().unwrap();
        let variant = strategies.iter().find(|s| s["name"] == "speculative:refcount").unwrap();
        assert_eq!(variant["variant"], "refcount");
        assert!(strategies.iter().all(|s| !s["falls_back"].as_str().unwrap().is_empty()));
    }
}
