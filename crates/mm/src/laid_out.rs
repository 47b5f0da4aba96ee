//! An address space whose layout is known when faults are compiled.

use crate::addr::Vaddr;
use crate::frames::Arena;
use crate::kernel::{Kernel, Layout};
use crate::page_cache::File;
use crate::vma::VmaRef;
use crate::{Config, Mm, queue_words};
use machine::{Line, Machine, RwNames, Word};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use sync::rwsem::{Home, QueueWords, RwSem, WaitQueue};
use sync::spinlock::Waiters;

/// An address space in layout `L`: the compiler knows the places of the few fields that every fault
/// reads or writes, as it does in a kernel. Everything else is in [`Mm`], and is compiled once for
/// all layouts.
pub struct LaidOut<M: Machine, L: Layout> {
    mm: Mm<M>,
    layout: PhantomData<fn() -> L>,
}

impl<M: Machine, L: Layout> LaidOut<M, L> {
    /// Creates an empty space, with these files in its page cache.
    ///
    /// # Panics
    /// If code is timed and the kernel is not the one that the compiler knows; or if neither the
    /// configuration nor the layout names a kernel.
    pub fn new(config: Config, arena: Arc<Arena>, files: Vec<File<M>>) -> Self {
        let kernel = config.kernel.or(L::KERNEL).expect("a space is in some kernel");
        let known = L::known::<M>(kernel);
        assert_eq!(known.name, kernel.name, "timed code is compiled for one kernel");
        Self { mm: Mm::new(kernel, config, arena, files), layout: PhantomData }
    }

    /// Returns the kernel of the space.
    #[inline(always)]
    pub fn kernel(&self) -> &'static Kernel {
        L::known::<M>(self.mm.kernel)
    }

    /// Returns the lock of writers, and of faults that nothing else protects.
    #[inline(always)]
    pub fn mmap_lock(&self) -> RwSem<'_, Self> {
        RwSem::new(self)
    }

    /// Begins a fault: prefetches the line of mmap_lock for writing, if that is on.
    #[inline(always)]
    pub fn enter_fault(&self) {
        let kernel = self.kernel();
        if self.config.entry_prefetch || kernel.rules.entry_prefetch {
            self.lines[kernel.mm.mmap_count.line].prefetch_w();
        }
    }

    /// See [`Mm::find_vma`].
    #[inline(always)]
    pub fn find_vma(&self, addr: Vaddr) -> Option<VmaRef<'_, M, L>> {
        self.find_vma_in(addr)
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
    fn names(&self) -> RwNames {
        RwNames::MMAP_LOCK
    }

    #[inline(always)]
    fn count(&self) -> Word<'_, M::Line> {
        self.field(self.kernel().mm.mmap_count)
    }

    #[inline(always)]
    fn owner(&self) -> Word<'_, M::Line> {
        self.field(self.kernel().mm.mmap_owner)
    }

    #[inline(always)]
    fn reader_clears_owner(&self) -> bool {
        L::known::<M>(self.kernel).rules.reader_clears_owner
    }

    #[inline(always)]
    fn queue_line(&self) -> &M::Line {
        &self.lines[self.kernel().mm.mmap_queue.line]
    }

    #[inline(always)]
    fn queue_words(&self) -> QueueWords {
        queue_words(self.kernel().mm.mmap_queue)
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    #[inline(always)]
    fn waiters(&self) -> &Waiters<M> {
        &self.waiters
    }
}
