//! All that is known of one strategy, workload, machine or kernel.

use serde_json::{Value, json};

use super::{
    columns, kernel_files, kernel_json, machine_files, machine_json, own_strategies, strategy_json,
    workload_json, workloads,
};
use catalogue::{Entry, Known};
use inputs::kernels::{self, KernelFile};
use inputs::machines::{self, MachineFile};
use inputs::workload::{Workload, resolved, shipped};
use validation::Card;

/// Returns the facts of what has this name, as JSON or as text; `None` if nothing has it.
pub(super) fn details(name: &str, json: bool, known: Known) -> Option<String> {
    let facts = of_strategy(name, known)
        .or_else(|| of_workload(name, known))
        .or_else(|| of_machine(name))
        .or_else(|| of_kernel(name, known))?;
    Some(if json { format!("{:#}\n", facts.json) } else { facts.text })
}

/// Facts of one name.
struct Facts {
    json: Value,
    text: String,
}

/// Returns the text of the file with this name.
fn file(name: &str, files: &'static [(&'static str, &'static str)]) -> &'static str {
    files.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
}

/// Returns the facts of a file: rows, then its text.
fn with_file<const N: usize>(title: &str, rows: [(&str, String); N], text: &str) -> String {
    let rows = rows.into_iter().map(|(name, fact)| [name.to_owned(), fact]);
    format!("{}\n{text}", columns(title, rows))
}

fn of_strategy(name: &str, known: Known) -> Option<Facts> {
    let entry = known.find(name)?;
    let family = known.iter().filter(|other| other.split().0 == entry.split().0);
    let others: Vec<&str> =
        family.map(|other| other.name).filter(|other| *other != entry.name).collect();
    let runs = if entry.is_variant() { "only if named" } else { "by default" };
    let refused: Vec<String> =
        workloads(known).filter_map(|(workload, _)| refusal(entry, &workload)).collect();
    let or_none = |list: &[String]| if list.is_empty() { "none".into() } else { list.join("; ") };
    let others: Vec<String> = others.into_iter().map(str::to_owned).collect();
    let traits = &entry.traits;
    let rows = [
        ("summary", entry.summary.to_owned()),
        ("who", entry.who.to_owned()),
        ("kernel", entry.kernel.name.to_owned()),
        ("shared writes", traits.shared_writes.to_owned()),
        ("sleeps", traits.sleeps.to_owned()),
        ("tables", traits.allocates_tables.to_owned()),
        ("falls back", traits.falls_back.to_owned()),
        ("writers pay", traits.writers_pay.to_owned()),
        ("runs", runs.to_owned()),
        ("variants", or_none(&others)),
        ("refuses", or_none(&refused)),
    ];
    let rows = rows.into_iter().map(|(name, fact)| [name.to_owned(), fact]);
    let text = format!(
        "{}\nA fault, access by access: faultstorm explain {}\n",
        columns(&format!("Strategy {}", entry.name), rows),
        entry.name
    );
    let mut json = strategy_json(entry);
    json["others"] = json!(others);
    json["refuses"] = json!(refused);
    Some(Facts { json, text })
}

/// Returns the workload that a strategy refuses, and why.
fn refusal(entry: &Entry, workload: &Workload) -> Option<String> {
    (entry.refuses)(workload).map(|why| format!("{} ({why})", workload.name))
}

fn of_workload(name: &str, known: Known) -> Option<Facts> {
    let (workload, is_seed) = workloads(known).find(|(workload, _)| workload.name == name)?;
    let refusing = known.iter().filter(|entry| (entry.refuses)(&workload).is_some());
    let refusing: Vec<&str> = refusing.map(|entry| entry.name).collect();
    let run = match refusing.is_empty() {
        true => "by all strategies".to_owned(),
        false => format!("by all strategies but {}", refusing.join(", ")),
    };
    let rows = [
        ("summary", workload.summary.clone()),
        ("default", if is_seed { "it is run by default" } else { "it runs only if named" }.into()),
        ("run", run),
    ];
    let mut json = workload_json(&workload, is_seed);
    json["refused_by"] = json!(refusing);
    json["resolved"] = resolved(&workload);
    let text = with_file(&format!("Workload {name}"), rows, file(name, shipped()));
    Some(Facts { json, text })
}

fn of_machine(name: &str) -> Option<Facts> {
    let machine: MachineFile = machine_files().find(|machine| machine.name == name)?;
    let shape = machine.parameters.shape;
    let (sockets, cores, threads) = (shape.sockets, shape.agents(), shape.hardware_threads());
    let rows = [
        ("summary", machine.summary.clone()),
        ("shape", format!("{sockets} sockets, {cores} cores, {threads} hardware threads")),
        ("estimates", format!("{:.0} % of its numbers", machine.estimated_share() * 100.0)),
        ("compared", Card::of(&machine).line()),
    ];
    let mut json = machine_json(&machine);
    json["resolved"] = machine.resolved();
    let text = with_file(&format!("Machine {name}"), rows, file(name, machines::shipped()));
    Some(Facts { json, text })
}

fn of_kernel(name: &str, known: Known) -> Option<Facts> {
    let kernel: KernelFile = kernel_files().find(|kernel| kernel.name == name)?;
    let own = own_strategies(&kernel, known);
    let own = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
    let rows = [("summary", kernel.summary.clone()), ("strategies", own)];
    let mut json = kernel_json(&kernel, known);
    json["resolved"] = kernel.resolved();
    let text = with_file(&format!("Kernel {name}"), rows, file(name, kernels::shipped()));
    Some(Facts { json, text })
}
