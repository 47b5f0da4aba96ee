//! A reference on the VMA for every fault: "a total loss" (Zijlstra, linux-mm,
//! 2021-04-08).
//!
//! *Fault:* the VMA is found under RCU; then its reference count is raised, and
//! lowered when the fault is over: two writes of one line of the VMA, the same for
//! all cores that fault in one huge VMA. The reference keeps the VMA in memory but
//! excludes no writer, so `detached` is checked again before a table is published
//! (under the lock of its parent) and before a pte is (under the page-table lock).
//! *Writers* mark a VMA that they take out as detached before they zap it, and drop
//! the tree's reference. *Collision:* the fault falls back to mmap_lock.
//!
//! For I/O the reference is dropped, the file pinned, and the fault done again: else
//! as complete as the fault under mmap_lock.

use super::{Scheme, Space, Strategy, Traits};
use crate::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use crate::mm::fault::{self, Fallback, Outcome, Protection, PteSlot, Request, Stop, Walk};
use crate::mm::layout::{Layout, Linux7_2};
use crate::mm::vma::{Vma, VmaRef};
use crate::mm::{Config, Core, Mm, locked, stage};
use crate::sync::refcount::RefCount;

static VM_REFCNT: LineName =
    LineName { name: "vma.vm_refcnt", words: ["vm_refcnt", "detached", "", "", "", "", "", ""] };

/// See the module.
pub struct VmaRefcount;

/// The line that it adds to a VMA, apart from what a fault reads, as in Linux 6.15.
pub struct VmaWords<M: Machine>(M::Line);

impl<M: Machine> VmaWords<M> {
    /// References: one of the tree, and those of faults. 0: gone.
    #[inline(always)]
    fn refs(&self) -> RefCount<'_, M> {
        RefCount::new(Word::new(&self.0, 0))
    }

    #[inline(always)]
    fn detached(&self) -> Word<'_, M::Line> {
        Word::new(&self.0, 1)
    }
}

/// A VMA that has a reference of this fault.
struct Referenced<'a, M: Machine> {
    vma: &'a Vma<M>,
    words: &'a VmaWords<M>,
}

impl<'a, M: Machine> Referenced<'a, M> {
    #[inline(always)]
    fn get(space: &'a Space<M, VmaRefcount>, vma: VmaRef<'a, M>) -> Option<Self> {
        let words = space.words_of(vma.id);
        words.refs().get_unless_zero().then_some(()).map(|()| Self { vma: vma.vma, words })
    }

    /// Acquire: pairs with the Release store of the writer, which comes before it takes
    /// any lock under which this is asked.
    #[inline(always)]
    fn check(&self) -> Result<(), Fallback> {
        match self.words.detached().load(Ordering::Acquire) {
            0 => Ok(()),
            _ => Err(Fallback::VmaLockAbort),
        }
    }
}

impl<M: Machine> Drop for Referenced<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        // The VMA is freed after a grace period, whoever drops the last reference.
        self.words.refs().put();
        M::mark(stage::UNLOCK);
    }
}

impl<M: Machine, L: Layout> Protection<M, L> for Referenced<'_, M> {
    type Vma = Vma<M>;
    const ALLOCATES_TABLES: bool = true;
    const WAITS: bool = true;

    #[inline(always)]
    fn vma(&self) -> &Vma<M> {
        self.vma
    }

    fn check_table(&self) -> Result<(), Fallback> {
        self.check()
    }

    fn prepare_anon_vma(&self, mm: &Mm<M, L>) -> Result<(), Fallback> {
        mm.prepare_anon_vma(self.vma);
        Ok(())
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M, L>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        let slot = walk.lock(mm);
        self.check()?;
        Ok(slot)
    }
}

#[inline(always)]
fn attempt<M: Machine>(
    space: &Space<M, VmaRefcount>,
    core: &mut Core<M>,
    request: Request,
) -> Result<Outcome, Stop> {
    // The read section lasts as long as the attempt: tables are freed under RCU too.
    let _section = core.read_section();
    let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
    M::mark(stage::LOOKUP);
    let referenced = Referenced::get(space, vma).ok_or(Fallback::VmaLockMiss)?;
    M::mark(stage::LOCK);
    if !fault::allows(vma.vma, request.access()) {
        return Err(Fallback::AccessError.into());
    }
    fault::handle(space, core, request, &referenced)
}

impl Scheme for VmaRefcount {
    const NAME: &'static str = "vma-refcount";
    const SUMMARY: &'static str = "RCU lookup, then a reference on the VMA for every fault";
    const WHO: &'static str = "\"a total loss\" (Zijlstra 2021)";
    const TRAITS: Traits = Traits {
        shared_writes: "2: the reference, twice",
        sleeps: "no: drops the reference for I/O",
        allocates_tables: "yes",
        falls_back: "VMA detached meanwhile",
        writers_pay: "a new VMA for each change",
    };
}

impl<M: Machine> Strategy<M> for VmaRefcount {
    type Layout = Linux7_2;
    type MmWords = ();
    type VmaWords = VmaWords<M>;
    // Only `detached` tells a fault of a writer.
    const REPLACES_VMAS: bool = true;
    const LOCKS_TABLES: bool = true;

    fn mm_words(_: &Config) {}

    fn vma_words(_: &Config) -> VmaWords<M> {
        VmaWords(M::Line::new(&VM_REFCNT, [0; LINE_WORDS]))
    }

    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, mut request: Request) -> Outcome {
        space.enter_fault();
        loop {
            core.note_attempt();
            match attempt(space, core, request) {
                Ok(outcome) => return outcome,
                Err(stop) => match locked::after(space, core, request, stop) {
                    Ok(outcome) => return outcome,
                    Err(again) => request = again,
                },
            }
        }
    }

    fn attach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        let words = space.words_of(vma.id);
        words.detached().store(0, Ordering::Relaxed);
        words.0.store(0, 1, Ordering::Release);
    }

    fn detach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        let words = space.words_of(vma.id);
        words.detached().store(1, Ordering::Release);
        words.refs().put();
    }
}
