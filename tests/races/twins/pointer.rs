//! A twin of `hazard`: each core has a pointer to the VMA that it uses, and munmap searches for it.
//! A VMA's sequence count restarts whenever the VMA is reused, as in new memory, so only the
//! pointer prevents a VMA from becoming another one.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{
    self, Fallback, FaultRequest, NoticesWriters, Noticing, Outcome, Stop,
};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::{Layout, Linux7_2};
use faultstorm::mm::sequenced::Sequenced;
use faultstorm::mm::vma::{VmaFields, VmaRef};
use faultstorm::mm::{Config, Core, Mm};
use faultstorm::strategy::{PerVma, Space, Strategy, Words};
use faultstorm::sync::hazard::{self, Hazard};
use faultstorm::sync::seq_writers::SeqWriters;
use faultstorm::sync::seqcount::SeqCount;

static SEQ: LineName =
    LineName { name: "twin.mm_seq", words: ["mm_seq", "", "", "", "", "", "", ""] };

static POINTER: LineName =
    LineName { name: "twin.hazard", words: ["vma", "", "", "", "", "", "", ""] };

static VM_SEQUENCE: LineName =
    LineName { name: "twin.vm_sequence", words: ["vm_sequence", "", "", "", "", "", "", ""] };

/// `SCANS`: the core that frees a VMA searches for pointers to it.
pub struct Pointer<const SCANS: bool>;

/// The count of the tree, the pointers of cores, and the count of each VMA.
pub struct PointerWords<M: Machine, const SCANS: bool> {
    seq: M::Line,
    pointers: Box<[M::Line]>,
    vmas: PerVma<M::Line>,
}

impl<M: Machine, const SCANS: bool> PointerWords<M, SCANS> {
    fn tree_seq(&self) -> SeqCount<'_, M> {
        SeqCount::new(Word::new(&self.seq, 0))
    }

    fn sequence<L: Layout>(&self, vma: VmaRef<'_, M, L>) -> Word<'_, M::Line> {
        Word::new(&self.vmas[vma.id], 0)
    }
}

impl<M: Machine, const SCANS: bool> Words<M> for PointerWords<M, SCANS> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        let line = |name| M::Line::new(name, [0; LINE_WORDS]);
        let pointers = (0..config.cores).map(|_| line(&POINTER)).collect();
        Self { seq: line(&SEQ), pointers, vmas: PerVma::new(config, || line(&VM_SEQUENCE)) }
    }
}

impl<M: Machine, const SCANS: bool> Hooks<M> for PointerWords<M, SCANS> {
    fn begin_tree(&self, _: &Mm<M>) {
        self.tree_seq().write_begin();
    }

    fn end_tree(&self, _: &Mm<M>) {
        self.tree_seq().write_end();
    }

    fn start_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        SeqWriters::<M>::new(self.sequence(vma)).begin_write();
    }

    fn end_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        SeqWriters::<M>::new(self.sequence(vma)).end_write();
    }

    fn attach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.sequence(vma).store(0, Ordering::Relaxed);
    }

    fn begin_zap(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        self.start_write(mm, vma);
    }

    fn end_zap(&self, mm: &Mm<M>, vma: VmaRef<'_, M>) {
        self.end_write(mm, vma);
    }

    fn free(&self, mm: &Mm<M>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        if SCANS {
            let pointers = self.pointers.iter().map(|line| Word::new(line, 0));
            hazard::wait_until_unused::<M>(pointers, u64::from(vma.id.0));
        }
        core.free_vma_now(mm, vma.id);
    }
}

impl<M: Machine, const SCANS: bool> Strategy<M> for Pointer<SCANS> {
    type Layout = Linux7_2;
    type Words = PointerWords<M, SCANS>;

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let seq = space.words.tree_seq();
        let at = seq.begin().ok_or(Fallback::Odd)?;
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let mine = Word::new(&space.words.pointers[M::core()], 0);
        let _pointer = Hazard::<M>::set(mine, u64::from(vma.id.0));
        if !seq.is_current(at) {
            return Err(Fallback::VmaLockMiss.into());
        }
        let count = SeqWriters::new(space.words.sequence(vma));
        let sequenced = Sequenced::copy(&vma, count)?;
        if !sequenced.vma().contains(request.addr) {
            return Err(Fallback::Unmapped.into());
        }
        if !fault::allows(sequenced.vma(), request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &Noticing(&sequenced))
    }
}
