//! Sleepable RCU around the whole fault, and a sequence count in each VMA: Zijlstra's patches
//! of 2014-10 (on 3.18-rc1), and the first versions of Dufour's series of 2017.
//!
//! ```text
//!  fault                                     writer, with mmap_lock held
//!
//!  enter SRCU ------------------+
//!    find the VMA under RCU;    |            count of the tree + 1 (odd) ... + 1 (even)
//!      tree's count unchanged?  |
//!    sample the VMA's count: s  |            count of the VMA + 1: odd
//!    copy its fields            |              change it, or zap its pages under ptl
//!    walk; perhaps sleep        |            count of the VMA + 1: even
//!    interrupts off             |
//!      count still s?           |            munmap: queue the VMA to be freed;
//!      try ptl                  |              free it, and put its file, after
//!      count still s?           |              all sections that are open now
//!      set the pte              |
//!    drop ptl, interrupts on    |
//!  leave SRCU ------------------+
//! ```
//!
//! *Fault:* the section of SRCU keeps the VMA from being freed. The fault may sleep in it, so it
//! waits for a page there and continues afterwards. Before the pte it writes no word that others
//! write: the section costs two full fences and two counts on a line of the core.
//!
//! *Writers* make the count of a VMA odd while they change it or zap its pages. Two writers of one
//! VMA are counted, as its sequence count of 2014 did not. The kernel leaves grace periods to its
//! work queue. Here the writer that queues a VMA, or the next writer, does as much of that work as
//! readers allow, in its own time; the wake-ups and scheduling that the kernel would need are
//! counted. The file of a VMA is put in the callback, when the VMA is freed, as published: after
//! munmap has returned the file may still be open, and a fault may be reading it.
//!
//! *Collision:* the fault is done again under mmap_lock. So are writes to shared mappings, and
//! faults without a page table.
//!
//! Differences from the patches: one RCU read section for each attempt keeps the tables; the
//! patches turn interrupts off for the walk. For I/O nothing is pinned: the section keeps the VMA,
//! and the VMA keeps the file. ptl is tried in a loop that lets interrupts in; the patches of 2014
//! spun for it with interrupts off, and deadlocked with a shootdown.
//!
//! `srcu:tables` allocates tables, which SRCU allows since the fault may sleep (Wilcox, 2021). The
//! count is checked before a table is published, under the lock of the parent table; writers free
//! tables under that lock then.

use super::{FoundVma, PerVma, Scheme, Space, Strategy, Traits, Words};
use machine::{LINE_WORDS, Line, LineName, Machine, Waited, Word};
use mm::fault::{
    self, Access, End, Fallback, FaultRequest, NoticesWriters, Outcome, Protection, PteSlot, Stop,
    Waits, Walk,
};
use mm::hooks::Hooks;
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

/// Sequence counts of the tree and of each VMA, and SRCU with the VMAs that wait for it.
pub struct SrcuWords<M: Machine, const TABLES: bool> {
    tree: M::Line,
    srcu: Srcu<M, VmaId>,
    vmas: PerVma<M::Line>,
}

impl<M: Machine, const TABLES: bool> SrcuWords<M, TABLES> {
    fn tree_seq(&self) -> SeqCount<'_, M> {
        SeqCount::new(Word::new(&self.tree, 0))
    }

    fn sequence(&self, vma: VmaId) -> SeqWriters<'_, M> {
        SeqWriters::new(Word::new(&self.vmas[vma], 0))
    }

    /// Continues grace periods, and frees the VMAs that need not wait any more.
    fn work(&self, mm: &Mm<M>, core: &mut Core<M>) {
        let mut done = Vec::new();
        self.srcu.advance(Home::waiters(mm), &mut done, &mut core.grace_periods);
        for id in done {
            if let Some(file) = mm.vma(id).file() {
                let last = mm.files()[file].refs().put();
                assert!(!last, "the opener keeps the file open");
            }
            core.free_deferred_vma(mm, id);
        }
    }
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
    fn waits(&self) -> Waits {
        Waits::Protected
    }

    #[inline(always)]
    fn vma(&self) -> &VmaCopy {
        self.sequenced.vma()
    }

    fn check_table(&self) -> Result<(), Fallback> {
        self.sequenced.check(Fallback::Pmd)
    }

    #[inline(always)]
    fn check_file(&self) -> Result<(), Fallback> {
        self.sequenced.check(Fallback::Fault)
    }

    /// Tries mmap_lock just for this, since another VMA's `anon_vma` may be shared. With it held
    /// no writer changes or takes out a VMA that is current.
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
        self.sequenced.lock_checked_pte(mm, walk)
    }
}

impl<const TABLES: bool> SrcuFaults<TABLES> {
    /// Finds the VMA of a fault, while no writer changes the tree.
    #[inline(always)]
    fn find<'a, M: Machine>(
        space: &'a Space<M, Self>,
        request: FaultRequest,
    ) -> Result<FoundVma<'a, M, Self>, Fallback> {
        let seq = space.words.tree_seq();
        loop {
            let tree = Word::new(&space.words.tree, 0);
            tree.wait_until::<M>(Waited::TreeLock, |count| count.is_multiple_of(2));
            let Some(at) = seq.begin() else { continue };
            let vma = space.find_vma(request.addr);
            if seq.is_current(at) {
                return vma.ok_or(Fallback::Unmapped);
            }
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

impl<M: Machine, const TABLES: bool> Words<M> for SrcuWords<M, TABLES> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        let line = |name| M::Line::new(name, [0; LINE_WORDS]);
        Self {
            tree: line(&MM_SEQ),
            srcu: Srcu::new(config.cores),
            vmas: PerVma::new(config, || line(&VM_SEQUENCE)),
        }
    }
}

impl<M: Machine, const TABLES: bool> Hooks<M> for SrcuWords<M, TABLES> {
    fn begin_tree(&self, _: &Mm<M>) {
        self.tree_seq().write_begin();
    }

    fn end_tree(&self, _: &Mm<M>) {
        self.tree_seq().write_end();
    }

    fn start_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).begin_write();
    }

    fn end_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).end_write();
    }

    fn attach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).reset();
    }

    fn begin_zap(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).begin_write();
    }

    fn end_zap(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).end_write();
    }

    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        core.note_deferred_vma(mm);
        self.srcu.call(Home::waiters(mm), vma.id, &mut core.grace_periods);
        self.work(mm, core);
    }

    fn reclaim(&self, mm: &Mm<M>, core: &mut Core<M>) {
        self.work(mm, core);
    }

    fn drain(&self, mm: &Mm<M>, core: &mut Core<M>) {
        self.work(mm, core);
    }

    fn locks_tables(&self) -> bool {
        TABLES
    }

    fn defers_fput(&self) -> bool {
        true
    }

    fn waits_by_srcu(&self) -> bool {
        true
    }
}

impl<M: Machine, const TABLES: bool> Strategy<M> for SrcuFaults<TABLES> {
    type Layout = Linux5_12;
    type Words = SrcuWords<M, TABLES>;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let vma = Self::find(space, request)?;
        M::mark(stage::LOOKUP);
        M::point(point::AFTER_LOOKUP);
        let sequenced = Sequenced::copy(&vma, space.words.sequence(vma.id))?;
        let fields = sequenced.vma();
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

    #[inline]
    fn fault(space: &Space<M, Self>, core: &mut Core<M>, mut request: FaultRequest) -> Outcome {
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
            // Else a fault that sleeps for mmap_lock would hold up the grace period that the
            // holder of mmap_lock waits for.
            drop(section);
            M::mark(stage::UNLOCK);
            match locked::after(space, core, request, stop) {
                Ok(outcome) => return outcome,
                Err(again) => request = again,
            }
        }
    }
}
