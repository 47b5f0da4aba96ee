//! A sequence count: readers detect a writer that was active while they read.
//!
//! Writers must be serialised by another lock (mmap_lock held for writing). The count is odd while
//! a writer works.

use machine::{Line, Machine, Ordering, Word};

/// A sequence count in one word.
pub struct SeqCount<'a, M: Machine>(Word<'a, M::Line>);

impl<'a, M: Machine> SeqCount<'a, M> {
    /// Returns the count in this word.
    #[inline(always)]
    pub fn new(word: Word<'a, M::Line>) -> Self {
        Self(word)
    }

    /// Returns the count, or `None` while a writer works.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` of [`write_end`](Self::write_end): a reader that sees
    /// an even count sees all stores of the writer before it.
    #[inline(always)]
    pub fn begin(&self) -> Option<u64> {
        let count = self.0.load(Ordering::Acquire);
        count.is_multiple_of(2).then_some(count)
    }

    /// True if no writer has begun since [`begin`](Self::begin) returned `count`.
    ///
    /// # Ordering
    /// An `Acquire` fence keeps the reader's loads before the count's, paired with
    /// the `Release` fence of [`write_begin`](Self::write_begin).
    #[inline(always)]
    pub fn is_current(&self, count: u64) -> bool {
        M::fence(Ordering::Acquire);
        self.0.load(Ordering::Relaxed) == count
    }

    /// Makes the count odd, before the writer's first store.
    ///
    /// # Ordering
    /// A `Release` fence after the store: a reader that sees one of the writer's
    /// stores also sees the odd count.
    pub fn write_begin(&self) {
        let count = self.0.load(Ordering::Relaxed);
        assert!(count.is_multiple_of(2), "writers are serialised");
        self.0.store(count + 1, Ordering::Relaxed);
        M::fence(Ordering::Release);
    }

    /// Makes the count even again, after the writer's last store (`Release`).
    pub fn write_end(&self) {
        let count = self.0.load(Ordering::Relaxed);
        assert!(count % 2 == 1, "a writer ends what it began");
        self.0.store(count + 1, Ordering::Release);
    }
}

impl<M: Machine> std::fmt::Debug for SeqCount<'_, M>
where
    M::Line: Line,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SeqCount({})", self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Host};
    use machine::{LINE_WORDS, LineName};

    static NAME: LineName = LineName { name: "test.seq", words: [""; LINE_WORDS] };

    #[test]
    fn a_writer_is_noticed() {
        let line = BareLine::new(&NAME, [0; LINE_WORDS]);
        let seq = SeqCount::<Host>::new(Word::new(&line, 0));
        let before = seq.begin().expect("no writer works");
        assert!(seq.is_current(before));
        seq.write_begin();
        assert!(seq.begin().is_none() && !seq.is_current(before));
        seq.write_end();
        assert!(!seq.is_current(before));
        assert_eq!(seq.begin(), Some(before + 2));
    }
}
