//! Speculation under a sequence count of the whole space: Lespinasse's series of
//! 2021-04-07 (37 patches on v5.12-rc5), files included.
//!
//! *Fault:* the count is sampled, the VMA looked up under RCU and **copied**; then
//! nothing is held. The count is checked after the copy, before the file is called,
//! before the page-table lock is tried (never waited for) and under it. Nothing that
//! other cores read is written before the pte, so faults do not move a line between
//! them. *Writers* make the count odd while they hold mmap_lock for write: any writer
//! in the space aborts all speculation. *Collision:* the fault is done again under
//! mmap_lock, as it is when a page table or an `anon_vma` is missing, when the page
//! is not in the page cache, or when the file system forbids it. At `mm_users` 1 there
//! is no speculation at all.
//!
//! Here one read section spans the attempt, where the series enters one for each part:
//! what must not sleep does not, and on the host an epoch pin has a price.
//!
//! The variant `refcount` takes one reference on the VMA around the copy: the
//! experiment with which its author showed what a reference costs.

use super::{Scheme, Space, Strategy};
use crate::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use crate::mm::fault::{self, Fallback, Outcome, Protection, PteSlot, Request, Stop, Walk};
use crate::mm::layout::{Layout, Linux7_2};
use crate::mm::vma::{VmaCopy, VmaFields, VmaId, VmaRef, flag};
use crate::mm::{Config, Core, Mm, locked, stage};
use crate::sync::refcount::RefCount;
use crate::sync::seqcount::SeqCount;

static MMAP_SEQ: LineName =
    LineName { name: "mm.mmap_seq", words: ["mmap_seq", "", "", "", "", "", "", ""] };

static VM_REFCNT: LineName =
    LineName { name: "vma.vm_refcnt", words: ["vm_refcnt", "", "", "", "", "", "", ""] };

/// See the module.
pub struct Speculative<const REFCOUNT: bool = false>;

/// A copy of a VMA, and the count at which it was taken.
struct Speculation<'a, M: Machine> {
    vma: VmaCopy,
    seq: SeqCount<'a, M>,
    at: u64,
}

impl<M: Machine> Speculation<'_, M> {
    #[inline(always)]
    fn check(&self, reason: Fallback) -> Result<(), Fallback> {
        if self.seq.is_current(self.at) { Ok(()) } else { Err(reason) }
    }
}

impl<M: Machine, L: Layout> Protection<M, L> for Speculation<'_, M> {
    type Vma = VmaCopy;
    const ALLOCATES_TABLES: bool = false;
    const WAITS: bool = false;

    #[inline(always)]
    fn vma(&self) -> &VmaCopy {
        &self.vma
    }

    #[inline(always)]
    fn check_file(&self) -> Result<(), Fallback> {
        self.check(Fallback::Fault)
    }

    fn prepare_anon_vma(&self, _mm: &Mm<M, L>) -> Result<(), Fallback> {
        Err(Fallback::AnonVma)
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M, L>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        self.check(Fallback::PteMapLockSeq1)?;
        let slot = walk.try_lock(mm)?;
        self.check(Fallback::PteMapLockSeq2)?;
        Ok(Some(slot))
    }
}

impl<const R: bool> Speculative<R> {
    #[inline(always)]
    fn attempt<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let seq = seq_of(space);
        let at = seq.begin().ok_or(Fallback::Odd)?;
        M::mark(stage::LOCK);
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let copy = if R { copy_referenced(space, vma)? } else { VmaCopy::of(vma.vma) };
        M::mark(stage::LOOKUP);
        if copy.file().is_some() && copy.flags() & flag::SPECULATE == 0 {
            return Err(Fallback::NoSpeculate.into());
        }
        let speculation = Speculation { vma: copy, seq, at };
        speculation.check(Fallback::VmaCopy)?;
        if !fault::allows(&speculation.vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &speculation)
    }
}

#[inline(always)]
fn seq_of<M: Machine, const R: bool>(space: &Space<M, Speculative<R>>) -> SeqCount<'_, M> {
    SeqCount::new(Word::new(&space.words, 0))
}

#[inline(always)]
fn refs_of<M: Machine, const R: bool>(
    space: &Space<M, Speculative<R>>,
    vma: VmaId,
) -> Option<RefCount<'_, M>> {
    space.words_of(vma).as_ref().map(|line| RefCount::new(Word::new(line, 0)))
}

#[inline(always)]
fn copy_referenced<M: Machine, const R: bool>(
    space: &Space<M, Speculative<R>>,
    vma: VmaRef<'_, M>,
) -> Result<VmaCopy, Fallback> {
    let refs = refs_of(space, vma.id).expect("the variant has the line");
    if !refs.get_unless_zero() {
        return Err(Fallback::VmaLockMiss);
    }
    let copy = VmaCopy::of(vma.vma);
    refs.put();
    Ok(copy)
}

impl Scheme for Speculative<false> {
    const NAME: &'static str = "speculative";
    const SUMMARY: &'static str =
        "sequence count of the space, RCU, a copy of the VMA, checks under ptl";
    const WHO: &'static str = "Lespinasse 2021, with files";
}

impl Scheme for Speculative<true> {
    const NAME: &'static str = "speculative:refcount";
    const SUMMARY: &'static str = "speculative, with one reference on the VMA around the copy";
    const WHO: &'static str = "Lespinasse 2021, as an experiment";
}

impl<M: Machine, const R: bool> Strategy<M> for Speculative<R> {
    type Layout = Linux7_2;
    type MmWords = M::Line;
    /// Only the variant has a count in the VMA.
    type VmaWords = Option<M::Line>;

    fn mm_words(_: &Config) -> M::Line {
        M::Line::new(&MMAP_SEQ, [0; LINE_WORDS])
    }

    fn vma_words() -> Option<M::Line> {
        R.then(|| M::Line::new(&VM_REFCNT, [0; LINE_WORDS]))
    }

    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        space.enter_fault();
        let users = space.field(<Self as Strategy<M>>::Layout::MM.mm_users);
        if users.load(Ordering::Relaxed) == 1 {
            return locked::fault(space, core, request);
        }
        core.note_attempt();
        let result = Self::attempt(space, core, request);
        M::mark(stage::UNLOCK);
        match result {
            Ok(outcome) => outcome,
            Err(stop) => locked::after(space, core, request, stop)
                .expect("speculation waits for nothing, so what it leaves is finished"),
        }
    }

    fn begin(space: &Space<M, Self>) {
        seq_of(space).write_begin();
    }

    fn attach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        if let Some(line) = space.words_of(vma.id) {
            line.store(0, 1, Ordering::Release);
        }
    }

    fn detach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        if let Some(refs) = refs_of(space, vma.id) {
            refs.put();
        }
    }

    fn end(space: &Space<M, Self>) {
        seq_of(space).write_end();
    }
}
