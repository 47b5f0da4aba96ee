//! A reference count that a writer can close: `vm_refcnt` of Linux 6.15 and later
//! (`include/linux/mmap_lock.h` and `mm/mmap_lock.c`, 7.2).
//!
//! 0: detached. 1: attached. More: attached, plus one for each reader. A bit above the readers
//! belongs to a writer: it waits until readers have left, or has the object to itself, and no new
//! reader enters. Writers must be serialised by another lock (mmap_lock).

use machine::{Machine, Ordering, Waited, Word};

/// `VM_REFCNT_EXCLUDE_READERS_FLAG`.
const WRITER: u64 = 1 << 30;

/// Reason why a reader was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The object is detached.
    Detached,
    /// A writer has closed it.
    Closed,
}

/// The count in one word; in another the writer that waits for readers to leave (1 + its core).
pub struct RefLock<'a, M: Machine> {
    count: Word<'a, M::Line>,
    waiting: Word<'a, M::Line>,
}

impl<'a, M: Machine> RefLock<'a, M> {
    /// Returns the lock with its count in `count`. Counts that have the same writers may share
    /// `waiting`.
    #[inline(always)]
    pub fn new(count: Word<'a, M::Line>, waiting: Word<'a, M::Line>) -> Self {
        Self { count, waiting }
    }

    /// Takes a reference: a load, then compare-exchanges.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of [`attach`](Self::attach) and [`open`](Self::open):
    /// the reader sees the object as it was last attached.
    ///
    /// # Errors
    /// If it is detached, or a writer has closed it.
    #[inline(always)]
    pub fn get(&self) -> Result<(), Refused> {
        let mut count = self.count.load(Ordering::Relaxed);
        loop {
            if count == 0 {
                return Err(Refused::Detached);
            }
            if count & WRITER != 0 {
                return Err(Refused::Closed);
            }
            let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
            match self.count.compare_exchange(count, count + 1, acquire, relaxed) {
                Ok(_) => {
                    M::locked(Waited::VmaLockRead, self.count.at());
                    return Ok(());
                }
                Err(now) => count = now,
            }
        }
    }

    /// Drops a reference, and wakes the writer if it waits for this one, the last.
    ///
    /// # Ordering
    /// `Release`: the readers' accesses come before the writer's.
    #[inline(always)]
    pub fn put(&self) {
        M::unlocked(self.count.at());
        let left = self.count.fetch_sub(1, Ordering::Release) - 1;
        if left & WRITER != 0 && left <= WRITER + 1 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // Pairs with the Release of `close`, which comes after the writer's store.
        M::fence(Ordering::Acquire);
        if let Some(writer) = self.waiting.load(Ordering::Relaxed).checked_sub(1) {
            M::unpark(writer as usize);
        }
    }

    /// Lets readers in for the first time. The caller has filled in the object.
    pub fn attach(&self) {
        self.count.store(1, Ordering::Release);
    }

    /// Shuts readers out and waits until the last has left; false if the object is detached, and so
    /// has no readers.
    pub fn close(&self) -> bool {
        self.close_to(WRITER + 1)
    }

    /// Lets readers in again.
    pub fn open(&self) {
        self.count.fetch_sub(WRITER, Ordering::Release);
    }

    /// Drops the reference that means attached. Waits for readers that took a reference too late
    /// and are about to drop it.
    pub fn detach(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) != 1 && self.close_to(WRITER) {
            self.open();
        }
    }

    fn close_to(&self, alone: u64) -> bool {
        self.waiting.store(M::core() as u64 + 1, Ordering::Relaxed);
        let mut count = self.count.load(Ordering::Relaxed);
        while count != 0 {
            // Release: a reader that sees the bit also sees the waiting writer.
            let (new, both, relaxed) = (count + WRITER, Ordering::AcqRel, Ordering::Relaxed);
            match self.count.compare_exchange(count, new, both, relaxed) {
                Ok(_) => break,
                Err(now) => count = now,
            }
        }
        if count != 0 && self.count.load(Ordering::Acquire) != alone {
            M::begin_wait(Waited::VmaLockWrite, self.count.at());
            M::park();
            while self.count.load(Ordering::Acquire) != alone {
                M::park();
            }
            M::end_wait();
        }
        self.waiting.store(0, Ordering::Relaxed);
        count != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Cores, Host, enter};
    use machine::{LINE_WORDS, Line, LineName};
    use std::sync::Arc;
    use std::thread;

    static NAME: LineName = LineName { name: "test.ref_lock", words: [""; LINE_WORDS] };

    fn on(line: &BareLine) -> RefLock<'_, Host> {
        RefLock::new(Word::new(line, 0), Word::new(line, 1))
    }

    #[test]
    fn the_bits_say_who_is_there() {
        let line = BareLine::new(&NAME, [0; LINE_WORDS]);
        let (lock, count) = (on(&line), || line.load(0, Ordering::Relaxed));
        assert_eq!(lock.get(), Err(Refused::Detached));
        assert!(!lock.close(), "nobody is in what is detached");
        lock.attach();
        assert_eq!((lock.get(), lock.get(), count()), (Ok(()), Ok(()), 3));
        lock.put();
        lock.put();
        assert!(lock.close());
        assert_eq!((count(), lock.get()), (WRITER + 1, Err(Refused::Closed)));
        lock.open();
        assert_eq!((count(), lock.get()), (1, Ok(())));
        lock.put();
        lock.detach();
        assert_eq!((count(), lock.get()), (0, Err(Refused::Detached)));
    }

    /// Readers see two equal words, which the writer keeps equal; a detach waits for readers.
    #[test]
    fn writers_wait_for_readers_and_are_woken() {
        const READERS: usize = 3;
        const TURNS: u64 = 2000;
        let line = Arc::new(BareLine::new(&NAME, [0; LINE_WORDS]));
        let cores = Cores::new(READERS + 1);
        on(&line).attach();
        let readers: Vec<_> = (0..READERS)
            .map(|core| {
                let (line, cores) = (line.clone(), cores.clone());
                thread::spawn(move || {
                    let _core = enter(&cores, core);
                    let relaxed = Ordering::Relaxed;
                    while line.load(6, relaxed) == 0 {
                        if on(&line).get().is_ok() {
                            assert_eq!(line.load(4, relaxed), line.load(5, relaxed));
                            thread::yield_now();
                            on(&line).put();
                        }
                    }
                })
            })
            .collect();
        let _core = enter(&cores, READERS);
        let relaxed = Ordering::Relaxed;
        for turn in 1..=TURNS {
            if turn % 3 == 0 {
                on(&line).detach();
            } else {
                assert!(on(&line).close());
            }
            line.store(4, turn, relaxed);
            thread::yield_now();
            line.store(5, turn, relaxed);
            if turn % 3 == 0 { on(&line).attach() } else { on(&line).open() }
        }
        line.store(6, 1, relaxed);
        readers.into_iter().for_each(|reader| reader.join().expect("the reader ends"));
        assert_eq!(line.load(0, relaxed), 1, "attached, and nobody in it");
    }
}
