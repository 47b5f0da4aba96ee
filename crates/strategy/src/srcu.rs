//! Sleepable RCU around the whole fault, and a sequence count in each VMA: Zijlstra's patches
//! of 2014-10 (on 3.18-rc1), and the first versions of Dufour's series of 2017.
//!
//! *Fault:* a section of SRCU is entered, in which the fault may sleep: it waits for a page
//! there, and goes on in it. The VMA is found under RCU, and a sequence count of the tree says
//! that it was the right one. Its own sequence count is sampled and its fields are copied;
//! with interrupts off the count is looked at before ptl is tried and under it. No word that
//! others write is written before the pte: what the section costs is two full fences and two
//! counts on a line of the core. *Writers* make the count of a VMA odd while they change it
//! or zap its pages; a VMA is freed behind a grace period of SRCU. That is work which the
//! kernel leaves to its work queue, and here the writer who queues it, or the next, goes on
//! with it as far as readers let it: its time is theirs, and what it would have been of
//! wake-ups and scheduling is counted. *Collision:* the fault is done again
//! under mmap_lock, as it is for writes to shared mappings, and without a page table.
//!
//! The file of a VMA is put in the callback, when the VMA is freed, as published: after
//! munmap has returned the file may still be open, and a fault may be reading it.
//! Here tables are kept by one RCU read section for each attempt, where the patches turn
//! interrupts off for the walk; the file is pinned for I/O, as in the common body, though the
//! section would keep it; and ptl is tried in a loop that lets interrupts in, where the
//! patches of 2014 spun for it with interrupts off, and deadlocked with a shootdown.
//! Two writers of one VMA are counted, as its sequence count of 2014 did not.
//!
//! `srcu:tables` allocates tables, which SRCU allows since it lets the fault sleep (Wilcox,
//! 2021). Before one is published the count is looked at under the lock of the parent table,
//! under which writers free tables then.

use super::{Found, Scheme, Space, Strategy, Traits};
use machine::{LINE_WORDS, Line, LineName, Machine, Word};
use mm::fault::{self, Access, End, Fallback, Outcome, Protection, PteSlot, Request, Stop, Walk};
use mm::kernel::Linux5_12;
use mm::locked;
use mm::sequenced::Sequenced;
use mm::vma::{VmaCopy, VmaFields, VmaId, VmaRef, flag};
use mm::{Config, Core, Mm, point, stage};
use sync::rwsem::Home;
use sync::seq_writers::SeqWriters;
use sync::seqcount::SeqCount;
use sync::srcu::Srcu;

static MM_SEQ: LineName =
    LineName { name: "mm.mm_seq", words: ["mm_seq", "", "", "", "", "", "", ""] };

static VM_SEQUENCE: LineName =
    LineName { name: "vma.vm_sequence", words: ["vm_sequence", "", "", "", "", "", "", ""] };

/// See the module. `TABLES`: faults allocate page tables.
pub struct SrcuFaults<const TABLES: bool>;

/// What it adds to a space.
pub struct MmWords<M: Machine> {
    seq: M::Line,
    srcu: Srcu<M, VmaId>,
}

/// A VMA that a section of SRCU keeps, and its fields with their sequence count.
struct Kept<'a, M: Machine, const TABLES: bool> {
    vma: VmaRef<'a, M>,
    sequenced: Sequenced<'a, M>,
}

impl<M: Machine, const TABLES: bool> Protection<M> for Kept<'_, M, TABLES> {
    type Vma = VmaCopy;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        TABLES
    }

    #[inline(always)]
    fn waits(&self) -> bool {
        true
    }

    #[inline(always)]
    fn vma(&self) -> &VmaCopy {
        Protection::<M>::vma(&self.sequenced)
    }

    fn check_table(&self) -> Result<(), Fallback> {
        self.sequenced.check(Fallback::Pmd)
    }

    #[inline(always)]
    fn check_file(&self) -> Result<(), Fallback> {
        self.sequenced.check(Fallback::Fault)
    }

    /// mmap_lock is tried just for this, since another VMA's `anon_vma` may be shared; then
    /// nobody changes or takes out a VMA that is current.
    #[cold]
    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback> {
        let _lock = mm.mmap_lock().try_read().ok_or(Fallback::AnonVma)?;
        self.sequenced.check(Fallback::AnonVma)?;
        mm.prepare_anon_vma(self.vma);
        Ok(())
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        self.sequenced.lock_pte(mm, walk)
    }
}

impl<const TABLES: bool> SrcuFaults<TABLES> {
    fn tree_seq<M: Machine>(space: &Space<M, Self>) -> SeqCount<'_, M> {
        SeqCount::new(Word::new(&space.words.seq, 0))
    }

    fn sequence<M: Machine>(space: &Space<M, Self>, vma: VmaId) -> SeqWriters<'_, M> {
        SeqWriters::new(Word::new(space.words_of(vma), 0))
    }

    /// The VMA of a fault, found while nobody changed the tree.
    #[inline(always)]
    fn find<'a, M: Machine>(
        space: &'a Space<M, Self>,
        request: Request,
    ) -> Result<Found<'a, M, Self>, Fallback> {
        let seq = Self::tree_seq(space);
        loop {
            Word::new(&space.words.seq, 0).spin_until(|count| count.is_multiple_of(2));
            let Some(at) = seq.begin() else { continue };
            let vma = space.find_vma(request.addr);
            if seq.is_current(at) {
                return vma.ok_or(Fallback::Unmapped);
            }
        }
    }

    #[inline(always)]
    fn attempt<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let vma = Self::find(space, request)?;
        M::mark(stage::LOOKUP);
        M::point(point::AFTER_LOOKUP);
        let sequenced = Sequenced::copy(&vma, Self::sequence(space, vma.id))?;
        let fields = sequenced.fields();
        if request.access() == Access::Write && fields.flags() & flag::SHARED != 0 {
            return Err(Fallback::NoSpeculate.into());
        }
        if !fields.contains(request.addr) {
            return Err(Fallback::Unmapped.into());
        }
        if !fault::allows(fields, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &Kept::<M, TABLES> { vma: vma.loaded(), sequenced })
    }

    /// Goes on with grace periods, and frees what need not wait any more.
    fn work<M: Machine>(space: &Space<M, Self>, core: &mut Core<M>) {
        let mut done = Vec::new();
        let costs = &mut core.grace_periods;
        space.words.srcu.advance(Home::waiters(&**space), &mut done, costs);
        for id in done {
            if let Some(file) = space.vma(id).file() {
                let last = space.files()[file].refs().put();
                assert!(!last, "the opener keeps the file open");
            }
            core.free_deferred_vma(space, id);
        }
    }
}

const TRAITS: Traits = Traits {
    shared_writes: "0: two full fences",
    sleeps: "yes, in its section",
    allocates_tables: "no",
    falls_back: "a writer or zap of the VMA; no table; shared writes",
    writers_pay: "counts, grace periods; files are put after munmap",
};

impl Scheme for SrcuFaults<false> {
    const NAME: &'static str = "srcu";
    const SUMMARY: &'static str = "SRCU over the whole fault, I/O too; sequence count of the VMA";
    const WHO: &'static str = "Zijlstra 2014";
    const TRAITS: Traits = TRAITS;
}

impl Scheme for SrcuFaults<true> {
    const NAME: &'static str = "srcu:tables";
    const SUMMARY: &'static str = "the same, and tables are allocated and checked";
    const WHO: &'static str = "Wilcox 2021, as a remark";
    const TRAITS: Traits = Traits {
        allocates_tables: "yes",
        falls_back: "a writer or zap of the VMA; shared writes",
        ..TRAITS
    };
}

impl<M: Machine, const TABLES: bool> Strategy<M> for SrcuFaults<TABLES> {
    type Layout = Linux5_12;
    type MmWords = MmWords<M>;
    type VmaWords = M::Line;
    const LOCKS_TABLES: bool = TABLES;
    const DEFERS_FPUT: bool = true;
    const WAITS_BY_SRCU: bool = true;

    fn mm_words(config: &Config) -> MmWords<M> {
        let seq = M::Line::new(&MM_SEQ, [0; LINE_WORDS]);
        MmWords { seq, srcu: Srcu::new(config.cores) }
    }

    fn vma_words(_: &Config) -> M::Line {
        M::Line::new(&VM_SEQUENCE, [0; LINE_WORDS])
    }

    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, mut request: Request) -> Outcome {
        space.enter_fault();
        loop {
            let section = space.words.srcu.read();
            M::mark(stage::LOCK);
            let stop = loop {
                core.note_attempt();
                match Self::attempt(space, core, request) {
                    Err(Stop::Wait) => {
                        request = request.after_wait();
                        if space.wait(core).is_err() {
                            return locked::failed(request, End::Oom);
                        }
                    }
                    Ok(outcome) => return outcome,
                    Err(stop) => break stop,
                }
            };
            // Whoever sleeps for mmap_lock would hold up the grace period of who holds it.
            drop(section);
            M::mark(stage::UNLOCK);
            match locked::after(space, core, request, stop) {
                Ok(outcome) => return outcome,
                Err(again) => request = again,
            }
        }
    }

    fn begin_tree(space: &Space<M, Self>) {
        Self::tree_seq(space).write_begin();
    }

    fn end_tree(space: &Space<M, Self>) {
        Self::tree_seq(space).write_end();
    }

    fn start_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::sequence(space, vma.id).begin_write();
    }

    fn end_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::sequence(space, vma.id).end_write();
    }

    fn attach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::sequence(space, vma.id).reset();
    }

    fn begin_zap(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::sequence(space, vma.id).begin_write();
    }

    fn end_zap(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::sequence(space, vma.id).end_write();
    }

    fn free(space: &Space<M, Self>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        core.note_deferred_vma(space);
        space.words.srcu.call(Home::waiters(&**space), vma.id, &mut core.grace_periods);
        Self::work(space, core);
    }

    fn reclaim(space: &Space<M, Self>, core: &mut Core<M>) {
        Self::work(space, core);
    }

    fn drain(space: &Space<M, Self>, core: &mut Core<M>) {
        Self::work(space, core);
    }
}
