//! A sequence count that several writers can hold at the same time.
//!
//! With two writers at a time an ordinary sequence count is even while both write. The series of
//! 2019 has such writers: it bumps `vm_sequence` under mmap_lock held for reading (`madvise`) and
//! under `i_mmap_rwsem` alone (truncate). So this word holds the number of active writers and,
//! above it, the number of writes begun; a reader needs no active writer and no write begun since.

use machine::{Machine, Ordering, Word};

/// First bit of the generation; the number of writers is below it.
const GENERATION: u64 = 1 << 16;
/// Values of a word have 48 bits, so the generation wraps after 2^32 writes: a reader would have to
/// sleep through all of them.
const GENERATIONS: u64 = 1 << 32;

/// A sequence count of several writers, in one word.
pub struct SeqWriters<'a, M: Machine>(Word<'a, M::Line>);

impl<'a, M: Machine> SeqWriters<'a, M> {
    /// Returns the count in this word.
    #[inline(always)]
    pub fn new(word: Word<'a, M::Line>) -> Self {
        Self(word)
    }

    /// Returns the count, or `None` while a writer is active.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of [`end_write`](Self::end_write).
    #[inline(always)]
    pub fn read(&self) -> Option<u64> {
        let count = self.0.load(Ordering::Acquire);
        count.is_multiple_of(GENERATION).then_some(count)
    }

    /// True if no write has begun since [`read`](Self::read) returned `count`.
    ///
    /// # Ordering
    /// An `Acquire` fence keeps the reader's loads before the count's, paired with the
    /// `Release` fence of [`begin_write`](Self::begin_write).
    #[inline(always)]
    pub fn is_current(&self, count: u64) -> bool {
        M::fence(Ordering::Acquire);
        self.0.load(Ordering::Relaxed) == count
    }

    /// Adds a writer, before its first store.
    ///
    /// # Ordering
    /// A `Release` fence after the addition: a reader that sees one of the writer's stores also
    /// sees that it writes.
    pub fn begin_write(&self) {
        let mut count = self.0.load(Ordering::Relaxed);
        let relaxed = Ordering::Relaxed;
        while let Err(now) = self.0.compare_exchange(count, begun(count), relaxed, relaxed) {
            count = now;
        }
        M::fence(Ordering::Release);
    }

    /// Removes a writer, after its last store (`Release`).
    pub fn end_write(&self) {
        let before = self.0.fetch_sub(1, Ordering::Release);
        assert!(!before.is_multiple_of(GENERATION), "a writer ends what it began");
    }

    /// Forgets the writers of an object that was freed while they wrote. The object is about to be
    /// used again, and no other core can find it yet.
    pub fn reset(&self) {
        let count = self.0.load(Ordering::Relaxed);
        self.0.store(begun(count) / GENERATION * GENERATION, Ordering::Relaxed);
    }
}

/// Returns `count` with one more writer and the next generation.
fn begun(count: u64) -> u64 {
    let (generation, writers) = (count / GENERATION, count % GENERATION);
    (generation + 1) % GENERATIONS * GENERATION + writers + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Host};
    use machine::{LINE_WORDS, Line, LineName};

    static NAME: LineName = LineName { name: "test.seq", words: [""; LINE_WORDS] };

    #[test]
    fn two_writers_never_look_like_none() {
        let line = BareLine::new(&NAME, [0; LINE_WORDS]);
        let seq = SeqWriters::<Host>::new(Word::new(&line, 0));
        let before = seq.read().expect("nobody writes");
        seq.begin_write();
        seq.begin_write();
        assert_eq!(seq.read(), None, "an ordinary count would be even here");
        seq.end_write();
        assert_eq!(seq.read(), None);
        seq.end_write();
        assert!(seq.read().is_some_and(|now| now != before) && !seq.is_current(before));
        seq.begin_write();
        let left = line.load(0, Ordering::Relaxed);
        seq.reset();
        assert!(seq.read().is_some_and(|now| now > left), "a new generation without writers");
    }

    #[test]
    fn generations_wrap_within_a_value() {
        let last = (GENERATIONS - 1) * GENERATION;
        assert_eq!(begun(last), 1);
        assert!(begun(last - GENERATION) < 1 << machine::VALUE_BITS);
    }
}
