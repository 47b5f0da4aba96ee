//! Verdicts that turn if all schemes are put into one kernel: what a ratio across kernels owes to
//! the kernels.

use document::run::{Cell, KeyPart, Run};

use super::ascii::ascii;
use super::panel::{Panel, WorkloadColumn};

/// Two rates that are less than this apart are in no order.
const APART: f64 = 0.02;
/// Schemes that are named at the most.
const NAMED: usize = 3;
/// The scheme that others are compared with here: what Linux had before.
const BEFORE: &str = "mmap-lock";

/// Cells of one table but for its kernel.
const BUT_KERNEL: &[KeyPart] =
    &[KeyPart::Strategy, KeyPart::Threads, KeyPart::Body, KeyPart::Kernel];

/// A scheme that beats `mmap-lock` in one of the two, and loses to it in the other.
struct Turned {
    scheme: String,
    workload: String,
    /// Rate over that of `mmap-lock`, each in its own kernel.
    own: f64,
    /// The same in one kernel.
    one: f64,
}

/// Returns true if a column repeats another of the run, which has each scheme in its own kernel.
pub(super) fn repeats(run: &Run, column: &WorkloadColumn<'_>) -> bool {
    let key = column.table.key();
    let own = |cell: &Cell| {
        cell.key.is_own_kernel && cell.key.without(BUT_KERNEL) == key.without(BUT_KERNEL)
    };
    key.one_kernel().is_some() && run.strategies().any(own)
}

/// Returns the sentence about the schemes of a panel that turn; `None` if none does.
pub(super) fn sentence(run: &Run, panel: &Panel<'_>) -> Option<String> {
    let in_one = |cell: &&Cell| cell.key.one_kernel().is_some();
    let first = panel.first();
    let same_world = |cell: &&Cell| cell.key.world_name() == first.key.world_name();
    let kernel = run.strategies().filter(in_one).find(same_world)?.key.one_kernel()?;
    let columns = panel.columns.iter().filter(|column| column.table.key().one_kernel().is_none());
    let turned: Vec<Turned> = columns.flat_map(|column| of_column(run, column, kernel)).collect();
    if turned.is_empty() {
        return None;
    }
    let turns = turned.iter().take(NAMED).map(|turned| {
        let Turned { scheme, workload, own, one } = turned;
        format!("{} {one:.2}, here {own:.2} ({})", ascii(scheme), ascii(workload))
    });
    let more = turned.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let turns = turns.collect::<Vec<_>>().join(", ");
    Some(format!("! over {BEFORE}, all in {}: {turns}{more}", ascii(kernel)))
}

fn of_column(run: &Run, column: &WorkloadColumn<'_>, kernel: &str) -> Vec<Turned> {
    let rate = |cell: &Cell| cell.rate(&column.table.event).map(|rate| rate.median);
    let put = |scheme: &str| {
        let own = column.cell(scheme)?;
        let is_it = |cell: &&Cell| {
            let (key, own) = (&cell.key, &own.key);
            key.one_kernel() == Some(kernel)
                && key.strategy_name() == scheme
                && (key.threads, key.body) == (own.threads, own.body)
                && key.without(BUT_KERNEL) == own.without(BUT_KERNEL)
        };
        // A scheme whose own kernel that is has not run again.
        let there = own.key.kernel.as_deref() == Some(kernel);
        if there { Some(own) } else { run.strategies().find(is_it) }
    };
    let (Some(own), Some(one)) = (column.cell(BEFORE), put(BEFORE)) else { return Vec::new() };
    let turned = |cell: &Cell| {
        let scheme = cell.key.strategy_name();
        let own = rate(cell)? / rate(own)?;
        let one = rate(put(&scheme)?)? / rate(one)?;
        let order = |ratio: f64| match ratio.ln() {
            apart if apart > APART => 1,
            apart if apart < -APART => -1,
            _ => 0,
        };
        let workload = column.table.key().workload.clone();
        (order(own) * order(one) < 0).then_some(Turned { scheme, workload, own, one })
    };
    column.cells().filter_map(turned).collect()
}
