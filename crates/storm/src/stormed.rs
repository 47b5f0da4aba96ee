//! An address space as a storm uses it, whatever its strategy.

use super::order::PagesIter;
use super::steps::{Edit, TouchPlan};
use super::touch::Hands;
use super::world::Simulated;
use machine::Work;
use mm::Core;
use mm::addr::Vaddr;
use mm::fault::{Outcome, Request};
use mm::frames::Arena;
use mm::hooks::Hooks;
use mm::page_cache::File;
use mm::vma::Mapping;
use mm::writer::Writer;
use mm::{Config, Mm};
use std::sync::Arc;
use strategy::{Space, Strategy};

/// A space in which threads fault.
pub trait Faults<W: Simulated> {
    /// The space, without its strategy.
    fn mm(&self) -> &Mm<W>;
    /// Handles a fault from beginning to end.
    fn fault(&self, core: &mut Core<W>, request: Request) -> Outcome;
}

impl<W: Simulated, S: Strategy<W>> Faults<W> for Space<W, S> {
    #[inline(always)]
    fn mm(&self) -> &Mm<W> {
        self
    }

    #[inline(always)]
    fn fault(&self, core: &mut Core<W>, request: Request) -> Outcome {
        S::fault(self, core, request)
    }
}

/// What a storm asks of a space. A call covers a batch of touches or more, so that the
/// loops of a storm are compiled once for each world and not for each strategy.
pub trait Stormed<W: Simulated>: Faults<W> + Send + Sync {
    /// Makes a mapping where nothing is mapped; false where something is.
    fn mmap(&self, core: &mut Core<W>, mapping: &Mapping) -> bool;
    /// Does an operation of a writer; false where there was nothing to do.
    fn edit(&self, core: &mut Core<W>, edit: &Edit) -> bool;
    /// Takes all VMAs out, and makes `mappings` again; their page tables stay. No core faults.
    fn remap(&self, core: &mut Core<W>, mappings: &[Mapping]);
    /// Whether VMAs wait for grace periods of SRCU, whose costs cores count.
    fn waits_by_srcu(&self) -> bool;
    /// Frees what waits for faults to end. No core faults.
    fn drain(&self, core: &mut Core<W>);
    /// Unmaps everything, and empties the page cache.
    fn exit(&self, core: &mut Core<W>);
    /// Touches the next `count` pages.
    fn touch(&self, hands: &mut Hands<W>, touch: &TouchPlan, pages: &mut PagesIter, count: u64);
}

/// Makes an empty space, with these files in its page cache.
pub type MakeSpace<W> = fn(Config, Arc<Arena>, Vec<File<W>>) -> Box<dyn Stormed<W>>;

/// A space under `S`.
pub fn make<W: Simulated, S: Strategy<W>>(
    config: Config,
    arena: Arc<Arena>,
    files: Vec<File<W>>,
) -> Box<dyn Stormed<W>> {
    Box::new(Space::<W, S>::new(config, arena, files))
}

impl<W: Simulated, S: Strategy<W>> Stormed<W> for Space<W, S> {
    fn mmap(&self, core: &mut Core<W>, mapping: &Mapping) -> bool {
        self.writer(core).mmap(mapping)
    }

    fn edit(&self, core: &mut Core<W>, edit: &Edit) -> bool {
        perform(&mut self.writer(core), edit)
    }

    fn remap(&self, core: &mut Core<W>, mappings: &[Mapping]) {
        let counted = core.grace_periods;
        self.unmap_all(&self.words, core);
        for mapping in mappings {
            assert!(self.mmap(core, mapping), "mappings of a plan do not overlap");
        }
        self.forget_unmapped_tables(core);
        // It is no work of the storm.
        core.grace_periods = counted;
    }

    fn waits_by_srcu(&self) -> bool {
        self.words.waits_by_srcu()
    }

    fn drain(&self, core: &mut Core<W>) {
        self.words.drain(self, core);
    }

    fn exit(&self, core: &mut Core<W>) {
        (**self).exit(&self.words, core);
    }

    fn touch(&self, hands: &mut Hands<W>, touch: &TouchPlan, pages: &mut PagesIter, count: u64) {
        if W::IS_TIMED {
            hands.touch_all(self, touch, pages, count);
        } else {
            touch_any(self, hands, touch, pages, count);
        }
    }
}

/// Touches the next `count` pages of a space under any scheme; not inlined, or it would be
/// compiled for each.
#[inline(never)]
fn touch_any<W: Simulated>(
    space: &dyn Faults<W>,
    hands: &mut Hands<W>,
    touch: &TouchPlan,
    pages: &mut PagesIter,
    count: u64,
) {
    hands.touch_all(space, touch, pages, count);
}

/// Does an operation of a writer.
fn perform<W: Simulated>(writer: &mut Writer<'_, W>, edit: &Edit) -> bool {
    W::work(Work::Trap);
    match edit {
        Edit::Mmap(mapping) => writer.mmap(mapping),
        Edit::Munmap(range) => writer.munmap(range),
        Edit::Mprotect(range, writable) => writer.mprotect(range, *writable),
        Edit::MadviseDontneed(range) => writer.madvise_dontneed(range),
        Edit::Mremap(range, second) => {
            let moved = second.0..second.0 + (range.end.0 - range.start.0);
            let moved = Vaddr(moved.start)..Vaddr(moved.end);
            writer.mremap(range, *second) || writer.mremap(&moved, range.start)
        }
        Edit::ExpandStack(end, start) => writer.expand_stack(*end, *start),
        Edit::Truncate(file, pages) => writer.truncate(*file, *pages),
        Edit::Fork => writer.fork(),
    }
}
