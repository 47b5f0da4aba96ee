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
mod reference;
mod space;
pub mod speculative;
pub mod speculative_vma;
pub mod srcu;
pub mod unlocked;
pub mod vm_refcnt;
pub mod vma_refcount;
mod words;

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
pub use self::words::{PerVma, Words};

use self::attached::{AfterRcu, Attached, ByRcu, ByReference, CountedVmas};
use self::reference::Reference;

use machine::Machine;
use mm::fault::{self, Outcome, Request, Stop};
use mm::kernel::Layout;
use mm::vma::VmaRef;
use mm::{Core, locked};
use workload::Workload;

/// A locking scheme: its own words, with what writers do to them, and its own part of a
/// fault. If that part does not end a fault, the fault is done under mmap_lock
/// ([`mm::locked`]).
pub trait Strategy<M: Machine>: Sized + Send + Sync + 'static {
    /// The kernel that the scheme stood in when it was proposed or shipped.
    type Layout: Layout;
    /// The words that it adds to `mm_struct` and `vm_area_struct`; `()`: none.
    type Words: Words<M>;

    /// Attempts a fault: finds and protects the VMA, and calls
    /// [`fault::handle`](mm::fault::handle).
    ///
    /// # Errors
    /// Why the attempt did not end the fault. Nothing is held or published then.
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop>;

    /// Ends a fault that an attempt did not end.
    ///
    /// # Errors
    /// The request to try again with.
    #[inline]
    fn after(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
        stop: Stop,
    ) -> Result<Outcome, Request> {
        locked::after(space, core, request, stop)
    }

    /// Handles a fault from beginning to end.
    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        space.enter_fault();
        retry(space, core, request)
    }
}

/// Attempts a fault until it ends.
#[inline(always)]
fn retry<M: Machine, S: Strategy<M>>(
    space: &Space<M, S>,
    core: &mut Core<M>,
    request: Request,
) -> Outcome {
    fault::retry(
        core,
        request,
        |core, request| S::attempt(space, core, request),
        |core, request, stop| S::after(space, core, request, stop),
    )
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
