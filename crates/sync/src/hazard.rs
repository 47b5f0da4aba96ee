//! Hazard pointers: each core says in a word of its own what it uses, and whoever frees an
//! object looks at the words of all cores (Michael, "Hazard Pointers", IEEE TPDS 15(6),
//! 2004).
//!
//! A core that has said what it uses must look again whether the object is still to be
//! found; who frees has taken it out before. Both have a full fence in between, so one of
//! the two sees the other.

use machine::{Machine, Ordering, Word};

/// A core's pointer, set until it drops.
#[must_use]
pub struct Hazard<'a, M: Machine>(Word<'a, M::Line>);

impl<'a, M: Machine> Hazard<'a, M> {
    /// Says in `pointer`, which only this core writes, that `object` is used.
    ///
    /// # Ordering
    /// A `SeqCst` fence keeps the store before the look with which the caller makes sure of
    /// the object, paired with that of [`wait_until_unused`].
    #[inline(always)]
    pub fn set(pointer: Word<'a, M::Line>, object: u64) -> Self {
        pointer.store(object + 1, Ordering::Relaxed);
        M::fence(Ordering::SeqCst);
        Self(pointer)
    }
}

impl<M: Machine> Drop for Hazard<'_, M> {
    /// `Release`: the core is done with the object.
    #[inline(always)]
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Waits until no core uses `object`, which nobody finds any more.
///
/// # Ordering
/// A `SeqCst` fence keeps the stores that took it out before the looks at the pointers;
/// these are `Acquire`, paired with the `Release` of [`Hazard`]'s drop.
pub fn wait_until_unused<'a, M: Machine>(
    pointers: impl Iterator<Item = Word<'a, M::Line>>,
    object: u64,
) where
    M::Line: 'a,
{
    M::fence(Ordering::SeqCst);
    for pointer in pointers {
        pointer.spin_until(|used| used != object + 1);
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
    fn who_frees_waits_for_who_uses() {
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
