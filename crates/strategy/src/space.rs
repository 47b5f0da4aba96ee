//! An address space under a strategy.

use super::Strategy;
use machine::{Line, Machine};
use mm::frames::Arena;
use mm::hooks::Hooks;
use mm::page_cache::File;
use mm::vma::{VmaId, VmaRef};
use mm::{Config, Core, LaidOut};
use std::ops::Deref;
use std::sync::Arc;

/// VMAs of three lines in a page of their slab.
const SLAB_VMAS: usize = 4096 / 192;

/// An address space, and the words that strategy `S` adds to it and to its VMAs.
///
/// All that is the same under every strategy is in [`Mm`](mm::Mm), which this derefs to, so that
/// it is compiled once.
pub struct Space<M: Machine, S: Strategy<M>> {
    mm: LaidOut<M, S::Layout>,
    /// The strategy's own in `mm_struct`.
    pub words: S::MmWords,
    vma_words: Box<[S::VmaWords]>,
}

impl<M: Machine, S: Strategy<M>> Space<M, S> {
    /// An empty space, with these files in its page cache.
    pub fn new(config: Config, arena: Arc<Arena>, files: Vec<File<M>>) -> Self {
        let words = S::mm_words(&config);
        let vma_words = (0..config.vmas).map(|_| S::vma_words(&config)).collect();
        let mm = LaidOut::new(config, arena, files);
        let space = Self { mm, words, vma_words };
        if space.kernel().rules.vma_is_aligned {
            space.pair_vmas();
        }
        space
    }

    /// Says which lines of VMAs stand in one block of 128 bytes: that of a reference count
    /// beside the fields of the same VMA, or of the next one.
    fn pair_vmas(&self) {
        let vmas: Vec<u32> = (0..self.vma_words.len() as u32).collect();
        for page in vmas.chunks(SLAB_VMAS) {
            let lines = page.iter().flat_map(|id| {
                let (vma, words) = (self.mm.vma(VmaId(*id)), self.words_of(VmaId(*id)));
                [vma.line(0), vma.line(1), S::third_line(words).or_else(|| vma.line(2))]
            });
            for pair in lines.collect::<Vec<_>>().chunks(2) {
                if let [Some(line), Some(other)] = pair {
                    // SAFETY: all are on the heap, and a space outlives the cores that fault
                    // in it.
                    unsafe { line.pair(other) };
                }
            }
        }
    }

    /// The strategy's own words of a VMA.
    #[inline(always)]
    pub fn words_of(&self, vma: VmaId) -> &S::VmaWords {
        &self.vma_words[vma.0 as usize]
    }
}

impl<M: Machine, S: Strategy<M>> Deref for Space<M, S> {
    type Target = LaidOut<M, S::Layout>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.mm
    }
}

impl<M: Machine, S: Strategy<M>> Hooks<M> for Space<M, S> {
    fn begin(&self) {
        S::begin(self);
    }

    fn end(&self) {
        S::end(self);
    }

    fn start_write(&self, vma: VmaRef<'_, M>) {
        S::start_write(self, vma);
    }

    fn attach(&self, vma: VmaRef<'_, M>) {
        S::attach(self, vma);
    }

    fn detach(&self, vma: VmaRef<'_, M>) {
        S::detach(self, vma);
    }

    fn begin_tree(&self) {
        S::begin_tree(self);
    }

    fn end_tree(&self) {
        S::end_tree(self);
    }

    fn end_write(&self, vma: VmaRef<'_, M>) {
        S::end_write(self, vma);
    }

    fn begin_zap(&self, vma: VmaRef<'_, M>) {
        S::begin_zap(self, vma);
    }

    fn end_zap(&self, vma: VmaRef<'_, M>) {
        S::end_zap(self, vma);
    }

    fn free(&self, core: &mut Core<M>, vma: VmaRef<'_, M>) {
        S::free(self, core, vma);
    }

    fn reclaim(&self, core: &mut Core<M>) {
        S::reclaim(self, core);
    }

    fn drain(&self, core: &mut Core<M>) {
        S::drain(self, core);
    }

    fn replaces_vmas(&self) -> bool {
        S::REPLACES_VMAS
    }

    fn locks_tables(&self) -> bool {
        S::LOCKS_TABLES
    }

    fn defers_fput(&self) -> bool {
        S::DEFERS_FPUT
    }
}
