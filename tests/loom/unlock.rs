//! R15: a writer releases all VMAs at once, by raising `mm_lock_seq`. A reader that finds that a
//! VMA's `vm_lock_seq` differs sees all that the writer has done to the VMA.

use super::{Loom, LoomLine, line, two_cores};
use faultstorm::machine::{Line, Ordering, Word};
use faultstorm::sync::ref_lock::RefLock;
use loom::cell::UnsafeCell;

const MM_LOCK_SEQ: usize = 2;
const VM_LOCK_SEQ: usize = 3;

/// A VMA with a count of its readers.
struct Vma {
    line: LoomLine,
    fields: UnsafeCell<u64>,
}

// SAFETY: loom fails the test if two threads reach the cell at the same time; this is what the
// tests check.
unsafe impl Sync for Vma {}

impl Vma {
    fn new() -> Self {
        let vma = Self { line: line(), fields: UnsafeCell::new(0) };
        vma.count().attach();
        vma.line.store(VM_LOCK_SEQ, 7, Ordering::Relaxed);
        vma
    }

    fn count(&self) -> RefLock<'_, Loom> {
        RefLock::new(Word::new(&self.line, 0), Word::new(&self.line, 1))
    }

    fn is_locked(&self, order: Ordering) -> bool {
        self.line.load(VM_LOCK_SEQ, Ordering::Relaxed) == self.line.load(MM_LOCK_SEQ, order)
    }

    /// Does the steps of `vma_start_write` and `vma_end_write_all`, in their order.
    fn write(&self, end: Ordering) {
        self.line.store(MM_LOCK_SEQ, 1, Ordering::Relaxed);
        assert!(self.count().close());
        self.line.store(VM_LOCK_SEQ, 1, Ordering::Relaxed);
        self.count().open();
        // SAFETY: loom checks that no other core is here.
        self.fields.with_mut(|fields| unsafe { *fields += 1 });
        self.line.store(MM_LOCK_SEQ, 2, end);
    }

    /// Does the steps of `vma_start_read`, in their order.
    fn read(&self, second: Ordering) {
        if self.is_locked(Ordering::Relaxed) || self.count().get().is_err() {
            return;
        }
        if !self.is_locked(second) {
            // SAFETY: loom checks that no core changes them meanwhile.
            self.fields.with(|fields| unsafe { *fields });
        }
        self.count().put();
    }
}

#[test]
fn r15_whoever_sees_a_vma_unlocked_sees_it_whole() {
    let write = |vma: &Vma| vma.write(Ordering::Release);
    two_cores(Vma::new, write, |vma| vma.read(Ordering::Acquire), |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn r15_a_relaxed_look_sees_half_of_it() {
    let write = |vma: &Vma| vma.write(Ordering::Release);
    two_cores(Vma::new, write, |vma| vma.read(Ordering::Relaxed), |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn r15_a_relaxed_unlock_shows_half_of_it() {
    let write = |vma: &Vma| vma.write(Ordering::Relaxed);
    two_cores(Vma::new, write, |vma| vma.read(Ordering::Acquire), |_| {});
}
