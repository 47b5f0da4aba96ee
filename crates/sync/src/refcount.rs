//! A reference count that refuses new references after it reached zero.

use machine::{Machine, Ordering, Word};

/// A reference count in one word. Zero: the object is gone.
pub struct RefCount<'a, M: Machine>(Word<'a, M::Line>);

impl<'a, M: Machine> RefCount<'a, M> {
    /// Returns the count in this word.
    #[inline(always)]
    pub fn new(word: Word<'a, M::Line>) -> Self {
        Self(word)
    }

    /// Takes another reference to an object to which the caller already has one (`Relaxed`: it
    /// publishes and acquires nothing).
    #[inline(always)]
    pub fn get(&self) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        debug_assert!(before > 0, "a reference is taken from one that exists");
    }

    /// Takes several references in one access (`folio_ref_add`), as [`get`](Self::get) takes one.
    #[inline(always)]
    pub fn get_many(&self, references: u64) {
        let before = self.0.fetch_add(references, Ordering::Relaxed);
        debug_assert!(before > 0, "references are taken from one that exists");
    }

    /// Takes a reference, unless the count is zero.
    ///
    /// # Ordering
    /// `Acquire`, paired with the `Release` that published the object.
    #[inline(always)]
    pub fn get_unless_zero(&self) -> bool {
        let mut count = self.0.load(Ordering::Relaxed);
        while count != 0 {
            let (new, acquire, relaxed) = (count + 1, Ordering::Acquire, Ordering::Relaxed);
            match self.0.compare_exchange(count, new, acquire, relaxed) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// Drops a reference; true if it was the last.
    ///
    /// # Ordering
    /// `AcqRel`: all accesses of the holders come before the end of the object.
    #[inline(always)]
    pub fn put(&self) -> bool {
        self.put_many(1)
    }

    /// Drops several references in one access (`folio_ref_sub_and_test`), as [`put`](Self::put)
    /// drops one.
    #[inline(always)]
    pub fn put_many(&self, references: u64) -> bool {
        let before = self.0.fetch_sub(references, Ordering::AcqRel);
        assert!(before >= references, "a reference is dropped once");
        before == references
    }

    /// Returns the number of references.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Host};
    use machine::{LINE_WORDS, Line, LineName};

    static NAME: LineName = LineName { name: "test.ref", words: [""; LINE_WORDS] };

    #[test]
    fn zero_is_final() {
        let line = BareLine::new(&NAME, [1; LINE_WORDS]);
        let count = RefCount::<Host>::new(Word::new(&line, 0));
        assert!(count.get_unless_zero());
        count.get();
        count.get_many(3);
        assert_eq!(count.count(), 6);
        assert!(!count.put_many(4) && !count.put() && count.put());
        assert!(!count.get_unless_zero());
        assert_eq!(count.count(), 0);
    }
}
