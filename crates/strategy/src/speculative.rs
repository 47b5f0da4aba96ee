//! Speculation under a sequence count of the whole space: Lespinasse's series of
//! 2021-04-07 (37 patches on v5.12-rc5), files included.
//!
//! *Fault:* the count is sampled, the VMA looked up under RCU and **copied**; then
//! nothing is held. The count is checked after the copy, before the file is called,
//! before the page-table lock is tried (never waited for) and under it. Nothing that
//! other cores read is written before the pte; but `mmap_seq` is right after mmap_lock, as in
//! the series, so its line moves if a kernel prefetches mmap_lock at fault entry. *Writers*
//! make the count odd while they hold mmap_lock for write: any writer in the space aborts all
//! speculation. *Collision:* the fault is done again under
//! mmap_lock, as it is when a page table or an `anon_vma` is missing, when the page
//! is not in the page cache, or when the file system forbids it. At `mm_users` 1 there
//! is no speculation at all.
//!
//! Here one read section spans the attempt; the series enters one for each part. Nothing in it
//! sleeps, and on the host each section would cost an epoch pin.
//!
//! The variant `refcount` takes one reference on the VMA around the copy: the
//! experiment with which its author showed what a reference costs. The variant `fields`
//! makes no copy: each field is read from the VMA when it is needed. Fields that are read one by
//! one may not belong together, so nothing that follows from them has an effect before the
//! count is checked again: a pte under ptl, as always; the end of the file, which needs no ptl,
//! before it is reported. File and kind of a mapping never change.

use super::{PerVma, Scheme, Space, Speculation, Strategy, Traits, Words, retry};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use mm::fault::{End, Fallback, FaultRequest, NoticesWriters, Outcome, Stop};
use mm::hooks::Hooks;
use mm::kernel::{Kernel, Layout, Linux5_12};
use mm::vma::{VmaCopy, VmaId, VmaRef};
use mm::{Config, Core, Mm, locked, point, stage};
use sync::refcount::RefCount;
use sync::seqcount::SeqCount;

static VM_REFCNT: LineName =
    LineName { name: "vma.vm_refcnt", words: ["vm_refcnt", "", "", "", "", "", "", ""] };

/// See the module.
///
/// `REFS`: reference counts that it adds to a VMA, none or one. `COPIES`: it copies the VMA.
pub struct Speculative<const REFS: usize, const COPIES: bool>;

/// The reference count of each VMA. `mmap_seq` is a field of `mm_struct`.
pub struct SpeculativeWords<M: Machine, const REFS: usize>(PerVma<[M::Line; REFS]>);

impl<M: Machine, const REFS: usize> SpeculativeWords<M, REFS> {
    /// The reference count of a VMA, in the variant that has one.
    #[inline(always)]
    fn refs(&self, vma: VmaId) -> Option<RefCount<'_, M>> {
        self.0[vma].first().map(|line| RefCount::new(Word::new(line, 0)))
    }

    #[inline(always)]
    fn copy<L: Layout>(&self, vma: VmaRef<'_, M, L>) -> Result<VmaCopy, Fallback> {
        let refs = self.refs(vma.id);
        if refs.as_ref().is_some_and(|refs| !refs.get_unless_zero()) {
            return Err(Fallback::VmaLockMiss);
        }
        let copy = VmaCopy::of(&vma);
        refs.inspect(|refs| {
            refs.put();
        });
        Ok(copy)
    }
}

/// ptl is never waited for.
type TryingPtl<'a, M, F> = Speculation<'a, M, F, false>;

#[inline(always)]
fn mmap_seq<'a, M: Machine>(mm: &'a Mm<M>, kernel: &Kernel) -> SeqCount<'a, M> {
    SeqCount::new(mm.field(kernel.mm.mmap_seq))
}

const TRAITS: Traits = Traits {
    shared_writes: "0",
    sleeps: "no",
    allocates_tables: "no",
    falls_back: "any writer of the space; no table, page or anon_vma; ptl busy",
    writers_pay: "two stores to the count",
};

impl Scheme for Speculative<0, true> {
    const NAME: &'static str = "speculative";
    const SUMMARY: &'static str =
        "sequence count of the space, RCU, a copy of the VMA, checks under ptl";
    const WHO: &'static str = "Lespinasse 2021, with files";
    const TRAITS: Traits = TRAITS;
}

impl Scheme for Speculative<1, true> {
    const NAME: &'static str = "speculative:refcount";
    const SUMMARY: &'static str = "speculative, with one reference on the VMA around the copy";
    const WHO: &'static str = "Lespinasse 2021, as an experiment";
    const TRAITS: Traits = Traits { shared_writes: "2: the reference, twice", ..TRAITS };
}

impl Scheme for Speculative<0, false> {
    const NAME: &'static str = "speculative:fields";
    const SUMMARY: &'static str = "speculative, with the fields read from the VMA, not a copy";
    const WHO: &'static str = "asked about in the 2021 thread";
    const TRAITS: Traits = TRAITS;
}

impl<M: Machine, const REFS: usize> Words<M> for SpeculativeWords<M, REFS> {
    const VMA_BYTES: usize = size_of::<[M::Line; REFS]>();

    fn new(config: &Config) -> Self {
        let refs = || std::array::from_fn(|_| M::Line::new(&VM_REFCNT, [0; LINE_WORDS]));
        Self(PerVma::new(config, refs))
    }
}

impl<M: Machine, const REFS: usize> Hooks<M> for SpeculativeWords<M, REFS> {
    fn begin(&self, mm: &Mm<M>) {
        mmap_seq(mm, mm.kernel()).write_begin();
    }

    fn attach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        if let Some(line) = self.0[vma.id].first() {
            line.store(0, 1, Ordering::Release);
        }
    }

    fn detach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        if let Some(refs) = self.refs(vma.id) {
            refs.put();
        }
    }

    fn end(&self, mm: &Mm<M>) {
        mmap_seq(mm, mm.kernel()).write_end();
    }
}

impl<M: Machine, const R: usize, const C: bool> Strategy<M> for Speculative<R, C> {
    type Layout = Linux5_12;
    type Words = SpeculativeWords<M, R>;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let seq = mmap_seq(space, space.kernel());
        let at = seq.begin().ok_or(Fallback::Odd)?;
        M::mark(stage::LOCK);
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        if !C {
            let found = TryingPtl::new(&vma, seq, at);
            let outcome = found.handle(space, core, request)?;
            // The pages of a file are counted from fields that may not belong together.
            if outcome.end() == End::Sigbus {
                found.check(Fallback::Fault)?;
            }
            return Ok(outcome);
        }
        let copy = space.words.copy(vma)?;
        M::point(point::AFTER_COPY);
        TryingPtl::new(&copy, seq, at).handle(space, core, request)
    }

    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: FaultRequest) -> Outcome {
        space.enter_fault();
        let users = space.field(space.kernel().mm.mm_users);
        if users.load(Ordering::Relaxed) == 1 {
            return locked::fault(space, core, request);
        }
        retry(space, core, request)
    }
}
