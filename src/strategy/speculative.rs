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

use super::{Scheme, Strategy};
use crate::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use crate::mm::fault::{self, Fallback, Outcome, Protection, PteSlot, Request, Stop, Walk};
use crate::mm::vma::{Vma, VmaCopy, VmaFields, flag};
use crate::mm::{Core, Mm, locked, stage};
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

impl<M: Machine, const R: bool> Protection<M, Speculative<R>> for Speculation<'_, M> {
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

    fn prepare_anon_vma(&self, _mm: &Mm<M, Speculative<R>>) -> Result<(), Fallback> {
        Err(Fallback::AnonVma)
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M, Speculative<R>>,
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
        mm: &Mm<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let seq = seq_of(mm);
        let at = seq.begin().ok_or(Fallback::Odd)?;
        M::mark(stage::LOCK);
        let _section = core.read_section();
        let vma = mm.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let copy = if R { copy_referenced(vma)? } else { VmaCopy::of(vma) };
        M::mark(stage::LOOKUP);
        if copy.file().is_some() && copy.flags() & flag::SPECULATE == 0 {
            return Err(Fallback::NoSpeculate.into());
        }
        let speculation = Speculation { vma: copy, seq, at };
        speculation.check(Fallback::VmaCopy)?;
        if !fault::allows(&speculation.vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle::<M, Self, _>(mm, core, request, &speculation)
    }
}

#[inline(always)]
fn seq_of<M: Machine, const R: bool>(mm: &Mm<M, Speculative<R>>) -> SeqCount<'_, M> {
    SeqCount::new(Word::new(&mm.words, 0))
}

#[inline(always)]
fn refs_of<M: Machine, const R: bool>(vma: &Vma<M, Speculative<R>>) -> Option<RefCount<'_, M>> {
    vma.words.as_ref().map(|line| RefCount::new(Word::new(line, 0)))
}

#[inline(always)]
fn copy_referenced<M: Machine, const R: bool>(
    vma: &Vma<M, Speculative<R>>,
) -> Result<VmaCopy, Fallback> {
    let refs = refs_of(vma).expect("the variant has the line");
    if !refs.get_unless_zero() {
        return Err(Fallback::VmaLockMiss);
    }
    let copy = VmaCopy::of(vma);
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
    type MmWords = M::Line;
    /// Only the variant has a count in the VMA.
    type VmaWords = Option<M::Line>;

    fn mm_words() -> M::Line {
        M::Line::new(&MMAP_SEQ, [0; LINE_WORDS])
    }

    fn vma_words() -> Option<M::Line> {
        R.then(|| M::Line::new(&VM_REFCNT, [0; LINE_WORDS]))
    }

    #[inline]
    fn fault(mm: &Mm<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        mm.enter_fault();
        if mm.field(<Self as Strategy<M>>::LAYOUT.mm_users).load(Ordering::Relaxed) == 1 {
            return locked::fault(mm, core, request);
        }
        core.note_attempt();
        let result = Self::attempt(mm, core, request);
        M::mark(stage::UNLOCK);
        match result {
            Ok(outcome) => outcome,
            Err(stop) => locked::after(mm, core, request, stop)
                .expect("speculation waits for nothing, so what it leaves is finished"),
        }
    }

    fn begin(mm: &Mm<M, Self>) {
        seq_of(mm).write_begin();
    }

    fn attach(_mm: &Mm<M, Self>, vma: &Vma<M, Self>) {
        if let Some(line) = &vma.words {
            line.store(0, 1, Ordering::Release);
        }
    }

    fn detach(_mm: &Mm<M, Self>, vma: &Vma<M, Self>) {
        if let Some(refs) = refs_of(vma) {
            refs.put();
        }
    }

    fn end(mm: &Mm<M, Self>) {
        seq_of(mm).write_end();
    }
}
