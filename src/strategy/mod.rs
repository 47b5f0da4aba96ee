//! Locking schemes for page faults, one file each, and the one table of them.
//!
//! A new scheme is a new file and two lines here: its `mod`, and its row in
//! [`STRATEGIES`]. Command line, help, tests, benches and reports follow from the
//! table.

mod mmap_lock;
mod speculative;
mod unlocked;
mod vma_refcount;

use crate::machine::Machine;
use crate::machine::model::Model;
use crate::mm::fault::{Outcome, Request};
use crate::mm::layout::{LINUX_7_2, MmLayout};
use crate::mm::vma::Vma;
use crate::mm::{Core, Mm};
use crate::storm::host::OnHost;
use crate::storm::{self, ModelSpec, ModelStorm, Spec, Storm, StormError};
use crate::workload::Workload;

/// A locking scheme: its own words, its own part of a fault, and what writers do for
/// it.
///
/// Hooks run with mmap_lock held for writing, unless they say otherwise. What a
/// scheme falls back to, the fault under mmap_lock, is [`crate::mm::locked`].
pub trait Strategy<M: Machine>: Sized + Send + Sync + 'static {
    /// The kernel in whose layout the structures are.
    const LAYOUT: &'static MmLayout = &LINUX_7_2;
    /// Words that it adds to `mm_struct`.
    type MmWords: Send + Sync;
    /// Words that it adds to `vm_area_struct`.
    type VmaWords: Send + Sync;

    /// Makes the words of a space.
    fn mm_words() -> Self::MmWords;
    /// Makes the words of a VMA.
    fn vma_words() -> Self::VmaWords;

    /// Handles a fault from beginning to end.
    fn fault(mm: &Mm<M, Self>, core: &mut Core<M>, request: Request) -> Outcome;

    /// A writer has taken mmap_lock.
    fn begin(_mm: &Mm<M, Self>) {}
    /// A writer is about to change this VMA.
    fn start_write(_mm: &Mm<M, Self>, _vma: &Vma<M, Self>) {}
    /// This VMA is filled in, and about to be linked into the tree.
    fn attach(_mm: &Mm<M, Self>, _vma: &Vma<M, Self>) {}
    /// This VMA is out of the tree, and about to go.
    fn detach(_mm: &Mm<M, Self>, _vma: &Vma<M, Self>) {}
    /// A writer is about to release mmap_lock, or to let readers in.
    fn end(_mm: &Mm<M, Self>) {}
    /// Pages are about to be zapped; mmap_lock is held at least for reading.
    fn before_zap(_mm: &Mm<M, Self>) {}
}

/// What users are told of a scheme, and what it may not run.
pub trait Scheme {
    /// `NAME` or `NAME:VARIANT`.
    const NAME: &'static str;
    /// What it does, in one line.
    const SUMMARY: &'static str;
    /// Who proposed it, or which kernels have it.
    const WHO: &'static str;

    /// Why it may not run a workload.
    fn refuses(_workload: &Workload) -> Option<String> {
        None
    }
}

/// A scheme as users meet it.
pub struct Entry {
    /// [`Scheme::NAME`].
    pub name: &'static str,
    /// [`Scheme::SUMMARY`].
    pub summary: &'static str,
    /// [`Scheme::WHO`].
    pub who: &'static str,
    /// [`Scheme::refuses`].
    pub refuses: fn(&Workload) -> Option<String>,
    /// Runs a storm on this machine's own cores.
    pub run: fn(&Spec) -> Result<Storm, StormError>,
    /// Runs a storm in the model.
    pub model: fn(&ModelSpec) -> Result<ModelStorm, StormError>,
}

const fn entry<S: Scheme + OnHost + Strategy<Model>>() -> Entry {
    Entry {
        name: S::NAME,
        summary: S::SUMMARY,
        who: S::WHO,
        refuses: S::refuses,
        run: storm::host::run::<S>,
        model: storm::model::run::<S>,
    }
}

/// Every scheme, in the order in which results show them.
pub static STRATEGIES: &[Entry] = &[
    entry::<unlocked::Unlocked>(),
    entry::<mmap_lock::MmapLock<false>>(),
    entry::<mmap_lock::MmapLock<true>>(),
    entry::<vma_refcount::VmaRefcount>(),
    entry::<speculative::Speculative<false>>(),
    entry::<speculative::Speculative<true>>(),
];

impl Entry {
    /// Whether it runs only when it is named.
    pub fn is_variant(&self) -> bool {
        self.name.contains(':')
    }

    /// Name and variant.
    pub fn split(&self) -> (&'static str, Option<&'static str>) {
        self.name.split_once(':').map_or((self.name, None), |(name, variant)| (name, Some(variant)))
    }
}

/// The scheme of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    STRATEGIES.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_variants_follow_their_scheme() {
        for (index, entry) in STRATEGIES.iter().enumerate() {
            let first = STRATEGIES.iter().position(|other| other.name == entry.name);
            assert_eq!(first, Some(index), "{} stands once", entry.name);
            let (name, variant) = entry.split();
            assert_eq!(variant.is_some(), entry.is_variant());
            assert!(find(name).is_some(), "{name} is a scheme");
        }
    }
}
