//! Locking schemes for page faults, one file each, and the one table of them.
//!
//! A new scheme is a new file and two lines here: its `mod`, and its row in
//! [`for_every_scheme`]. Command line, help, tests, benches and reports follow from the
//! table.

mod attached;
pub mod hazard;
pub mod mmap_lock;
pub mod per_vma_lock;
pub mod rcu_map_pages;
mod space;
pub mod speculative;
pub mod speculative_vma;
pub mod srcu;
pub mod unlocked;
pub mod vm_refcnt;
pub mod vma_refcount;

pub use mm::kernel::{Linux5_12, Linux6_2};

pub use self::hazard::Hazard;
pub use self::mmap_lock::MmapLock;
pub use self::per_vma_lock::{Apart, Embedded, PerVmaLock};
pub use self::rcu_map_pages::RcuMapPages;
pub use self::space::Space;
pub use self::speculative::Speculative;
pub use self::speculative_vma::SpeculativeVma;
pub use self::srcu::SrcuFaults;
pub use self::vm_refcnt::VmRefcnt;
pub use self::vma_refcount::VmaRefcount;

use self::attached::{Attached, CountedWords};

use machine::Machine;
use mm::fault::{Outcome, Request};
use mm::kernel::Layout;
use mm::vma::VmaRef;
use mm::{Config, Core};
use workload::Workload;

/// A locking scheme: its own words, its own part of a fault, and what writers do for
/// it.
///
/// Hooks run with mmap_lock held for writing, unless they say otherwise. What a
/// scheme falls back to, the fault under mmap_lock, is [`mm::locked`].
pub trait Strategy<M: Machine>: Sized + Send + Sync + 'static {
    /// The kernel that the scheme stood in when it was proposed or shipped.
    type Layout: Layout;
    /// Words that it adds to `mm_struct`.
    type MmWords: Send + Sync;
    /// Words that it adds to `vm_area_struct`.
    type VmaWords: Send + Sync;
    /// Bytes that it adds to `vm_area_struct`, and to what belongs to one, beside the lines
    /// of [`Vma`](mm::vma::Vma).
    const VMA_BYTES: usize = size_of::<Self::VmaWords>();

    /// Makes the words of a space.
    fn mm_words(config: &Config) -> Self::MmWords;
    /// Makes the words of a VMA.
    fn vma_words(config: &Config) -> Self::VmaWords;

    /// Those of a VMA that are the third line of a `vm_area_struct`, where Linux has
    /// `vm_refcnt` since 6.15.
    fn third_line(_words: &Self::VmaWords) -> Option<&M::Line> {
        None
    }

    /// Handles a fault from beginning to end.
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome;

    /// VMAs are never changed: a writer puts a new one in the place of the old.
    const REPLACES_VMAS: bool = false;
    /// Faults allocate page tables without excluding writers, and check under the lock of
    /// the parent table whether they may: writers free tables under that lock too.
    const LOCKS_TABLES: bool = false;
    /// The file of a VMA is put when the VMA is freed: not before munmap returns.
    const DEFERS_FPUT: bool = false;
    /// VMAs are freed behind grace periods of SRCU, whose costs each core counts.
    const WAITS_BY_SRCU: bool = false;

    /// A writer has taken mmap_lock.
    fn begin(_space: &Space<M, Self>) {}
    /// A writer is about to change the tree.
    fn begin_tree(_space: &Space<M, Self>) {}
    /// It has.
    fn end_tree(_space: &Space<M, Self>) {}
    /// A writer is about to change this VMA, or to take it out: from here to
    /// [`end_write`](Strategy::end_write) or [`end`](Strategy::end) no fault without
    /// mmap_lock may publish anything in it.
    fn start_write(_space: &Space<M, Self>, _vma: VmaRef<'_, M>) {}
    /// A writer has changed this VMA. Not called for one that goes.
    fn end_write(_space: &Space<M, Self>, _vma: VmaRef<'_, M>) {}
    /// This VMA is filled in, and about to be linked into the tree.
    fn attach(_space: &Space<M, Self>, _vma: VmaRef<'_, M>) {}
    /// This VMA will be out of the tree at once; [`start_write`](Strategy::start_write)
    /// has been called.
    fn detach(_space: &Space<M, Self>, _vma: VmaRef<'_, M>) {}
    /// A writer is about to release mmap_lock, or to let readers in.
    fn end(_space: &Space<M, Self>) {}
    /// Pages of this VMA are about to be zapped; mmap_lock is held at least for reading,
    /// or (truncate) the `i_mmap_rwsem` of its file. Two may be at it at once.
    fn begin_zap(_space: &Space<M, Self>, _vma: VmaRef<'_, M>) {}
    /// They have been.
    fn end_zap(_space: &Space<M, Self>, _vma: VmaRef<'_, M>) {}
    /// Nobody finds this VMA any more: frees it ([`Core::free_vma`] after a grace period
    /// of RCU) when no fault can still use it.
    fn free(space: &Space<M, Self>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        core.free_vma(space, vma.id);
    }
    /// A writer waits for memory, with nothing held: frees what [`free`](Strategy::free) kept
    /// for later and no fault can use any more.
    fn reclaim(_space: &Space<M, Self>, _core: &mut Core<M>) {}
    /// No core faults any more: frees what [`free`](Strategy::free) kept for later.
    fn drain(_space: &Space<M, Self>, _core: &mut Core<M>) {}
}

/// A VMA as a fault under a scheme finds it: where the scheme's kernel has its fields.
pub type Found<'a, M, S> = VmaRef<'a, M, <S as Strategy<M>>::Layout>;

/// What users are told of a scheme, and what it may not run.
pub trait Scheme {
    /// `NAME` or `NAME:VARIANT`.
    const NAME: &'static str;
    /// What it does, in one line.
    const SUMMARY: &'static str;
    /// Who proposed it, or which kernels have it.
    const WHO: &'static str;

    /// What it costs, and what it cannot do.
    const TRAITS: Traits;

    /// Why it may not run a workload.
    fn refuses(_workload: &Workload) -> Option<String> {
        None
    }
}

/// What a scheme costs and what it cannot do, in a few words each: the columns of the one
/// table of schemes.
#[derive(Clone, Copy)]
pub struct Traits {
    /// Writes of words that others use too, in a fault that nobody disturbs: those that the
    /// scheme alone makes, on lines of the space or of the VMA.
    pub shared_writes: &'static str,
    /// Whether a fault may sleep and go on.
    pub sleeps: &'static str,
    /// Whether a fault may allocate page tables.
    pub allocates_tables: &'static str,
    /// What makes a fault fall back.
    pub falls_back: &'static str,
    /// What a writer pays beside mmap_lock.
    pub writers_pay: &'static str,
}

/// Makes an array of what the macro `$row` gives for the type of each scheme, in the order in
/// which results show them.
#[macro_export]
macro_rules! for_every_scheme {
    ($row:ident) => {
        [
            $row!($crate::unlocked::Unlocked),
            $row!($crate::mmap_lock::MmapLock<$crate::Linux6_2>),
            $row!($crate::mmap_lock::MmapLock<$crate::Linux5_12, true>),
            $row!($crate::vma_refcount::VmaRefcount),
            $row!($crate::speculative::Speculative<0, true>),
            $row!($crate::speculative::Speculative<1, true>),
            $row!($crate::speculative::Speculative<0, false>),
            $row!($crate::speculative_vma::SpeculativeVma<false>),
            $row!($crate::speculative_vma::SpeculativeVma<true>),
            $row!($crate::hazard::Hazard),
            $row!($crate::srcu::SrcuFaults<false>),
            $row!($crate::srcu::SrcuFaults<true>),
            $row!($crate::rcu_map_pages::RcuMapPages),
            $row!($crate::per_vma_lock::PerVmaLock<$crate::per_vma_lock::Apart>),
            $row!($crate::per_vma_lock::PerVmaLock<$crate::per_vma_lock::Embedded>),
            $row!($crate::vm_refcnt::VmRefcnt),
        ]
    };
}

macro_rules! one {
    ($scheme:ty) => {
        ()
    };
}

/// Shipped schemes, variants included.
pub const COUNT: usize = for_every_scheme!(one).len();
