//! A twin of `srcu`: an ordinary sequence count of the VMA, odd or even, although two may write at
//! a time (as `vm_sequence` in the series of 2017 to 2019).

use faultstorm::machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Word};
use faultstorm::mm::fault::{
    self, Fallback, FaultRequest, NoticesWriters, Noticing, Outcome, Stop,
};
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::{Layout, Linux7_2};
use faultstorm::mm::sequenced::Sequenced;
use faultstorm::mm::vma::{VmaFields, VmaRef};
use faultstorm::mm::{Config, Core, Mm, point};
use faultstorm::strategy::{PerVma, Space, Strategy, Words};
use faultstorm::sync::seq_writers::SeqWriters;

static WORDS: LineName =
    LineName { name: "twin.vm_sequence", words: ["vm_sequence", "", "", "", "", "", "", ""] };

/// Writers are below this bit, generations above it, as in [`SeqWriters`].
const GENERATION: u64 = 1 << 16;

/// `COUNTS`: the number of writers is counted. Otherwise each writer that begins or ends makes an
/// odd count even, or an even one odd.
pub struct Sequence<const COUNTS: bool>;

/// The count of each VMA.
pub struct SequenceWords<M: Machine, const COUNTS: bool>(PerVma<M::Line>);

impl<M: Machine, const COUNTS: bool> SequenceWords<M, COUNTS> {
    fn word<L: Layout>(&self, vma: VmaRef<'_, M, L>) -> Word<'_, M::Line> {
        Word::new(&self.0[vma.id], 0)
    }

    fn step(&self, vma: VmaRef<'_, M>, begins: bool) {
        let word = self.word(vma);
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
}

impl<M: Machine, const COUNTS: bool> Words<M> for SequenceWords<M, COUNTS> {
    const VMA_BYTES: usize = size_of::<M::Line>();

    fn new(config: &Config) -> Self {
        Self(PerVma::new(config, || M::Line::new(&WORDS, [0; LINE_WORDS])))
    }
}

impl<M: Machine, const COUNTS: bool> Hooks<M> for SequenceWords<M, COUNTS> {
    fn start_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.step(vma, true);
    }

    fn end_write(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.step(vma, false);
    }

    fn attach(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        SeqWriters::<M>::new(self.word(vma)).reset();
    }

    fn begin_zap(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.step(vma, true);
    }

    fn end_zap(&self, _: &Mm<M>, vma: VmaRef<'_, M>) {
        self.step(vma, false);
    }
}

impl<M: Machine, const COUNTS: bool> Strategy<M> for Sequence<COUNTS> {
    type Layout = Linux7_2;
    type Words = SequenceWords<M, COUNTS>;

    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let _section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        M::point(point::AFTER_LOOKUP);
        let count = SeqWriters::new(space.words.word(vma));
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
