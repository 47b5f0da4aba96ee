//! What the simulated kernel keeps behind its locks.

use crate::form::is_true;
use serde::{Deserialize, Serialize};

/// Highest [`KernelParts::memcg_depth`].
pub const MEMCG_DEPTH_MAX: u32 = 16;

/// Structures that all threads share beside the locks that strategies are about: each is a
/// line or a few, named in results, and can be left out to see what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelParts {
    /// Whether each NUMA node has a zone and an lruvec of its own, else there is one
    /// (`zone.lock`, `lruvec.*`).
    pub numa: bool,
    /// Whether pages are put on LRU lists (`lruvec.*`).
    pub lru: bool,
    /// Memory cgroups above the one that pages are charged to (`memcg.*`). 0: it is the root
    /// group, in which nothing is charged.
    pub memcg_depth: u32,
    /// Whether pages are counted (`mm.rss_stat`).
    pub rss: bool,
    /// Whether page tables are counted (`pgtables_bytes`, on a line of `mm_struct`).
    pub pgtables_bytes: bool,
    /// Whether zones and nodes count their pages (`zone.vm_stat`, `node.vm_stat`,
    /// `vm_zone_stat`, `vm_node_stat`).
    pub vm_stat: bool,
    /// Whether what zones keep under their locks costs anything (`zone.lock`, `zone.tables`).
    /// Without, storms run in the model alone.
    #[serde(skip_serializing_if = "is_true")]
    pub zone_lock: bool,
    /// Whether a page table is installed under a lock, else by a compare-exchange: only
    /// without writers, who free tables under that lock.
    #[serde(skip_serializing_if = "is_true")]
    pub pmd_lock: bool,
    /// Whether each pmd table has a lock of its own (`CONFIG_SPLIT_PMD_PTLOCKS`), else there
    /// is the `page_table_lock` of the space.
    pub split_pmd_locks: bool,
}

impl KernelParts {
    /// Why no storm on real cores can have this kernel.
    pub fn needs_a_model(&self) -> Option<String> {
        (!self.zone_lock).then(|| {
            "zone_lock = false leaves a lock out that real threads need: only a model can".into()
        })
    }
}

/// As an x86 distribution's kernel has it, for a process in a service of the system: systemd
/// has memory accounting on for every unit (`DefaultMemoryAccounting`), and a service is a
/// group in `system.slice`, which is one in the root.
impl Default for KernelParts {
    fn default() -> Self {
        Self {
            numa: true,
            lru: true,
            memcg_depth: 2,
            rss: true,
            pgtables_bytes: true,
            vm_stat: true,
            zone_lock: true,
            pmd_lock: true,
            split_pmd_locks: true,
        }
    }
}
