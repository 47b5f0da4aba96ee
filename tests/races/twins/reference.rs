//! Twins of `vma-refcount`, as in Wilcox's twelve steps: VMAs that are replaced, never changed; and
//! a reference that excludes no writer and is kept while a page is waited for, after which the
//! fault continues in the same VMA.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{
    self, Fallback, FaultRequest, Outcome, Protection, PteSlot, Stop, Waits, Walk,
};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::{Layout, Linux7_2};
use faultstorm::mm::vma::VmaRef;
use faultstorm::mm::{Config, Core, Mm};
use faultstorm::strategy::{PerVma, Space, Strategy, Words};
use faultstorm::sync::refcount::RefCount;

static WORDS: LineName =
    LineName { name: "twin.vm_refcnt", words: ["vm_refcnt", "detached", "", "", "", "", "", ""] };

/// No step is missing.
pub const SOUND: u32 = 0;
/// `detached` is not checked under ptl.
pub const NO_CHECK: u32 = 1;
/// Nor is it checked under the lock of the parent table, before a table is published.
pub const NO_TABLE_CHECK: u32 = 2;
/// `detached` is set only after the VMA is out of the tree and its pages are gone.
pub const DETACHES_LATE: u32 = 3;

/// A VMA is freed a grace period after it has left the tree, also if a fault sleeps with a
/// reference.
pub const FREES_EARLY: u32 = 4;

/// References with one step missing.
pub struct Referenced<const STEP: u32>;

/// A VMA on which the fault has a reference.
struct Attached<'a, M: Machine, const STEP: u32> {
    vma: VmaRef<'a, M, Linux7_2>,
    detached: Word<'a, M::Line>,
}

impl<M: Machine, const STEP: u32> Attached<'_, M, STEP> {
    fn check(&self) -> Result<(), Fallback> {
        match self.detached.load(Ordering::Acquire) {
            0 => Ok(()),
            _ => Err(Fallback::VmaLockAbort),
        }
    }
}

impl<'v, M: Machine, const STEP: u32> Protection<M> for Attached<'v, M, STEP> {
    type Vma = VmaRef<'v, M, Linux7_2>;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        true
    }

    #[inline(always)]
    fn waits(&self) -> Waits {
        Waits::Unprotected
    }

    fn vma(&self) -> &VmaRef<'v, M, Linux7_2> {
        &self.vma
    }

    fn check_table(&self) -> Result<(), Fallback> {
        if STEP == NO_TABLE_CHECK { Ok(()) } else { self.check() }
    }

    fn prepare_anon_vma(&self, _: &Mm<M>) -> Result<(), Fallback> {
        Err(Fallback::AnonVma)
    }

    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        let slot = walk.lock(mm);
        if STEP != NO_CHECK {
            self.check()?;
        }
        Ok(slot)
    }
}

impl<const STEP: u32> Referenced<STEP> {
    fn with<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        mut request: FaultRequest,
        attached: &Attached<'_, M, STEP>,
    ) -> Result<Outcome, Stop> {
        if !fault::allows(&attached.vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        loop {
            let section = core.read_section();
            match fault::handle(space, core, request, attached) {
                Err(Stop::Wait) => {
                    drop(section);
                    space.wait(core).expect("a frame is left");
                    request = request.after_wait();
                }
                ended => return ended,
            }
        }
    }
}

/// The references and `detached` of each VMA.
pub struct ReferencedWords<M: Machine, const STEP: u32>(PerVma<M::Line>);

impl<M: Machine, const STEP: u32> ReferencedWords<M, STEP> {
    fn of<L: Layout>(&self, vma: VmaRef<'_, M, L>) -> (RefCount<'_, M>, Word<'_, M::Line>) {
        let line = &self.0[vma.id];
        (RefCount::new(Word::new(line, 0)), Word::new(line, 1))
    }
}

impl<M: Machine, const STEP: u32> ReferencedWords<M, STEP> {
    /// Drops a reference; with the last one the VMA is freed.
    fn put(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        if self.of(vma).0.put() && STEP != FREES_EARLY {
            core.free_vma(mm, vma.id);
        }
    }
}

impl<M: Machine, const STEP: u32> Words<M> for ReferencedWords<M, STEP> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        Self(PerVma::new(config, || M::Line::new(&WORDS, [0; LINE_WORDS])))
    }
}

impl<M: Machine, const STEP: u32> Hooks<M> for ReferencedWords<M, STEP> {
    fn start_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        if STEP != DETACHES_LATE {
            self.of(vma).1.store(1, Ordering::Release);
        }
    }

    fn end_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.of(vma).1.store(0, Ordering::Release);
    }

    fn attach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        let line = &self.0[vma.id];
        line.store(1, 0, Ordering::Relaxed);
        line.store(0, 1, Ordering::Release);
    }

    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        self.put(mm, core, vma);
        if STEP == FREES_EARLY {
            core.free_vma(mm, vma.id);
        }
    }

    fn end_zap(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        if STEP == DETACHES_LATE && self.of(vma).0.count() != 1 {
            self.of(vma).1.store(1, Ordering::Release);
        }
    }

    fn replaces_vmas(&self) -> bool {
        true
    }

    fn locks_tables(&self) -> bool {
        true
    }
}

impl<M: Machine, const STEP: u32> Strategy<M> for Referenced<STEP> {
    type Layout = Linux7_2;
    type Words = ReferencedWords<M, STEP>;

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let (refs, detached) = space.words.of(vma);
        if !refs.get_unless_zero() {
            return Err(Fallback::VmaLockMiss.into());
        }
        drop(section);
        let attached = Attached::<M, STEP> { vma, detached };
        let result = Self::with(space, core, request, &attached);
        space.words.put(space, core, vma.loaded());
        result
    }
}
