//! A twin of `hazard`: a pointer of each core to the VMA in use, and a munmap that looks for
//! it. The sequence count of a VMA begins anew whenever the VMA is used again, as that of
//! new memory does, so nothing but the pointer keeps a VMA from being another one.

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{self, Fallback, Outcome, Request, Stop};
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::sequenced::Sequenced;
use faultstorm::mm::vma::{VmaFields, VmaRef};
use faultstorm::mm::{Config, Core, locked};
use faultstorm::strategy::{Space, Strategy};
use faultstorm::sync::hazard::{self, Hazard};
use faultstorm::sync::seq_writers::SeqWriters;
use faultstorm::sync::seqcount::SeqCount;

static SEQ: LineName =
    LineName { name: "twin.mm_seq", words: ["mm_seq", "", "", "", "", "", "", ""] };

static POINTER: LineName =
    LineName { name: "twin.hazard", words: ["vma", "", "", "", "", "", "", ""] };

static VM_SEQUENCE: LineName =
    LineName { name: "twin.vm_sequence", words: ["vm_sequence", "", "", "", "", "", "", ""] };

/// `SCANS`: who frees a VMA looks for pointers to it.
pub struct Pointer<const SCANS: bool>;

/// The count of the tree, and the pointers of cores.
pub struct MmWords<M: Machine> {
    seq: M::Line,
    pointers: Box<[M::Line]>,
}

fn sequence<'a, M: Machine, const SCANS: bool>(
    space: &'a Space<M, Pointer<SCANS>>,
    vma: VmaRef<'_, M>,
) -> Word<'a, M::Line> {
    Word::new(space.words_of(vma.id), 0)
}

impl<const SCANS: bool> Pointer<SCANS> {
    fn attempt<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let seq = SeqCount::<M>::new(Word::new(&space.words.seq, 0));
        let at = seq.begin().ok_or(Fallback::Odd)?;
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        let mine = Word::new(&space.words.pointers[M::core()], 0);
        let _pointer = Hazard::<M>::set(mine, u64::from(vma.id.0));
        if !seq.is_current(at) {
            return Err(Fallback::VmaLockMiss.into());
        }
        let count = SeqWriters::new(Word::new(space.words_of(vma.id), 0));
        let sequenced = Sequenced::copy(&vma, count)?;
        if !sequenced.fields().contains(request.addr) {
            return Err(Fallback::Unmapped.into());
        }
        if !fault::allows(sequenced.fields(), request.access()) {
            return Err(Fallback::AccessError.into());
        }
        fault::handle(space, core, request, &sequenced)
    }
}

impl<M: Machine, const SCANS: bool> Strategy<M> for Pointer<SCANS> {
    type Layout = Linux7_2;
    type MmWords = MmWords<M>;
    type VmaWords = M::Line;

    fn mm_words(config: &Config) -> MmWords<M> {
        let line = |name| M::Line::new(name, [0; LINE_WORDS]);
        let pointers = (0..config.cores).map(|_| line(&POINTER)).collect();
        MmWords { seq: line(&SEQ), pointers }
    }

    fn vma_words(_: &Config) -> M::Line {
        M::Line::new(&VM_SEQUENCE, [0; LINE_WORDS])
    }

    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        core.note_attempt();
        Self::attempt(space, core, request).unwrap_or_else(|stop| {
            locked::after(space, core, request, stop).expect("it waits for nothing")
        })
    }

    fn begin_tree(space: &Space<M, Self>) {
        SeqCount::<M>::new(Word::new(&space.words.seq, 0)).write_begin();
    }

    fn end_tree(space: &Space<M, Self>) {
        SeqCount::<M>::new(Word::new(&space.words.seq, 0)).write_end();
    }

    fn start_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        SeqWriters::<M>::new(sequence(space, vma)).begin_write();
    }

    fn end_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        SeqWriters::<M>::new(sequence(space, vma)).end_write();
    }

    fn attach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        sequence(space, vma).store(0, Ordering::Relaxed);
    }

    fn begin_zap(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::start_write(space, vma);
    }

    fn end_zap(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::end_write(space, vma);
    }

    fn free(space: &Space<M, Self>, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        if SCANS {
            let pointers = space.words.pointers.iter().map(|line| Word::new(line, 0));
            hazard::wait_until_unused::<M>(pointers, u64::from(vma.id.0));
        }
        core.free_vma_now(space, vma.id);
    }
}
