//! A spinning reader-writer lock, a model of the kernel's `rwlock_t` (Linux 7.2
//! `kernel/locking/qrwlock.c`).
//!
//! *Readers* enter with one addition and leave with one subtraction: two writes of a line that all
//! readers share. *Writers* first stop new readers, then wait until the present ones have left.
//! Unlike the kernel's lock it has no queue: its writers are serialised by another lock
//! (mmap_lock), and its readers hold it for one walk of the tree.

use machine::{Machine, Ordering, Waited, Word};

const WRITER: u64 = 1;
const READER: u64 = 1 << 1;

/// A reader-writer lock in one word.
pub struct RwLock<'a, M: Machine>(Word<'a, M::Line>);

impl<'a, M: Machine> RwLock<'a, M> {
    /// Returns the lock in this word.
    #[inline(always)]
    pub fn new(word: Word<'a, M::Line>) -> Self {
        Self(word)
    }

    /// Takes the lock for reading.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of [`write_unlock`](Self::write_unlock).
    #[inline(always)]
    pub fn read(self) -> RwLockReader<'a, M> {
        while self.0.fetch_add(READER, Ordering::Acquire) & WRITER != 0 {
            self.0.fetch_sub(READER, Ordering::Relaxed);
            self.0.wait_until::<M>(Waited::TreeLock, |count| count & WRITER == 0);
        }
        RwLockReader(self)
    }

    /// Takes the lock for writing. Writers must be serialised by another lock.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of readers that leave.
    pub fn write_lock(self) {
        let before = self.0.fetch_or(WRITER, Ordering::Acquire);
        assert_eq!(before & WRITER, 0, "writers are serialised");
        self.0.wait_until::<M>(Waited::TreeLock, |count| count == WRITER);
    }

    /// Lets readers in again.
    pub fn write_unlock(self) {
        self.0.fetch_sub(WRITER, Ordering::Release);
    }
}

/// A read lock, released on drop.
#[must_use]
pub struct RwLockReader<'a, M: Machine>(RwLock<'a, M>);

impl<M: Machine> Drop for RwLockReader<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.0.fetch_sub(READER, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Cores, Host, enter};
    use machine::{LINE_WORDS, Line, LineName};
    use std::sync::Arc;
    use std::thread;

    static NAME: LineName = LineName { name: "test.rwlock", words: [""; LINE_WORDS] };

    /// The writer keeps two words equal by separate stores; readers must always see them equal.
    #[test]
    fn readers_see_no_half_of_a_write() {
        const CORES: usize = 3;
        let line = Arc::new([0, 1].map(|_| BareLine::new(&NAME, [0; LINE_WORDS])));
        let cores = Cores::new(CORES);
        let run = |core: usize| {
            let (line, cores) = (Arc::clone(&line), Arc::clone(&cores));
            move || {
                let _core = enter(&cores, core);
                let lock = || RwLock::<Host>::new(Word::new(&line[0], 0));
                let data = |word| Word::new(&line[1], word);
                for turn in 0..20_000 {
                    if core == 0 {
                        lock().write_lock();
                        data(0).store(turn, Ordering::Relaxed);
                        data(7).store(turn, Ordering::Relaxed);
                        lock().write_unlock();
                    } else {
                        let _reading = lock().read();
                        let first = data(0).load(Ordering::Relaxed);
                        assert_eq!(first, data(7).load(Ordering::Relaxed));
                    }
                }
            }
        };
        let threads: Vec<_> = (0..CORES).map(|core| thread::spawn(run(core))).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("the thread ends"));
        assert_eq!(line[0].load(0, Ordering::Relaxed), 0, "nobody holds it");
    }
}
