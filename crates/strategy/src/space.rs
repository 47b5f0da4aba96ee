//! An address space under a scheme.

use super::{Strategy, Words};
use machine::{Line, Machine};
use mm::frames::Arena;
use mm::page_cache::File;
use mm::vma::VmaId;
use mm::writer::Writer;
use mm::{Config, Core, LaidOut};
use std::ops::Deref;
use std::sync::Arc;

/// VMAs of three lines in a page of their slab.
const SLAB_VMAS: usize = 4096 / 192;

/// An address space, and the words that scheme `S` adds to it and to its VMAs.
///
/// [`Mm`](mm::Mm), to which this derefs, holds all that is the same under every scheme, and
/// is compiled once.
pub struct Space<M: Machine, S: Strategy<M>> {
    mm: LaidOut<M, S::Layout>,
    /// The scheme's own words.
    pub words: S::Words,
}

impl<M: Machine, S: Strategy<M>> Space<M, S> {
    /// Makes an empty space, with these files in its page cache.
    pub fn new(config: Config, arena: Arc<Arena>, files: Vec<File<M>>) -> Self {
        let words = S::Words::new(&config);
        let vmas = config.vmas;
        let space = Self { mm: LaidOut::new(config, arena, files), words };
        if space.kernel().rules.vma_is_aligned {
            space.pair_vmas(vmas);
        }
        space
    }

    /// Pairs the lines of VMAs that are in one block of 128 bytes: the line of a reference
    /// count with the fields of the same VMA, or of the next one.
    fn pair_vmas(&self, vmas: u32) {
        let vmas: Vec<u32> = (0..vmas).collect();
        for page in vmas.chunks(SLAB_VMAS) {
            let lines = page.iter().flat_map(|id| {
                let vma = self.mm.vma(VmaId(*id));
                let third = self.words.third_line(vma.id).or_else(|| vma.line(2));
                [vma.line(0), vma.line(1), third]
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

    /// A core that changes mappings of this space.
    pub fn writer<'a>(&'a self, core: &'a mut Core<M>) -> Writer<'a, M> {
        Writer::new(self, &self.words, core)
    }
}

impl<M: Machine, S: Strategy<M>> Deref for Space<M, S> {
    type Target = LaidOut<M, S::Layout>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.mm
    }
}
