//! A pointer of each core to the VMA in use, which munmap looks for: a hazard pointer
//! (Zijlstra, linux-mm, January 2010).
//!
//! *Fault:* the VMA is found under RCU, its address is stored in a pointer that only this core
//! writes, and a sequence count of the tree says that the VMA was still there. Either the writer
//! that frees the VMA sees the pointer, or the fault sees the change of the tree: each looks
//! after a full fence.
//! Then as in a fault that speculates: the VMA's own sequence count is sampled, fields are
//! copied, the count is checked before ptl is tried and under it, and the pointer is
//! cleared. No line that others write is written. *Writers* make the count of a VMA odd
//! while they change it or zap its pages; the one that frees a VMA looks at the pointers of all
//! cores and waits for those that hold it: a munmap costs more the more cores there are.
//! *Collision:* the fault is done again under mmap_lock, as it is without a page table or an
//! `anon_vma`, for pages that are not cached, and for shared writes.

use super::{FoundVma, PerVma, Scheme, Space, Strategy, Traits, Words};
use machine::{LINE_WORDS, Line, LineName, Machine, Word};
use mm::fault::{self, Access, Fallback, FaultRequest, NoticesWriters, Noticing, Outcome, Stop};
use mm::hooks::Hooks;
use mm::kernel::Linux5_12;
use mm::sequenced::Sequenced;
use mm::vma::{VmaFields, VmaId, VmaRef, flag};
use mm::{Config, Core, Mm, point, stage};
use sync::hazard;
use sync::seq_writers::SeqWriters;
use sync::seqcount::SeqCount;

static MM_SEQ: LineName =
    LineName { name: "mm.mm_seq", words: ["mm_seq", "", "", "", "", "", "", ""] };

static HAZARD: LineName =
    LineName { name: "percpu.hazard", words: ["vma", "", "", "", "", "", "", ""] };

static VM_SEQUENCE: LineName =
    LineName { name: "vma.vm_sequence", words: ["vm_sequence", "", "", "", "", "", "", ""] };

/// See the module.
pub struct HazardPointers;

/// Sequence counts of the tree and of each VMA, and the pointers of cores.
pub struct HazardWords<M: Machine> {
    tree: M::Line,
    /// For each core 1 + the VMA that it uses; 0: none.
    pointers: Box<[M::Line]>,
    vmas: PerVma<M::Line>,
}

impl<M: Machine> HazardWords<M> {
    fn tree_seq(&self) -> SeqCount<'_, M> {
        SeqCount::new(Word::new(&self.tree, 0))
    }

    fn sequence(&self, vma: VmaId) -> SeqWriters<'_, M> {
        SeqWriters::new(Word::new(&self.vmas[vma], 0))
    }
}

/// Handles the fault in a VMA that this core's pointer keeps.
#[inline(always)]
fn fault_in<M: Machine>(
    space: &Space<M, HazardPointers>,
    core: &mut Core<M>,
    request: FaultRequest,
    vma: FoundVma<'_, M, HazardPointers>,
) -> Result<Outcome, Stop> {
    let sequenced = Sequenced::copy(&vma, space.words.sequence(vma.id))?;
    let fields = sequenced.vma();
    let shared_write = request.access() == Access::Write && fields.flags() & flag::SHARED != 0;
    if shared_write {
        return Err(Fallback::NoSpeculate.into());
    }
    if !fields.contains(request.addr) {
        return Err(Fallback::Unmapped.into());
    }
    if !fault::allows(fields, request.access()) {
        return Err(Fallback::AccessError.into());
    }
    fault::handle(space, core, request, &Noticing(&sequenced))
}

impl Scheme for HazardPointers {
    const NAME: &'static str = "hazard";
    const SUMMARY: &'static str =
        "sequence count, and a pointer of each core that munmap looks for";
    const WHO: &'static str = "Zijlstra 2010";
    const TRAITS: Traits = Traits {
        shared_writes: "0",
        sleeps: "no",
        allocates_tables: "no",
        falls_back: "a writer or zap of the VMA; no table, page or anon_vma",
        writers_pay: "a look at every core's pointer to free a VMA",
    };
}

impl<M: Machine> Words<M> for HazardWords<M> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        let line = |name| M::Line::new(name, [0; LINE_WORDS]);
        Self {
            pointers: (0..config.cores).map(|_| line(&HAZARD)).collect(),
            tree: line(&MM_SEQ),
            vmas: PerVma::new(config, || line(&VM_SEQUENCE)),
        }
    }
}

impl<M: Machine> Hooks<M> for HazardWords<M> {
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
        let pointers = self.pointers.iter().map(|line| Word::new(line, 0));
        hazard::wait_until_unused::<M>(pointers, u64::from(vma.id.0));
        core.free_vma_now(mm, vma.id);
    }
}

impl<M: Machine> Strategy<M> for HazardPointers {
    type Layout = Linux5_12;
    type Words = HazardWords<M>;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let seq = space.words.tree_seq();
        let at = seq.begin().ok_or(Fallback::Odd)?;
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        M::mark(stage::LOOKUP);
        let mine = Word::new(&space.words.pointers[M::core()], 0);
        let pointer = hazard::Hazard::<M>::set(mine, u64::from(vma.id.0));
        M::point(point::VMA_LOCKED);
        // Still in the tree: a writer that takes it out from now on sees the pointer.
        if !seq.is_current(at) {
            return Err(Fallback::VmaLockMiss.into());
        }
        M::mark(stage::LOCK);
        M::point(point::AFTER_LOOKUP);
        let result = fault_in(space, core, request, vma);
        M::point(point::BEFORE_EXIT_PUT);
        drop(pointer);
        result
    }
}
