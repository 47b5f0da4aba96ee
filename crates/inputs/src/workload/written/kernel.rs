//! `[kernel]`: its keys, and their checks.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::check::Check;
use super::key::WrittenKey;
use crate::diag::Diagnostic;
use ::workload::{KernelParts, MEMCG_DEPTH_MAX, NODES_PER_SOCKET_MAX, Workload};

/// Structures that all threads share beside locks: each is a line or a few, and can be left
/// out to see what it costs.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema), schemars(rename = "Kernel"))]
#[serde(deny_unknown_fields)]
pub(in crate::workload) struct KernelTable {
    /// Whether each NUMA node has a zone and an lruvec of its own (default true).
    pub numa: WrittenKey<bool>,
    /// NUMA nodes of a socket (default 1), each with a zone and an lruvec of its own; only in the
    /// model.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 8)))]
    pub nodes_per_socket: WrittenKey<u64>,
    /// Whether pages are put on LRU lists (default true).
    pub lru: WrittenKey<bool>,
    /// Memory cgroups above the one that pages are charged to (default 2); 0 is the root
    /// group, in which nothing is charged.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 16)))]
    pub memcg_depth: WrittenKey<u64>,
    /// Whether pages of the space are counted (default true).
    pub rss: WrittenKey<bool>,
    /// Whether its page tables are counted (default true).
    pub pgtables_bytes: WrittenKey<bool>,
    /// Whether zones and nodes count their pages (default true).
    pub vm_stat: WrittenKey<bool>,
    /// Whether the free lists of zones and their locks cost anything (default true); false only
    /// in the model.
    pub zone_lock: WrittenKey<bool>,
    /// Whether a page table is installed under a lock (default true), else by a
    /// compare-exchange; false only without writers.
    pub pmd_lock: WrittenKey<bool>,
    /// Whether each pmd table has a lock of its own (default true).
    pub split_pmd_locks: WrittenKey<bool>,
}

pub(super) fn lower(table: Option<&KernelTable>, check: &mut Check<'_>) -> Option<KernelParts> {
    let default = KernelParts::default();
    let Some(table) = table else { return Some(default) };
    Some(KernelParts {
        numa: table.numa.value_or(default.numa),
        nodes_per_socket: (table.nodes_per_socket)
            .checked(default.nodes_per_socket, |nodes| nodes_per_socket(table, nodes, check))?,
        lru: table.lru.value_or(default.lru),
        memcg_depth: (table.memcg_depth)
            .checked(default.memcg_depth, |depth| memcg_depth(depth, check))?,
        rss: table.rss.value_or(default.rss),
        pgtables_bytes: table.pgtables_bytes.value_or(default.pgtables_bytes),
        vm_stat: table.vm_stat.value_or(default.vm_stat),
        zone_lock: table.zone_lock.value_or(default.zone_lock),
        pmd_lock: table.pmd_lock.value_or(default.pmd_lock),
        split_pmd_locks: table.split_pmd_locks.value_or(default.split_pmd_locks),
    })
}

/// Reports a kernel without a lock that the workload's writers need.
pub(super) fn check(workload: &Workload, table: Option<&KernelTable>, check: &mut Check<'_>) {
    if workload.kernel.pmd_lock || !workload.has_changes() {
        return;
    }
    let written = table.and_then(|table| table.pmd_lock.span());
    check.push(
        Diagnostic::new("`pmd_lock` is false in a workload with writers")
            .at(written.unwrap_or(0..0), "it stands between faults and writers")
            .rule("writers free page tables under the lock under which faults install them")
            .help("leave `pmd_lock` out, or the operations that change mappings"),
    );
}

fn nodes_per_socket(
    table: &KernelTable,
    written: &Spanned<u64>,
    check: &mut Check<'_>,
) -> Option<u64> {
    let nodes = *written.get_ref();
    if !(1..=NODES_PER_SOCKET_MAX).contains(&nodes) {
        check.push(
            Diagnostic::new(format!(
                "`nodes_per_socket` is 1 to {NODES_PER_SOCKET_MAX}, not {nodes}"
            ))
            .at(written.span(), "no number of nodes")
            .rule("SNC has 2 to 4 of them, NPS up to 4"),
        );
        return None;
    }
    if let Some(numa) = table.numa.as_ref().filter(|numa| !numa.get_ref() && nodes > 1) {
        check.push(
            Diagnostic::new("nodes in a socket, and `numa` is false")
                .at(written.span(), "each has a zone")
                .at(numa.span(), "all threads share one zone")
                .help("leave one of the two out"),
        );
    }
    Some(nodes)
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
