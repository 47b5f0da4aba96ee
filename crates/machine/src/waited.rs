//! Names of waits: the one table of locks and other targets of waiting, from which all results
//! name them.

/// Number of faults among the activities of a core.
pub const FAULT: u16 = 1;
/// Number of the first operation among the activities of a core.
pub const FIRST_OP: u16 = 2;

/// Kind of what a core waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitedKind {
    /// A lock that another core holds.
    Lock,
    /// A shootdown that the core sends.
    Shootdown,
    /// A shootdown that another core sends.
    Interrupted,
    /// I/O.
    Io,
    /// Memory that a grace period holds back.
    GracePeriod,
    /// Bandwidth of memory that others use.
    Memory,
}

/// Defines [`Waited`] with its table of kinds and names.
macro_rules! waited {
    ($($(#[$doc:meta])* $variant:ident: $kind:ident, $name:literal;)+) => {
        /// Something that a core waits for. A lock with readers has an entry for each mode.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Waited {
            $($(#[$doc])* $variant,)+
        }

        impl Waited {
            /// All, in the order of their numbers.
            pub const ALL: [Waited; [$($name),+].len()] = [$(Waited::$variant),+];

            /// Returns its name in results.
            pub fn name(self) -> &'static str {
                match self {
                    $(Waited::$variant => $name,)+
                }
            }

            /// Returns its kind.
            pub fn kind(self) -> WaitedKind {
                match self {
                    $(Waited::$variant => WaitedKind::$kind,)+
                }
            }
        }
    };
}

impl Waited {
    /// True if it is a lock that its holder shares with others of the same kind.
    pub fn is_shared(self) -> bool {
        use Waited::{IMmapRead, InvalidateRead, MmapLockRead, VmaLockRead};
        matches!(self, MmapLockRead | VmaLockRead | IMmapRead | InvalidateRead)
    }
}

waited! {
    /// `mm->mmap_lock`, by a reader.
    MmapLockRead: Lock, "mmap_lock read";
    /// `mm->mmap_lock`, by a writer.
    MmapLockWrite: Lock, "mmap_lock write";
    /// A VMA's lock (`vma->vm_lock` to 6.14, `vm_refcnt` since), by a fault.
    VmaLockRead: Lock, "vma lock read";
    /// A VMA's lock, by a writer that waits for faults to leave.
    VmaLockWrite: Lock, "vma lock write";
    /// The lock of a page table (`ptdesc->ptl`).
    Ptl: Lock, "ptl";
    /// `mm->page_table_lock`.
    PageTableLock: Lock, "page_table_lock";
    /// `zone->lock`.
    ZoneLock: Lock, "zone->lock";
    /// The list of free page tables or VMAs of a node (`kmem_cache_node->list_lock`).
    ListLock: Lock, "slab list_lock";
    /// `lruvec->lru_lock`.
    LruLock: Lock, "lruvec->lru_lock";
    /// `mapping->i_mmap_rwsem`, by a reader.
    IMmapRead: Lock, "i_mmap_rwsem read";
    /// `mapping->i_mmap_rwsem`, by a writer.
    IMmapWrite: Lock, "i_mmap_rwsem write";
    /// `mapping->invalidate_lock`, by a reader.
    InvalidateRead: Lock, "invalidate_lock read";
    /// `mapping->invalidate_lock`, by a writer.
    InvalidateWrite: Lock, "invalidate_lock write";
    /// The lock of a folio (`PG_locked`).
    FolioLock: Lock, "folio lock";
    /// `mapping->i_pages.xa_lock`.
    XarrayLock: Lock, "xarray lock";
    /// The lock of a bucket of `folio_wait_table`.
    FolioTable: Lock, "folio_wait_table lock";
    /// `mm->page_table_lock`, for the `anon_vma` of a VMA.
    AnonVma: Lock, "anon_vma";
    /// The lock of an rwsem's queue (`rwsem->wait_lock`).
    WaitLock: Lock, "rwsem wait_lock";
    /// The queue of spinning writers of an rwsem (`rwsem->osq`).
    Osq: Lock, "rwsem osq";
    /// The lock of a per-CPU counter (`percpu_counter->lock`).
    CounterLock: Lock, "percpu_counter lock";
    /// `srcu_struct->lock`.
    SrcuLock: Lock, "srcu lock";
    /// A scheme's own lock over the tree of VMAs, or its sequence count.
    TreeLock: Lock, "VMA tree";
    /// A hazard pointer to a VMA that a writer frees.
    HazardPointer: Lock, "hazard pointer";
    /// Sending a shootdown to each core.
    ShootdownSend: Shootdown, "sending shootdowns";
    /// The answers to a shootdown.
    ShootdownWait: Shootdown, "answers to shootdowns";
    /// An answer to a shootdown of another core.
    Interrupted: Interrupted, "shootdowns of others";
    /// I/O.
    Io: Io, "I/O";
    /// Memory that a grace period holds back.
    GracePeriod: GracePeriod, "grace period";
    /// Bandwidth of memory that other cores use.
    Bandwidth: Memory, "memory bandwidth";
}

/// Names of a lock with readers.
#[derive(Debug, Clone, Copy)]
pub struct RwNames {
    /// Name of a reader's wait.
    pub read: Waited,
    /// Name of a writer's wait.
    pub write: Waited,
}

impl RwNames {
    /// `mm->mmap_lock`.
    pub const MMAP_LOCK: Self = Self { read: Waited::MmapLockRead, write: Waited::MmapLockWrite };
    /// A VMA's lock.
    pub const VMA_LOCK: Self = Self { read: Waited::VmaLockRead, write: Waited::VmaLockWrite };
    /// `mapping->i_mmap_rwsem`.
    pub const I_MMAP: Self = Self { read: Waited::IMmapRead, write: Waited::IMmapWrite };
    /// `mapping->invalidate_lock`.
    pub const INVALIDATE: Self =
        Self { read: Waited::InvalidateRead, write: Waited::InvalidateWrite };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_number_and_a_name_of_its_own() {
        for (number, waited) in Waited::ALL.into_iter().enumerate() {
            assert_eq!(waited as usize, number);
            let same = Waited::ALL.iter().filter(|other| other.name() == waited.name());
            assert_eq!(same.count(), 1, "{}", waited.name());
        }
    }
}
