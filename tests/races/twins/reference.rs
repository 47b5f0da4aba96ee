//! Twins of `vma-refcount`, as Wilcox's twelve steps had it: VMAs that are replaced, never
//! changed; a reference that excludes no writer and is kept while a page is waited for, after
//! which the fault goes on in the same VMA.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{self, Fallback, Outcome, Protection, PteSlot, Request, Stop, Walk};
use faultstorm::mm::kernel::{Layout, Linux7_2};
use faultstorm::mm::vma::VmaRef;
use faultstorm::mm::{Config, Core, Mm, locked};
use faultstorm::strategy::{Space, Strategy};
use faultstorm::sync::refcount::RefCount;

static WORDS: LineName =
    LineName { name: "twin.vm_refcnt", words: ["vm_refcnt", "detached", "", "", "", "", "", ""] };

/// No step is missing.
pub const SOUND: u32 = 0;
/// `detached` is not looked at under ptl.
pub const NO_CHECK: u32 = 1;
/// Nor under the lock of the parent table, before a table is published.
pub const NO_TABLE_CHECK: u32 = 2;
/// `detached` is set when the VMA is out of the tree and its pages are gone.
pub const DETACHES_LATE: u32 = 3;

/// References with a step that is missing.
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
    fn waits(&self) -> bool {
        true
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
    fn attempt<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let (refs, detached) = words(space, vma);
        if !refs.get_unless_zero() {
            return Err(Fallback::VmaLockMiss.into());
        }
        drop(section);
        let attached = Attached::<M, STEP> { vma, detached };
        let result = Self::with(space, core, request, &attached);
        refs.put();
        result
    }

    fn with<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        mut request: Request,
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

fn words<'a, M: Machine, L: Layout, const STEP: u32>(
    space: &'a Space<M, Referenced<STEP>>,
    vma: VmaRef<'a, M, L>,
) -> (RefCount<'a, M>, Word<'a, M::Line>) {
    let line = space.words_of(vma.id);
    (RefCount::new(Word::new(line, 0)), Word::new(line, 1))
}

impl<M: Machine, const STEP: u32> Strategy<M> for Referenced<STEP> {
    type Layout = Linux7_2;
    type MmWords = ();
    type VmaWords = M::Line;
    const REPLACES_VMAS: bool = true;
    const LOCKS_TABLES: bool = true;

    fn mm_words(_: &Config) {}

    fn vma_words(_: &Config) -> M::Line {
        M::Line::new(&WORDS, [0; LINE_WORDS])
    }

    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        core.note_attempt();
        Self::attempt(space, core, request).unwrap_or_else(|stop| {
            locked::after(space, core, request, stop).expect("it has waited by itself")
        })
    }

    fn start_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        if STEP != DETACHES_LATE {
            words(space, vma).1.store(1, Ordering::Release);
        }
    }

    fn end_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        words(space, vma).1.store(0, Ordering::Release);
    }

    fn attach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        let line = space.words_of(vma.id);
        line.store(1, 0, Ordering::Relaxed);
        line.store(0, 1, Ordering::Release);
    }

    fn detach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        words(space, vma).0.put();
    }

    fn end_zap(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        if STEP == DETACHES_LATE && words(space, vma).0.count() != 1 {
            words(space, vma).1.store(1, Ordering::Release);
        }
    }
}
