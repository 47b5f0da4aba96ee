//! The head of the screen: what was asked, and of which machine.

use super::ascii;
use crate::Style;
use crate::table::COLUMNS;
use crate::text::{cut, listed, plural, wrap};
use document::run::{Cell, Run, World};

/// Lines of the question, at the most.
const LINES: usize = 2;

/// Returns the head of the screen, which is known before the first storm: what was asked, and
/// of which machine.
pub fn asked(run: &Run) -> String {
    let mut out = String::new();
    let plain = Style { color: false, width: COLUMNS };
    wrap(&mut out, plain, "faultstorm run: ", &question(run));
    let mut lines: Vec<&str> = out.lines().take(LINES).collect();
    let machine = cut(&ascii(&machine(run)), COLUMNS);
    lines.push(&machine);
    lines.join("\n") + "\n"
}

/// Returns what was asked: `10 strategies x 4 workloads, host at 1 and 2 threads`.
fn question(run: &Run) -> String {
    let cells = || run.cells.iter().filter(|cell| !cell.key.is_aa_twin());
    let of = |name: fn(&Cell) -> String, noun: &str, nouns: &str| {
        let mut names: Vec<String> = cells().map(name).collect();
        names.sort_unstable();
        names.dedup();
        match names.as_slice() {
            [one] => format!("{noun} {}", cut(&ascii(one), 24)),
            all => format!("{} {nouns}", all.len()),
        }
    };
    let strategies = of(|cell| cell.key.strategy_name(), "strategy", "strategies");
    let workloads = of(|cell| cell.key.workload.clone(), "workload", "workloads");
    let mut worlds: Vec<(String, Vec<u32>)> = Vec::new();
    for cell in cells() {
        let world = match cell.key.world {
            World::Model => format!("model {}", ascii(&cell.key.machine)),
            world => world.to_string(),
        };
        match worlds.iter_mut().find(|(name, _)| *name == world) {
            Some((_, threads)) => threads.push(cell.key.threads),
            None => worlds.push((world, vec![cell.key.threads])),
        }
    }
    let place = |(world, mut threads): (String, Vec<u32>)| {
        threads.sort_unstable();
        threads.dedup();
        let noun = if threads == [1] { "thread" } else { "threads" };
        let threads = match threads.as_slice() {
            [first, .., last] if threads.len() > 3 => format!("{first} to {last}"),
            few => listed(&few.iter().map(u32::to_string).collect::<Vec<_>>()),
        };
        format!("{world} at {threads} {noun}")
    };
    let worlds: Vec<String> = worlds.into_iter().map(place).collect();
    format!("{strategies} x {workloads}; {}", worlds.join("; "))
}

/// Returns the machine in a line, without what decides no number.
fn machine(run: &Run) -> String {
    let host = &run.provenance.host;
    let parts = [
        Some(host.cpu_model.clone().unwrap_or_else(|| "unknown CPU".to_owned())),
        host.cpus.map(|cpus| plural(cpus as usize, "CPU")),
        host.kernel.as_ref().map(|release| format!("Linux {release}")),
        host.hypervisor.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
