//! A twin of `srcu`: a sequence count of the VMA that is an ordinary one, odd or even, though
//! two may write at a time (as `vm_sequence` of the series of 2017 to 2019).

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{self, Fallback, Outcome, Request, Stop};
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::sequenced::Sequenced;
use faultstorm::mm::vma::{VmaFields, VmaRef};
use faultstorm::mm::{Config, Core, locked, point};
use faultstorm::strategy::{Space, Strategy};
use faultstorm::sync::seq_writers::SeqWriters;

static WORDS: LineName =
    LineName { name: "twin.vm_sequence", words: ["vm_sequence", "", "", "", "", "", "", ""] };

/// Writers below this bit, generations above it, as [`SeqWriters`] has them.
const GENERATION: u64 = 1 << 16;

/// `COUNTS`: how many write is counted. Else each that comes or goes makes an odd count even,
/// and an even one odd.
pub struct Sequence<const COUNTS: bool>;

impl<const COUNTS: bool> Sequence<COUNTS> {
    fn step<M: Machine>(space: &Space<M, Self>, vma: VmaRef<'_, M>, begins: bool) {
        let word = Word::new(space.words_of(vma.id), 0);
        let seq = SeqWriters::<M>::new(word);
        match (COUNTS, begins) {
            (true, true) => seq.begin_write(),
            (true, false) => seq.end_write(),
            (false, _) if word.load(Ordering::Relaxed).is_multiple_of(GENERATION) => {
                word.fetch_add(1, Ordering::AcqRel);
            }
            (false, _) => {
                word.fetch_add(GENERATION - 1, Ordering::AcqRel);
            }
        }
    }

    fn attempt<M: Machine>(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: Request,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        M::point(point::AFTER_LOOKUP);
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

impl<M: Machine, const COUNTS: bool> Strategy<M> for Sequence<COUNTS> {
    type Layout = Linux7_2;
    type MmWords = ();
    type VmaWords = M::Line;

    fn mm_words(_: &Config) {}

    fn vma_words(_: &Config) -> M::Line {
        M::Line::new(&WORDS, [0; LINE_WORDS])
    }

    fn fault(space: &Space<M, Self>, core: &mut Core<M>, request: Request) -> Outcome {
        core.note_attempt();
        Self::attempt(space, core, request).unwrap_or_else(|stop| {
            locked::after(space, core, request, stop).expect("it waits for nothing")
        })
    }

    fn start_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::step(space, vma, true);
    }

    fn end_write(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::step(space, vma, false);
    }

    fn attach(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        SeqWriters::<M>::new(Word::new(space.words_of(vma.id), 0)).reset();
    }

    fn begin_zap(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::step(space, vma, true);
    }

    fn end_zap(space: &Space<M, Self>, vma: VmaRef<'_, M>) {
        Self::step(space, vma, false);
    }
}
