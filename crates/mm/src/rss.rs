//! Resident set size: a counter on each core, folded into a shared one in batches
//! (`percpu_counter`, Linux 6.2 and later; batch max(32, 2 x cores)).

use machine::{Line, LineName, Machine, Ordering};
use sync::spinlock::{LockWords, SpinLock, Waiters};

static SHARED: LineName = LineName {
    name: "mm.rss_stat",
    words: ["lock", "lock.tail", "MM_FILEPAGES", "MM_ANONPAGES", "", "", "", ""],
};

static LOCAL: LineName = LineName {
    name: "percpu.rss_stat",
    words: ["MM_FILEPAGES", "MM_ANONPAGES", "", "", "", "", "", ""],
};

const LOCK: LockWords = LockWords { locked: 0, tail: 1 };
const FIRST: usize = 2;
/// Words hold no negative numbers: counts are stored above this.
const BIAS: i64 = 1 << 40;

/// What a page counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Page-cache pages that are mapped.
    File,
    /// Anonymous pages, private copies included.
    Anon,
}

/// The shared counters.
pub struct Rss<M: Machine>(M::Line);

impl<M: Machine> Default for Rss<M> {
    fn default() -> Self {
        Self(M::Line::new(&SHARED, [0, 0, BIAS as u64, BIAS as u64, 0, 0, 0, 0]))
    }
}

impl<M: Machine> Rss<M> {
    /// Pages, without what cores have not folded yet.
    pub fn pages(&self) -> i64 {
        let word = |i| self.0.load(FIRST + i, Ordering::Relaxed) as i64 - BIAS;
        word(0) + word(1)
    }
}

/// One core's counters.
pub struct LocalRss<M: Machine> {
    line: M::Line,
    batch: i64,
}

impl<M: Machine> LocalRss<M> {
    /// Counters for one of `cores` cores.
    pub fn new(cores: usize) -> Self {
        let line = M::Line::new(&LOCAL, [BIAS as u64, BIAS as u64, 0, 0, 0, 0, 0, 0]);
        Self { line, batch: (2 * cores as i64).max(32) }
    }

    /// Counts pages.
    #[inline(always)]
    pub fn add(&mut self, rss: &Rss<M>, waiters: &Waiters<M>, member: Member, pages: i64) {
        let word = member as usize;
        let now = self.line.load(word, Ordering::Relaxed) as i64 + pages;
        self.line.store(word, now as u64, Ordering::Relaxed);
        if (now - BIAS).abs() >= self.batch {
            self.fold(rss, waiters);
        }
    }

    /// Begins with part of a batch, by `draw`: pages that the shared counter lacks.
    pub fn stagger(&mut self, rss: &Rss<M>, draw: u64) {
        let pages = draw % self.batch as u64;
        let word = Member::Anon as usize;
        self.line.fetch_add(word, pages, Ordering::Relaxed);
        rss.0.fetch_sub(FIRST + word, pages, Ordering::Relaxed);
    }

    /// Moves everything to the shared counters.
    #[cold]
    pub fn fold(&mut self, rss: &Rss<M>, waiters: &Waiters<M>) {
        let _lock = SpinLock::<M>::new(&rss.0, LOCK).lock(waiters);
        for word in [Member::File as usize, Member::Anon as usize] {
            let pages = self.line.load(word, Ordering::Relaxed) as i64 - BIAS;
            let sum = rss.0.load(FIRST + word, Ordering::Relaxed) as i64 + pages;
            rss.0.store(FIRST + word, sum as u64, Ordering::Relaxed);
            self.line.store(word, BIAS as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::Host;

    #[test]
    fn folds_in_batches_and_loses_nothing() {
        let (rss, waiters) = (Rss::<Host>::default(), Waiters::new(1));
        let mut core = LocalRss::new(4);
        for _ in 0..31 {
            core.add(&rss, &waiters, Member::Anon, 1);
        }
        assert_eq!(rss.pages(), 0, "below the batch nothing shared is written");
        core.add(&rss, &waiters, Member::Anon, 1);
        core.add(&rss, &waiters, Member::File, -3);
        assert_eq!(rss.pages(), 32);
        core.fold(&rss, &waiters);
        assert_eq!(rss.pages(), 29);
    }
}
