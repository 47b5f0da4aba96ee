//! Locking schemes for page faults, one file each, and the one table of them.
//!
//! A new scheme is a new file and two lines here: its `mod`, and its row in
//! [`for_every_scheme`]. Command line, help, tests, benches and reports follow from the
//! table.

mod attached;
pub mod hazard;
pub mod mm_seq;
pub mod mmap_lock;
pub mod per_vma_lock;
pub mod rcu_map_pages;
mod reference;
mod scheme;
mod space;
mod speculation;
pub mod speculative;
pub mod speculative_vma;
pub mod srcu;
pub mod unlocked;
pub mod vm_refcnt;
pub mod vma_refcount;
mod words;

pub use mm::kernel::{Linux5_12, Linux6_2};

pub use self::hazard::HazardPointers;
pub use self::mm_seq::MmSeq;
pub use self::mmap_lock::MmapLock;
pub use self::per_vma_lock::{LockApart, LockEmbedded, PerVmaLock};
pub use self::rcu_map_pages::RcuMapPages;
pub use self::scheme::{FoundVma, Scheme, Strategy, Traits};
pub use self::space::Space;
pub use self::speculative::Speculative;
pub use self::speculative_vma::SpeculativeVma;
pub use self::srcu::SrcuFaults;
pub use self::vm_refcnt::VmRefcnt;
pub use self::vma_refcount::VmaRefcount;
pub use self::words::{PerVma, Words};

use self::attached::{AfterRcu, Attached, ByRcu, ByReference, CountedVmas};
use self::reference::Reference;
use self::scheme::retry;
use self::speculation::Speculation;

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
            $row!($crate::mm_seq::MmSeq),
            $row!($crate::speculative_vma::SpeculativeVma<false>),
            $row!($crate::speculative_vma::SpeculativeVma<true>),
            $row!($crate::hazard::HazardPointers),
            $row!($crate::srcu::SrcuFaults<false>),
            $row!($crate::srcu::SrcuFaults<true>),
            $row!($crate::rcu_map_pages::RcuMapPages<false>),
            $row!($crate::rcu_map_pages::RcuMapPages<true>),
            $row!($crate::per_vma_lock::PerVmaLock<$crate::per_vma_lock::LockApart>),
            $row!($crate::per_vma_lock::PerVmaLock<$crate::per_vma_lock::LockEmbedded>),
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
