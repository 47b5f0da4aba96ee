//! A sequence count in each VMA, and a reference on it: Dufour's series of 2017 to 2019
//! (v12 on Linux 5.1; v10 in the variant `rwlock`).
//!
//! *Fault:* the VMA is found under RCU, a reference of it is taken, and a sequence count of
//! the tree says that it was the right one (`rwlock`: the walk and the reference under a
//! reader-writer lock of the space, two writes of its line). Its own sequence count is
//! sampled and its fields are copied. With interrupts off the count is checked before ptl is
//! tried and under it; if ptl is busy, interrupts are let in and it is tried again, without
//! end. *Writers* make the count of a VMA odd while they change it or zap its pages,
//! so a writer elsewhere is not noticed. *Collision:* the fault is done again under
//! mmap_lock, as it is for every file, without a page table, and without an `anon_vma`, even
//! for a read. At `mm_users` 1 there is no speculation.
//!
//! As published, two writers of one count can make it even while both write (`madvise` under
//! mmap_lock held for reading beside truncate): here it counts its writers.

use super::{FoundVma, PerVma, Reference, Scheme, Space, Strategy, Traits, Words, retry};
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use mm::fault::{self, Fallback, FaultRequest, NoticesWriters, Noticing, Outcome, Stop};
use mm::hooks::Hooks;
use mm::kernel::Linux5_12;
use mm::sequenced::Sequenced;
use mm::vma::{VmaFields, VmaId, VmaRef};
use mm::{Config, Core, Mm, locked, point, stage};
use sync::refcount::RefCount;
use sync::rwlock::RwLock;
use sync::seq_writers::SeqWriters;
use sync::seqcount::SeqCount;

static MM_SEQ: LineName =
    LineName { name: "mm.mm_seq", words: ["mm_seq", "mm_rb_lock", "", "", "", "", "", ""] };

static VM_SEQUENCE: LineName = LineName {
    name: "vma.vm_sequence",
    words: ["vm_sequence", "vm_ref_count", "", "", "", "", "", ""],
};

/// See the module. `RWLOCK`: the tree has a reader-writer lock.
pub struct SpeculativeVma<const RWLOCK: bool>;

/// The sequence count or lock of the tree; sequence count and references of each VMA.
pub struct SpeculativeVmaWords<M: Machine, const RWLOCK: bool> {
    tree: M::Line,
    vmas: PerVma<M::Line>,
}

impl<M: Machine, const RWLOCK: bool> SpeculativeVmaWords<M, RWLOCK> {
    fn tree_seq(&self) -> SeqCount<'_, M> {
        SeqCount::new(Word::new(&self.tree, 0))
    }

    fn tree_lock(&self) -> RwLock<'_, M> {
        RwLock::new(Word::new(&self.tree, 1))
    }

    fn sequence(&self, vma: VmaId) -> SeqWriters<'_, M> {
        SeqWriters::new(Word::new(&self.vmas[vma], 0))
    }

    fn refs(&self, vma: VmaId) -> RefCount<'_, M> {
        RefCount::new(Word::new(&self.vmas[vma], 1))
    }
}

/// The VMA of a fault, with a reference on it.
type ReferencedVma<'a, M, const RWLOCK: bool> =
    (FoundVma<'a, M, SpeculativeVma<RWLOCK>>, Reference<RefCount<'a, M>>);

impl<const RWLOCK: bool> SpeculativeVma<RWLOCK> {
    /// Finds the VMA of a fault, and takes a reference on it.
    #[inline(always)]
    fn get<'a, M: Machine>(
        space: &'a Space<M, Self>,
        request: FaultRequest,
    ) -> Result<ReferencedVma<'a, M, RWLOCK>, Fallback> {
        let words = &space.words;
        if RWLOCK {
            let _reading = words.tree_lock().read();
            let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
            let refs = words.refs(vma.id);
            // A writer detaches a VMA before it takes the lock to take it out.
            let got = refs.get_unless_zero().then(|| Reference::new(refs));
            return Ok((vma, got.ok_or(Fallback::VmaLockMiss)?));
        }
        loop {
            let seq = words.tree_seq();
            let at = seq.begin().ok_or(Fallback::Odd)?;
            let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
            let refs = words.refs(vma.id);
            if !refs.get_unless_zero() {
                return Err(Fallback::VmaLockMiss);
            }
            let reference = Reference::new(refs);
            M::point(point::VMA_LOCKED);
            if seq.is_current(at) {
                return Ok((vma, reference));
            }
        }
    }
}

const TRAITS: Traits = Traits {
    shared_writes: "2: the reference, twice",
    sleeps: "no",
    allocates_tables: "no",
    falls_back: "a writer or zap of the VMA; files; no table or anon_vma",
    writers_pay: "counts of tree and VMA, also for a zap",
};

impl Scheme for SpeculativeVma<false> {
    const NAME: &'static str = "speculative-vma";
    const SUMMARY: &'static str =
        "sequence count of the VMA plus a reference on it, checks under ptl";
    const WHO: &'static str = "Dufour 2018-19";
    const TRAITS: Traits = TRAITS;
}

impl Scheme for SpeculativeVma<true> {
    const NAME: &'static str = "speculative-vma:rwlock";
    const SUMMARY: &'static str = "the same, with a reader-writer lock around the walk of the tree";
    const WHO: &'static str = "Dufour 2018, v10";
    const TRAITS: Traits = Traits { shared_writes: "4: tree lock and reference", ..TRAITS };
}

impl<M: Machine, const RWLOCK: bool> Words<M> for SpeculativeVmaWords<M, RWLOCK> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        let line = |name| M::Line::new(name, [0; LINE_WORDS]);
        Self { tree: line(&MM_SEQ), vmas: PerVma::new(config, || line(&VM_SEQUENCE)) }
    }
}

impl<M: Machine, const RWLOCK: bool> Hooks<M> for SpeculativeVmaWords<M, RWLOCK> {
    fn begin_tree(&self, _: &Mm<M>) {
        if RWLOCK { self.tree_lock().write_lock() } else { self.tree_seq().write_begin() }
    }

    fn end_tree(&self, _: &Mm<M>) {
        if RWLOCK { self.tree_lock().write_unlock() } else { self.tree_seq().write_end() }
    }

    fn start_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).begin_write();
    }

    fn end_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).end_write();
    }

    fn attach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).reset();
        self.vmas[vma.id].store(1, 1, Ordering::Release);
    }

    fn detach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.refs(vma.id).put();
    }

    fn begin_zap(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).begin_write();
    }

    fn end_zap(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma.id).end_write();
    }
}

impl<M: Machine, const RWLOCK: bool> Strategy<M> for SpeculativeVma<RWLOCK> {
    type Layout = Linux5_12;
    type Words = SpeculativeVmaWords<M, RWLOCK>;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let (vma, _reference) = Self::get(space, request)?;
        M::mark(stage::LOOKUP);
        M::point(point::AFTER_LOOKUP);
        let sequenced = Sequenced::copy(&vma, space.words.sequence(vma.id))?;
        M::mark(stage::LOCK);
        let fields = sequenced.vma();
        if fields.file().is_some() {
            return Err(Fallback::NoSpeculate.into());
        }
        if !fields.has_anon_vma() {
            return Err(Fallback::AnonVma.into());
        }
        if !fields.contains(request.addr) {
            return Err(Fallback::Unmapped.into());
        }
        if !fault::allows(fields, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &Noticing(&sequenced))
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
