//! Sentences about a run and its tables: program, machine, workload.

use document::run::{Cell, HostInfo, Key, Provenance, Run, World};

use crate::numbers::{bytes, exact_time};
use crate::table::body_name;
use crate::words::plural;

/// Letters of a commit that are shown.
const COMMIT: usize = 12;

/// Returns which program ran, and when.
pub(crate) fn program(by: &Provenance) -> String {
    format!("{}{}, {}", by.version, revision(by), by.started_at)
}

fn revision(by: &Provenance) -> String {
    let mut parts = Vec::new();
    if let Some(commit) = &by.git_revision {
        let dirty = if by.git_dirty == Some(true) { " with changes" } else { "" };
        parts.push(format!("{}{dirty}", short_commit(commit)));
    }
    if by.profile != "release" {
        parts.push(format!("{} build", by.profile));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// Returns the first letters of a commit.
pub(crate) fn short_commit(commit: &str) -> &str {
    commit.get(..COMMIT).unwrap_or(commit)
}

/// Returns the machine in a line, without what is not known.
pub(crate) fn machine(host: &HostInfo) -> String {
    let some = |count: Option<u32>, noun| count.map(|n| plural(n as usize, noun));
    let parts = [
        Some(host.cpu_model.clone().unwrap_or_else(|| "unknown CPU".to_owned())),
        some(host.sockets, "socket"),
        some(host.cores, "core"),
        some(host.cpus, "CPU"),
        host.memory_bytes.map(bytes),
        host.kernel.as_ref().map(|release| format!("Linux {release}")),
        host.hypervisor.as_ref().map(|name| format!("under {name}")),
        host.governor.as_ref().map(|name| format!("governor {name}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns the name of a table: `huge-anon on the host, scatter placement`.
pub(crate) fn name(key: &Key) -> String {
    let world = match key.world {
        World::Host => "on the host".to_owned(),
        World::Kernel => "in the real kernel".to_owned(),
        World::Model => format!("on the model {}", key.machine),
    };
    // Placement last, since a list of CPUs may be longer than the line.
    let placement = format!("{} placement", key.placement);
    let parts = [format!("{} {world}", key.workload)].into_iter().chain(settings(key));
    parts.chain([placement]).collect::<Vec<_>>().join(", ")
}

/// Returns what is varied of a cell, as the command line has it: `think=1us`.
pub(crate) fn settings(key: &Key) -> impl Iterator<Item = String> {
    let kernel = key.one_kernel().map(|kernel| format!("kernel={kernel}"));
    key.vary.iter().map(|(name, value)| setting(name, *value)).chain(kernel)
}

/// Returns a varied parameter; a time has its unit: `every=20us`.
pub(crate) fn setting(name: &str, value: f64) -> String {
    match name.strip_suffix("_ns") {
        Some(time) => format!("{time}={}", exact_time(value)),
        None => format!("{name}={value}"),
    }
}

/// Returns the place of a cell in its table: `2 threads, lock alone`.
pub(crate) fn place(cell: &Cell) -> String {
    format!("{}, {}", plural(cell.key.threads as usize, "thread"), body_name(cell.key.body))
}

/// Returns the lines below the name of a table: machine of the model, lock of the kernel,
/// workload.
pub(crate) fn about(run: &Run, key: &Key) -> Vec<String> {
    let machine = estimated(run, key).map(|(machine, share)| {
        let of = machine["summary"].as_str().unwrap_or_default();
        format!("{of}; {:.0} % of its numbers are estimates", share * 100.0)
    });
    let card = card(run, key).map(str::to_owned);
    let locks = (key.world == World::Kernel).then(|| kernel_locks(&run.provenance.host)).flatten();
    let summary = text_of(run, key, "summary").map(str::to_owned);
    [machine, card, locks, summary].into_iter().flatten().collect()
}

/// Returns the machine of the model that a cell ran on, and the share of its numbers that are
/// estimates.
pub(crate) fn estimated<'a>(run: &'a Run, key: &Key) -> Option<(&'a serde_json::Value, f64)> {
    let machine = run.machines.get(key.machine_digest.as_ref()?)?;
    Some((machine, machine["estimated_share"].as_f64().unwrap_or(1.0)))
}

/// Returns how far the model of a machine was from published figures, in a line.
pub(crate) fn card<'a>(run: &'a Run, key: &Key) -> Option<&'a str> {
    let (machine, _) = estimated(run, key)?;
    machine["compared"]["line"].as_str()
}

/// Returns the lock that the kernel takes, and how that is known.
fn kernel_locks(host: &HostInfo) -> Option<String> {
    let locks = host.kernel_locks.as_ref()?;
    let release = host.kernel.as_ref()?;
    let config = match (locks.per_vma_lock, &locks.config) {
        (Some(true), Some(path)) => format!("CONFIG_PER_VMA_LOCK is set in {path}"),
        (Some(false), Some(path)) => format!("CONFIG_PER_VMA_LOCK is not set in {path}"),
        _ => "its configuration cannot be read".to_owned(),
    };
    let own = locks.strategy.as_ref()?;
    Some(format!("Linux {release} takes the lock of '{own}': {config}"))
}

/// Returns the workload's own words on its numbers, by paragraph.
pub(crate) fn analysis<'a>(run: &'a Run, key: &Key) -> Vec<&'a str> {
    let text = text_of(run, key, "analysis").unwrap_or_default();
    text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).collect()
}

/// Returns a text of the workload of a cell.
pub(crate) fn text_of<'a>(run: &'a Run, key: &Key, name: &str) -> Option<&'a str> {
    run.workloads.get(&key.workload_digest)?.get(name)?.as_str()
}
