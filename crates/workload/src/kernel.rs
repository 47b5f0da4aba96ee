//! Structures of the simulated kernel that a workload can leave out.

use crate::form::{is_one, is_true};
use serde::{Deserialize, Serialize};

/// Highest [`KernelParts::nodes_per_socket`]: NPS4 has half as many.
pub const NODES_PER_SOCKET_MAX: u64 = 8;
/// Highest [`KernelParts::memcg_depth`].
pub const MEMCG_DEPTH_MAX: u32 = 16;

/// Structures that all threads share, beside the locks that strategies differ in. Each is a few
/// lines, which results name, and can be left out to see its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelParts {
    /// True if each NUMA node has a zone and an lruvec of its own; if not, there is one of each
    /// (`zone.lock`, `lruvec.*`).
    pub numa: bool,
    /// NUMA nodes of a socket, as with sub-NUMA clusters (SNC) or nodes per socket (NPS). Above 1
    /// storms run only in the model: this machine has the nodes that its firmware made.
    #[serde(skip_serializing_if = "is_one")]
    pub nodes_per_socket: u64,
    /// True if pages are put on LRU lists (`lruvec.*`).
    pub lru: bool,
    /// Memory cgroups above the one that pages are charged to (`memcg.*`). 0: the process is in
    /// the root group, which charges nothing.
    pub memcg_depth: u32,
    /// True if pages are counted (`mm.rss_stat`).
    pub rss: bool,
    /// True if page tables are counted (`pgtables_bytes`, on a line of `mm_struct`).
    pub pgtables_bytes: bool,
    /// True if zones and nodes count their pages (`zone.vm_stat`, `node.vm_stat`,
    /// `vm_zone_stat`, `vm_node_stat`).
    pub vm_stat: bool,
    /// True if the free lists of zones, and their locks, cost anything (`zone.lock`,
    /// `zone.tables`). If not, storms run only in the model.
    #[serde(skip_serializing_if = "is_true")]
    pub zone_lock: bool,
    /// True if a page table is installed under a lock; if not, by a compare-exchange, which is
    /// allowed only without writers, since they free tables under that lock.
    #[serde(skip_serializing_if = "is_true")]
    pub pmd_lock: bool,
    /// True if each pmd table has a lock of its own (`CONFIG_SPLIT_PMD_PTLOCKS`); if not, all use
    /// the `page_table_lock` of the space.
    pub split_pmd_locks: bool,
}

impl KernelParts {
    /// Returns the reason why storms on real cores cannot have this kernel, if there is one.
    pub fn needs_a_model(&self) -> Option<String> {
        let why = match () {
            () if !self.zone_lock => {
                "zone_lock = false leaves a lock out that real threads need: only a model can"
            }
            () if self.nodes_per_socket > 1 => {
                "nodes_per_socket splits sockets of a model: here the firmware made the nodes"
            }
            () => return None,
        };
        Some(why.to_owned())
    }
}

/// The kernel of an x86 distribution, for a process in a service: systemd accounts the memory of
/// every unit (`DefaultMemoryAccounting`), and the group of a service is in `system.slice`, which
/// is in the root group.
impl Default for KernelParts {
    fn default() -> Self {
        Self {
            numa: true,
            nodes_per_socket: 1,
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
