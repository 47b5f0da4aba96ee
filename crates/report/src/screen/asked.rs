//! The head of the screen: the question of the run, and the machine.

use document::run::{Cell, Run, World, distinct, grouped};

use super::ascii::ascii;
use crate::layout::{COLUMNS, cut};
use crate::words::{listed, plural};

/// Most columns of a name in the question.
const NAME: usize = 24;

/// Returns the head of the screen, which is known before the first storm: the question of the
/// run in one or two lines, and the machine.
pub fn asked(run: &Run) -> String {
    let what = format!("faultstorm run: {}", subject(run));
    let worlds = worlds(run).join("; ");
    let mut lines = vec![format!("{what}; {worlds}")];
    if lines[0].len() > COLUMNS {
        lines = vec![what, format!("  {worlds}")];
    }
    lines.push(ascii(&machine(run)));
    lines.iter().map(|line| cut(line, COLUMNS).trim_end().to_owned() + "\n").collect()
}

/// Returns strategies and workloads: `10 strategies x 4 workloads`.
fn subject(run: &Run) -> String {
    let of = |name: fn(&Cell) -> String, noun: &str, nouns: &str| match distinct(
        run.strategies().map(name),
    )
    .as_slice()
    {
        [one] => format!("{noun} {}", cut(&ascii(one), NAME)),
        all => format!("{} {nouns}", all.len()),
    };
    let strategies = of(|cell| cell.key.strategy_name(), "strategy", "strategies");
    let workloads = of(|cell| cell.key.workload.clone(), "workload", "workloads");
    format!("{strategies} x {workloads}")
}

/// Returns each world with its threads: `host at 1 and 2 threads`.
fn worlds(run: &Run) -> Vec<String> {
    let name = |cell: &Cell| match cell.key.world {
        World::Model => format!("model {}", cut(&ascii(&cell.key.machine), NAME)),
        world => world.to_string(),
    };
    let place = |cells: &Vec<&Cell>| {
        let world = name(cells[0]);
        let mut threads = distinct(cells.iter().map(|cell| cell.key.threads));
        threads.sort_unstable();
        let threads = match threads.as_slice() {
            [one] => plural(*one as usize, "thread"),
            [first, .., last] if threads.len() > 3 => format!("{first} to {last} threads"),
            few => listed(&few.iter().map(u32::to_string).collect::<Vec<_>>()) + " threads",
        };
        format!("{world} at {threads}")
    };
    grouped(run.strategies(), |cell| name(cell)).iter().map(place).collect()
}

/// Returns the machine in a line, without details that decide no number.
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
