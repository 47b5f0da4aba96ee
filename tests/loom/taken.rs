//! Protection of an object that a writer removes or changes while readers use it: the protocols
//! that schemes have for VMAs. Readers access the object only if its protocol permits it.

use super::{Loom, LoomLine, line, on_cores, read_copy, two_cores};
use faultstorm::machine::{Line, Ordering, Word};
use faultstorm::sync::grace_costs::GraceCosts;
use faultstorm::sync::hazard::{self, Hazard};
use faultstorm::sync::ref_lock::RefLock;
use faultstorm::sync::rwlock::RwLock;
use faultstorm::sync::seq_writers::SeqWriters;
use faultstorm::sync::seqcount::SeqCount;
use faultstorm::sync::spinlock::Waiters;
use faultstorm::sync::srcu::Srcu;
use loom::cell::UnsafeCell;
use loom::sync::atomic::fence;
use loom::thread;

/// An object, a mark if it can be found, and a reader's own line.
struct Taken {
    line: LoomLine,
    own: LoomLine,
    object: UnsafeCell<u64>,
}

// SAFETY: as for `Spun`.
unsafe impl Sync for Taken {}

/// Word of [`Taken::line`]: 1 if the object can be found.
const FOUND: usize = 2;

impl Taken {
    /// Creates an object that can be found.
    fn new() -> Self {
        let line = line();
        line.store(FOUND, 1, Ordering::Relaxed);
        Self { line, own: self::line(), object: UnsafeCell::new(0) }
    }

    fn use_it(&self) {
        // SAFETY: loom checks that no core changes it meanwhile.
        self.object.with(|object| unsafe { *object });
    }

    fn change_it(&self) {
        // SAFETY: loom checks that no other core is here.
        self.object.with_mut(|object| unsafe { *object += 1 });
    }

    fn count(&self) -> RefLock<'_, Loom> {
        RefLock::new(Word::new(&self.line, 0), Word::new(&self.line, 1))
    }

    fn attached() -> Self {
        let taken = Self::new();
        taken.count().attach();
        taken
    }

    fn read_by_count(&self) {
        if self.count().get().is_ok() {
            self.use_it();
            self.count().put();
        }
    }

    fn seq(&self) -> SeqCount<'_, Loom> {
        SeqCount::new(Word::new(&self.line, 0))
    }

    fn take_out(&self) {
        self.seq().write_begin();
        self.line.store(FOUND, 0, Ordering::Relaxed);
        self.seq().write_end();
    }

    fn free_when_unused(&self) {
        self.take_out();
        hazard::wait_until_unused::<Loom>(std::iter::once(Word::new(&self.own, 0)), 3);
        self.change_it();
    }
}

// A count that a writer can close (`vm_refcnt`): the writer is alone, and readers see its stores.

#[test]
fn the_closer_of_a_count_is_alone() {
    let write = |taken: &Taken| {
        assert!(taken.count().close());
        taken.change_it();
        taken.count().open();
    };
    let free = |taken: &Taken| assert_eq!(taken.line.load(0, Ordering::Relaxed), 1);
    on_cores(Taken::attached, write, vec![Taken::read_by_count, Taken::read_by_count], free);
}

#[test]
fn a_detach_waits_for_strays_and_an_attach_publishes() {
    let write = |taken: &Taken| {
        taken.count().detach();
        taken.change_it();
        taken.count().attach();
    };
    on_cores(Taken::attached, write, vec![Taken::read_by_count, Taken::read_by_count], |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_detach_without_a_wait_meets_a_stray() {
    let write = |taken: &Taken| {
        taken.line.fetch_sub(0, 1, Ordering::AcqRel);
        taken.change_it();
    };
    two_cores(Taken::attached, write, Taken::read_by_count, |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_put_lets_the_writer_in_too_early() {
    let write = |taken: &Taken| {
        assert!(taken.count().close());
        taken.change_it();
    };
    let read = |taken: &Taken| {
        if taken.count().get().is_ok() {
            taken.use_it();
            taken.line.fetch_sub(0, 1, Ordering::Relaxed);
        }
    };
    two_cores(Taken::attached, write, read, |_| {});
}

// A hazard pointer: a core announces its use of an object before the freeing core reads the
// pointers.

fn find_and<'a>(taken: &'a Taken, set: fn(Word<'a, LoomLine>), is_current: bool) {
    let Some(at) = taken.seq().begin() else { return };
    if taken.line.load(FOUND, Ordering::Relaxed) == 1 {
        set(Word::new(&taken.own, 0));
        if !is_current || taken.seq().is_current(at) {
            taken.use_it();
        }
        taken.own.store(0, 0, Ordering::Release);
    }
}

fn say(pointer: Word<'_, LoomLine>) {
    std::mem::forget(Hazard::<Loom>::set(pointer, 3));
}

#[test]
fn hazard_who_frees_sees_the_pointer_or_is_seen() {
    let read = |taken: &Taken| find_and(taken, say, true);
    two_cores(Taken::new, Taken::free_when_unused, read, |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn hazard_without_its_fence_a_pointer_is_seen_too_late() {
    let read = |taken: &Taken| {
        find_and(taken, |pointer| pointer.store(4, Ordering::Release), true);
    };
    two_cores(Taken::new, Taken::free_when_unused, read, |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn hazard_without_a_second_look_what_is_said_may_be_gone() {
    let read = |taken: &Taken| find_and(taken, say, false);
    two_cores(Taken::new, Taken::free_when_unused, read, |_| {});
}

// A sequence count of several writers (`vm_sequence`): no copy is torn while one of them writes.

fn write_with<const COUNTED: bool>(data: &LoomLine, store: bool) {
    let seq = SeqWriters::<Loom>::new(Word::new(data, 0));
    let ordinary = || {
        data.fetch_add(0, 1, Ordering::Relaxed);
        fence(Ordering::Release);
    };
    if COUNTED {
        seq.begin_write()
    } else {
        ordinary()
    }
    if store {
        data.store(1, 7, Ordering::Relaxed);
        data.store(2, 7, Ordering::Relaxed);
    }
    if COUNTED {
        seq.end_write();
    } else {
        data.fetch_add(0, 1, Ordering::Release);
    }
}

#[test]
fn two_writers_at_once_are_noticed() {
    let read = |data: &LoomLine| {
        let seq = SeqWriters::<Loom>::new(Word::new(data, 0));
        let Some(at) = seq.read() else { return };
        let copy = (data.load(1, Ordering::Relaxed), data.load(2, Ordering::Relaxed));
        assert!(!seq.is_current(at) || copy.0 == copy.1, "torn: {copy:?}");
    };
    let others: Vec<fn(&LoomLine)> = vec![read, |data| write_with::<true>(data, false)];
    on_cores(line, |data| write_with::<true>(data, true), others, |_| {});
}

#[test]
#[should_panic(expected = "torn")]
fn an_ordinary_count_is_even_between_two_writers() {
    let others: Vec<fn(&LoomLine)> = vec![read_copy, |data| write_with::<false>(data, false)];
    on_cores(line, |data| write_with::<false>(data, true), others, |_| {});
}

// A spinning reader-writer lock.

#[test]
fn a_spinning_writer_is_alone() {
    fn on(taken: &Taken) -> RwLock<'_, Loom> {
        RwLock::new(Word::new(&taken.line, 0))
    }
    let write = |taken: &Taken| {
        on(taken).write_lock();
        taken.change_it();
        on(taken).write_unlock();
    };
    let read = |taken: &Taken| {
        let _reading = on(taken).read();
        taken.use_it();
    };
    let free = |taken: &Taken| assert_eq!(taken.line.load(0, Ordering::Relaxed), 0);
    two_cores(Taken::new, write, read, free);
}

// Sleepable RCU: an object that a section has found is not freed until the section ends.

struct Kept {
    taken: Taken,
    srcu: Srcu<Loom, u32>,
    waiters: Waiters<Loom>,
}

impl Kept {
    fn new() -> Self {
        Self { taken: Taken::new(), srcu: Srcu::new(2), waiters: Waiters::new(2) }
    }
}

fn free_after_a_grace_period(kept: &Kept) {
    kept.taken.line.store(FOUND, 0, Ordering::Relaxed);
    let (mut done, mut costs) = (Vec::new(), GraceCosts::default());
    kept.srcu.call(&kept.waiters, 0, &mut costs);
    while done.is_empty() {
        kept.srcu.advance(&kept.waiters, &mut done, &mut costs);
        thread::yield_now();
    }
    kept.taken.change_it();
}

#[test]
fn a_section_keeps_what_it_found() {
    let read = |kept: &Kept| {
        let _section = kept.srcu.read();
        if kept.taken.line.load(FOUND, Ordering::Relaxed) == 1 {
            kept.taken.use_it();
        }
    };
    two_cores(Kept::new, free_after_a_grace_period, read, |_| {});
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_section_that_is_left_without_its_fence_keeps_nothing() {
    // Word 0 of its line counts it in, word 1 counts it out.
    let read = |taken: &Taken| {
        taken.own.store(0, 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if taken.line.load(FOUND, Ordering::Relaxed) == 1 {
            taken.use_it();
        }
        taken.own.store(1, 1, Ordering::Relaxed);
    };
    let free = |taken: &Taken| {
        taken.line.store(FOUND, 0, Ordering::Relaxed);
        let left = taken.own.load(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if taken.own.load(0, Ordering::Relaxed) == left {
            taken.change_it();
        }
    };
    two_cores(Taken::new, free, read, |_| {});
}
