//! `[kernel]`

use toml::Spanned;

use super::check::Check;
use crate::diag::Diagnostic;
use crate::workload::MEMCG_DEPTH_MAX;
use crate::workload::{Kernel, Workload, wire};

pub(super) fn lower(table: Option<&wire::Kernel>, check: &mut Check<'_>) -> Option<Kernel> {
    let default = Kernel::default();
    let Some(table) = table else { return Some(default) };
    let switch = |written: &Option<Spanned<bool>>, default| {
        written.as_ref().map_or(default, |value| *value.get_ref())
    };
    Some(Kernel {
        numa: switch(&table.numa, default.numa),
        lru: switch(&table.lru, default.lru),
        memcg_depth: match &table.memcg_depth {
            Some(depth) => memcg_depth(depth, check)?,
            None => default.memcg_depth,
        },
        rss: switch(&table.rss, default.rss),
        pgtables_bytes: switch(&table.pgtables_bytes, default.pgtables_bytes),
        vm_stat: switch(&table.vm_stat, default.vm_stat),
        zone_lock: switch(&table.zone_lock, default.zone_lock),
        pmd_lock: switch(&table.pmd_lock, default.pmd_lock),
        split_pmd_locks: switch(&table.split_pmd_locks, default.split_pmd_locks),
    })
}

/// Reports a switch that the workload does not allow.
pub(super) fn check(workload: &Workload, table: Option<&wire::Kernel>, check: &mut Check<'_>) {
    if workload.kernel.pmd_lock || !workload.has_changes() {
        return;
    }
    let written = table.and_then(|table| table.pmd_lock.as_ref());
    check.push(
        Diagnostic::new("`pmd_lock` is false in a workload with writers")
            .at(written.map_or(0..0, Spanned::span), "it stands between faults and writers")
            .rule("writers free page tables under the lock under which faults install them")
            .help("leave `pmd_lock` out, or the operations that change mappings"),
    );
}

fn memcg_depth(written: &Spanned<u64>, check: &mut Check<'_>) -> Option<u32> {
    let depth = *written.get_ref();
    if depth <= u64::from(MEMCG_DEPTH_MAX) {
        return Some(depth as u32);
    }
    check.push(
        Diagnostic::new(format!("`memcg_depth` is 0 to {MEMCG_DEPTH_MAX}, not {depth}"))
            .at(written.span(), "too large")
            .rule("it says how many groups are above that of the process; 0 is the root group"),
    );
    None
}
