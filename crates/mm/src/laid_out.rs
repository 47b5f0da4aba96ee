//! An address space whose layout is known where faults are compiled.

use crate::addr::Vaddr;
use crate::frames::Arena;
use crate::layout::Layout;
use crate::page_cache::File;
use crate::vma::VmaRef;
use crate::{Config, Mm};
use machine::{Line, Machine, Word};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use sync::spinlock::Waiters;

/// An address space in layout `L`: the few fields that every fault reads or writes are where
/// the compiler knows, as they are in a kernel. All else is in [`Mm`], and compiled once for
/// all layouts.
pub struct LaidOut<M: Machine, L: Layout> {
    mm: Mm<M>,
    layout: PhantomData<fn() -> L>,
}

impl<M: Machine, L: Layout> LaidOut<M, L> {
    /// An empty space, with these files in its page cache.
    pub fn new(config: Config, arena: Arc<Arena>, files: Vec<File<M>>) -> Self {
        Self { mm: Mm::new(L::MM, config, arena, files), layout: PhantomData }
    }

    /// The lock that writers take, and faults that nothing else protects.
    #[inline(always)]
    pub fn mmap_lock(&self) -> RwSem<'_, Self> {
        RwSem::new(self)
    }

    /// What every fault does first: the request for mmap_lock's line, where it is on.
    #[inline(always)]
    pub fn enter_fault(&self) {
        if self.config.entry_prefetch || L::MM.entry_prefetch {
            self.lines[L::MM.mmap_count.line].prefetch_w();
        }
    }

    /// See [`Mm::find_vma`].
    #[inline(always)]
    pub fn find_vma(&self, addr: Vaddr) -> Option<VmaRef<'_, M>> {
        self.find_vma_from(self.field(L::MM.mt_root), addr)
    }
}

impl<M: Machine, L: Layout> Deref for LaidOut<M, L> {
    type Target = Mm<M>;

    #[inline(always)]
    fn deref(&self) -> &Mm<M> {
        &self.mm
    }
}

/// mmap_lock, as faults take it.
impl<M: Machine, L: Layout> Home for LaidOut<M, L> {
    type Machine = M;
    #[inline(always)]
    fn count(&self) -> Word<'_, M::Line> {
        self.field(L::MM.mmap_count)
    }

    #[inline(always)]
    fn owner(&self) -> Word<'_, M::Line> {
        self.field(L::MM.mmap_owner)
    }

    #[inline(always)]
    fn queue_line(&self) -> &M::Line {
        &self.lines[L::MM.mmap_queue_line]
    }

    #[inline(always)]
    fn queue_words(&self) -> QueueWords {
        L::MM.mmap_queue
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    #[inline(always)]
    fn waiters(&self) -> &Waiters<M> {
        &self.waiters
    }
}
