//! A simulated address space as a storm uses it, under any scheme.

use super::order::PagesIter;
use super::platform::Platform;
use super::steps::{TouchPlan, WriterOp};
use super::target::Toucher;
use machine::{Machine, Work};
use mm::Core;
use mm::addr::Vaddr;
use mm::fault::{FaultRequest, Outcome};
use mm::frames::Arena;
use mm::hooks::Hooks;
use mm::page_cache::File;
use mm::prefault;
use mm::vma::Mapping;
use mm::writer::Writer;
use mm::{Config, Mm};
use std::sync::Arc;
use strategy::{Space, Strategy};

/// A simulated address space under storm. A call covers a batch of touches or more, so that the
/// loops of a storm are compiled once for each platform and not for each scheme.
pub trait SimulatedSpace<W: Platform + Machine>: Send + Sync {
    /// Returns the space, without its scheme.
    fn mm(&self) -> &Mm<W>;
    /// Handles a fault from beginning to end.
    fn fault(&self, core: &mut Core<W>, request: FaultRequest) -> Outcome;
    /// Makes a mapping; false if something is mapped there.
    fn mmap(&self, core: &mut Core<W>, mapping: &Mapping) -> bool;
    /// Does an operation of a writer; false if there was nothing to do.
    fn edit(&self, core: &mut Core<W>, edit: &WriterOp) -> bool;
    /// Takes all VMAs out, and makes `mappings` again; their page tables stay. No core faults.
    fn remap(&self, core: &mut Core<W>, mappings: &[Mapping]);
    /// Returns true if VMAs wait for grace periods of SRCU, whose costs cores count.
    fn waits_by_srcu(&self) -> bool;
    /// Frees objects that wait for faults to end. No core may fault.
    fn drain(&self, core: &mut Core<W>);
    /// Unmaps everything, and empties the page cache.
    fn exit(&self, core: &mut Core<W>);
    /// Touches the next `count` pages.
    fn touch(&self, by: &mut Toucher<W>, touch: &TouchPlan, pages: &mut PagesIter, count: u64);
}

/// Makes an empty space, with these files in its page cache.
pub type MakeSpace<W> = fn(Config, Arc<Arena>, Vec<File<W>>) -> Box<dyn SimulatedSpace<W>>;

/// Makes a space under `S`.
pub fn make<W: Platform + Machine, S: Strategy<W>>(
    config: Config,
    arena: Arc<Arena>,
    files: Vec<File<W>>,
) -> Box<dyn SimulatedSpace<W>> {
    Box::new(Space::<W, S>::new(config, arena, files))
}

impl<W: Platform + Machine, S: Strategy<W>> SimulatedSpace<W> for Space<W, S> {
    #[inline(always)]
    fn mm(&self) -> &Mm<W> {
        self
    }

    #[inline(always)]
    fn fault(&self, core: &mut Core<W>, request: FaultRequest) -> Outcome {
        S::fault(self, core, request)
    }

    fn mmap(&self, core: &mut Core<W>, mapping: &Mapping) -> bool {
        self.writer(core).mmap(mapping)
    }

    fn edit(&self, core: &mut Core<W>, edit: &WriterOp) -> bool {
        if let WriterOp::MadvisePopulate(range, access) = edit {
            W::work(Work::Trap);
            return prefault::populate(self, core, range, *access);
        }
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

    fn touch(&self, by: &mut Toucher<W>, touch: &TouchPlan, pages: &mut PagesIter, count: u64) {
        if W::IS_TIMED {
            by.touch_all(self, touch, pages, count);
        } else {
            touch_any(self, by, touch, pages, count);
        }
    }
}

/// Touches the next `count` pages of a space under any scheme; not inlined, or it would be
/// compiled for each.
#[inline(never)]
fn touch_any<W: Platform + Machine>(
    space: &dyn SimulatedSpace<W>,
    by: &mut Toucher<W>,
    touch: &TouchPlan,
    pages: &mut PagesIter,
    count: u64,
) {
    by.touch_all(space, touch, pages, count);
}

/// Does an operation of a writer.
fn perform<W: Platform + Machine>(writer: &mut Writer<'_, W>, edit: &WriterOp) -> bool {
    W::work(Work::Trap);
    match edit {
        WriterOp::Mmap(mapping) => writer.mmap(mapping),
        WriterOp::Munmap(range) => writer.munmap(range),
        WriterOp::Mprotect(range, writable) => writer.mprotect(range, *writable),
        WriterOp::MadviseDontneed(range) => writer.madvise_dontneed(range),
        WriterOp::MadviseFree(range) => writer.madvise_free(range),
        WriterOp::MadviseReads(range, advice) => writer.madvise_reads(range, *advice),
        WriterOp::Mincore(range) => writer.mincore(range),
        WriterOp::MadvisePopulate(..) => unreachable!("it faults, which needs the whole space"),
        WriterOp::NumaScan(range) => writer.numa_scan(range),
        WriterOp::Mremap(range, second) => {
            let moved = second.0..second.0 + (range.end.0 - range.start.0);
            let moved = Vaddr(moved.start)..Vaddr(moved.end);
            writer.mremap(range, *second) || writer.mremap(&moved, range.start)
        }
        WriterOp::ExpandStack(end, start) => writer.expand_stack(*end, *start),
        WriterOp::Truncate(file, pages) => writer.truncate(*file, *pages),
        WriterOp::Fork => writer.fork(),
        WriterOp::Smaps => writer.smaps(),
    }
}
