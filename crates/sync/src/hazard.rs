//! Hazard pointers: each core stores in its own word which object it uses; before an object is
//! freed, the words of all cores are read (Michael, "Hazard Pointers", IEEE TPDS 15(6), 2004).
//!
//! After it has set its word, a core must check again that the object can still be found; the
//! freeing core has removed the object before it reads the words. Both have a full fence between
//! their store and their load, so at least one of the two sees the other.

use machine::{Machine, Ordering, Waited, Word};

/// A core's hazard pointer; cleared on drop.
#[must_use]
pub struct Hazard<'a, M: Machine>(Word<'a, M::Line>);

impl<'a, M: Machine> Hazard<'a, M> {
    /// Announces in `pointer`, a word that only this core writes, that it uses `object`.
    ///
    /// # Ordering
    /// A `SeqCst` fence keeps the store before the load by which the caller checks that the object
    /// is still there; paired with the fence of [`wait_until_unused`].
    #[inline(always)]
    pub fn set(pointer: Word<'a, M::Line>, object: u64) -> Self {
        pointer.store(object + 1, Ordering::Relaxed);
        M::fence(Ordering::SeqCst);
        Self(pointer)
    }
}

impl<M: Machine> Drop for Hazard<'_, M> {
    /// `Release`: the core's use of the object comes before.
    #[inline(always)]
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Waits until no core uses `object`, which can no longer be found.
///
/// # Ordering
/// A `SeqCst` fence keeps the stores that removed the object before the loads of the pointers.
/// These are `Acquire`, paired with the `Release` of [`Hazard`]'s drop.
pub fn wait_until_unused<'a, M: Machine>(
    pointers: impl Iterator<Item = Word<'a, M::Line>>,
    object: u64,
) where
    M::Line: 'a,
{
    M::fence(Ordering::SeqCst);
    for pointer in pointers {
        pointer.wait_until::<M>(Waited::HazardPointer, |used| used != object + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::{BareLine, Host};
    use machine::{LINE_WORDS, Line, LineName};
    use std::thread;

    static NAME: LineName = LineName { name: "test.hazard", words: [""; LINE_WORDS] };

    #[test]
    fn a_free_waits_for_users() {
        let line = BareLine::new(&NAME, [0; LINE_WORDS]);
        let pointers = || (0..2).map(|core| Word::new(&line, core));
        wait_until_unused::<Host>(pointers(), 0);
        let other = Hazard::<Host>::set(Word::new(&line, 0), 6);
        let hazard = Hazard::<Host>::set(Word::new(&line, 1), 0);
        thread::scope(|scope| {
            let freeing = scope.spawn(|| {
                wait_until_unused::<Host>(pointers(), 0);
                line.load(7, Ordering::Relaxed)
            });
            thread::yield_now();
            line.store(7, 5, Ordering::Relaxed);
            drop(hazard);
            assert_eq!(freeing.join().expect("it ends"), 5, "the use comes before the end");
        });
        drop(other);
        assert_eq!((line.load(0, Ordering::Relaxed), line.load(1, Ordering::Relaxed)), (0, 0));
    }
}
