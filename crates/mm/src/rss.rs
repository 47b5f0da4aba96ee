//! Resident set size: counters of each core, folded in batches into shared ones (Linux 6.2 and
//! later, `lib/percpu_counter.c`, `percpu_counter_add_batch`; the batch is max(32, 2 x online
//! CPUs), `compute_batch_value`).
//!
//! Before 6.2 the counters belong to the task (5.12 `mm/memory.c`, `add_mm_counter_fast`). It adds
//! them to the shared ones once in `TASK_FAULTS` faults (`check_sync_rss_stat`) and at each table
//! that it zaps (`add_mm_rss_vec`), by an atomic addition and without a lock.

use super::kernel::Rules;
use machine::{LINE_WORDS, Line, LineName, Machine, Ordering, Waited};
use sync::spinlock::{LockWords, SpinLock, Waiters};

/// `rss_stat` is an array of structures of 40 bytes: lock, count, list, and where the cores'
/// counters are. It begins a line (offset 960 in the BTF of 6.18.44), so that the first line
/// has all of MM_FILEPAGES, and lock and count of MM_ANONPAGES.
static SHARED: LineName = LineName {
    name: "mm.rss_stat",
    words: [
        "MM_FILEPAGES.lock",
        "lock.tail",
        "MM_FILEPAGES.count",
        "MM_FILEPAGES.counters",
        "MM_ANONPAGES.lock",
        "lock.tail",
        "MM_ANONPAGES.count",
        "",
    ],
};

static SECOND: LineName = LineName {
    name: "mm.rss_stat.counters",
    words: ["MM_ANONPAGES.counters", "", "", "", "", "", "", ""],
};

static LOCAL: LineName = LineName {
    name: "percpu.rss_stat",
    words: ["MM_FILEPAGES", "MM_ANONPAGES", "", "", "", "", "", ""],
};

/// Word of the counter of file pages, and the distance from it to that of anonymous pages, in
/// words.
const LOCK: LockWords = LockWords { name: Waited::CounterLock, locked: 0, tail: 1 };
const COUNT: usize = 2;
const NEXT: usize = 4;
/// Words hold no negative numbers: counts are stored above this.
const BIAS: i64 = 1 << 40;

/// Faults after which a task adds its counts to the shared ones. The kernel compares the number of
/// faults before this one with `TASK_RSS_EVENTS_THRESH`, 64, by "greater".
const TASK_FAULTS: u64 = 66;

/// The counter that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Page-cache pages that are mapped.
    File,
    /// Anonymous pages, private copies included.
    Anon,
}

impl Member {
    const ALL: [Self; 2] = [Self::File, Self::Anon];

    fn lock(self) -> LockWords {
        let first = NEXT * self as usize;
        LockWords { locked: first + LOCK.locked, tail: first + LOCK.tail, ..LOCK }
    }

    fn count(self) -> usize {
        NEXT * self as usize + COUNT
    }
}

/// The shared counters.
pub struct Rss<M: Machine> {
    line: M::Line,
    second: M::Line,
}

impl<M: Machine> Default for Rss<M> {
    fn default() -> Self {
        let mut words = [0; LINE_WORDS];
        Member::ALL.into_iter().for_each(|member| words[member.count()] = BIAS as u64);
        Self { line: M::Line::new(&SHARED, words), second: M::Line::new(&SECOND, [0; LINE_WORDS]) }
    }
}

impl<M: Machine> Rss<M> {
    /// Returns the number of pages, without those that cores have not folded yet.
    pub fn pages(&self) -> i64 {
        let pages =
            |member: Member| self.line.load(member.count(), Ordering::Relaxed) as i64 - BIAS;
        Member::ALL.into_iter().map(pages).sum()
    }

    /// Adds to a counter without its lock; an addition of nothing is left out.
    fn add_atomically(&self, member: Member, pages: i64) {
        let (word, size) = (member.count(), pages.unsigned_abs());
        match pages.signum() {
            1 => self.line.fetch_add(word, size, Ordering::Relaxed),
            -1 => self.line.fetch_sub(word, size, Ordering::Relaxed),
            _ => return,
        };
    }

    /// Reads the pointer to the counters of cores.
    #[inline(always)]
    fn load_counters(&self, member: Member) {
        match member {
            Member::File => self.line.load(COUNT + 1, Ordering::Relaxed),
            Member::Anon => self.second.load(0, Ordering::Relaxed),
        };
    }
}

/// Event at which a core adds its counts to the shared ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folding {
    /// That a count has so many pages.
    Pages(i64),
    /// A number of faults.
    Faults,
}

/// One core's counters.
pub struct LocalRss<M: Machine> {
    line: M::Line,
    folding: Folding,
    /// Faults since the last addition, if faults lead to it.
    faults: u64,
}

impl<M: Machine> LocalRss<M> {
    /// Creates the counters of a core, on a machine with `cpus` online CPUs, by the rules of a
    /// kernel.
    pub fn new(cpus: usize, rules: &Rules) -> Self {
        let line = M::Line::new(&LOCAL, [BIAS as u64, BIAS as u64, 0, 0, 0, 0, 0, 0]);
        let by_cpu = Folding::Pages((2 * cpus as i64).max(32));
        let folding = if rules.rss_by_task { Folding::Faults } else { by_cpu };
        Self { line, folding, faults: 0 }
    }

    /// Counts pages.
    #[inline(always)]
    pub fn add(&mut self, rss: &Rss<M>, waiters: &Waiters<M>, member: Member, pages: i64) {
        let Folding::Pages(batch) = self.folding else {
            self.add_locally(member, pages);
            return;
        };
        rss.load_counters(member);
        if self.add_locally(member, pages).abs() >= batch {
            self.fold(rss, waiters, member);
        }
    }

    /// Returns the pages that the shared counter does not have now.
    #[inline(always)]
    fn add_locally(&self, member: Member, pages: i64) -> i64 {
        let word = member as usize;
        let now = self.line.load(word, Ordering::Relaxed) as i64 + pages;
        self.line.store(word, now as u64, Ordering::Relaxed);
        now - BIAS
    }

    /// Counts the pages of each [`Member`] that the zap of a table has freed.
    pub fn add_zapped(&mut self, rss: &Rss<M>, waiters: &Waiters<M>, freed: [i64; 2]) {
        if self.folding == Folding::Faults {
            self.retire(rss, waiters);
        }
        for (member, pages) in Member::ALL.into_iter().zip(freed) {
            match self.folding {
                Folding::Pages(_) => self.add(rss, waiters, member, -pages),
                Folding::Faults => rss.add_atomically(member, -pages),
            }
        }
    }

    /// Notes that a fault is handled, in a kernel that folds by faults.
    #[inline(always)]
    pub fn note_fault(&mut self, rss: &Rss<M>, waiters: &Waiters<M>) {
        self.faults += 1;
        if self.faults == TASK_FAULTS {
            self.faults = 0;
            self.retire(rss, waiters);
        }
    }

    /// Starts with part of a batch, by `draw`: pages that the shared counter does not have, or
    /// faults.
    pub fn stagger(&mut self, rss: &Rss<M>, draw: u64) {
        let Folding::Pages(batch) = self.folding else {
            self.faults = draw % TASK_FAULTS;
            return;
        };
        let pages = draw % batch as u64;
        let word = Member::Anon as usize;
        self.line.fetch_add(word, pages, Ordering::Relaxed);
        rss.line.fetch_sub(Member::Anon.count(), pages, Ordering::Relaxed);
    }

    /// Moves the count of `member` to the shared counter.
    #[cold]
    fn fold(&mut self, rss: &Rss<M>, waiters: &Waiters<M>, member: Member) {
        let own = member as usize;
        if self.folding == Folding::Faults {
            rss.add_atomically(member, self.line.load(own, Ordering::Relaxed) as i64 - BIAS);
            self.line.store(own, BIAS as u64, Ordering::Relaxed);
            return;
        }
        let _lock = SpinLock::<M>::new(&rss.line, member.lock()).lock_irq(waiters);
        let shared = member.count();
        let pages = self.line.load(own, Ordering::Relaxed) as i64 - BIAS;
        let sum = rss.line.load(shared, Ordering::Relaxed) as i64 + pages;
        rss.line.store(shared, sum as u64, Ordering::Relaxed);
        self.line.store(own, BIAS as u64, Ordering::Relaxed);
    }

    /// Moves all counts to the shared counters.
    pub fn retire(&mut self, rss: &Rss<M>, waiters: &Waiters<M>) {
        Member::ALL.into_iter().for_each(|member| self.fold(rss, waiters, member));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::Host;

    #[test]
    fn folds_in_batches_and_loses_nothing() {
        let (rss, waiters) = (Rss::<Host>::default(), Waiters::new(1));
        let mut core = LocalRss::new(4, &Rules::UNSET);
        for _ in 0..31 {
            core.add(&rss, &waiters, Member::Anon, 1);
        }
        assert_eq!(rss.pages(), 0, "below the batch nothing shared is written");
        core.add(&rss, &waiters, Member::Anon, 1);
        core.add(&rss, &waiters, Member::File, -3);
        assert_eq!(rss.pages(), 32);
        core.retire(&rss, &waiters);
        assert_eq!(rss.pages(), 29);
    }

    /// A fold of one counter leaves the others alone.
    #[test]
    fn the_batch_is_that_of_the_machine_and_each_counter_has_its_own() {
        let (rss, waiters) = (Rss::<Host>::default(), Waiters::new(1));
        let mut core = LocalRss::new(128, &Rules::UNSET);
        core.add(&rss, &waiters, Member::File, 200);
        core.add(&rss, &waiters, Member::Anon, 255);
        assert_eq!(rss.pages(), 0, "twice as many as there are CPUs");
        core.add(&rss, &waiters, Member::Anon, 1);
        assert_eq!(rss.pages(), 256);
    }

    #[test]
    fn a_task_adds_its_counts_once_in_66_faults_and_when_it_zaps() {
        let (rss, waiters) = (Rss::<Host>::default(), Waiters::new(1));
        let mut core = LocalRss::new(4, &Rules { rss_by_task: true, ..Rules::UNSET });
        for fault in 1..=200 {
            core.note_fault(&rss, &waiters);
            // The fault is noted before it maps its page.
            let folded = (fault / 66 * 66 - i64::from(fault >= 66)).max(0);
            assert_eq!(rss.pages(), folded, "{fault} faults");
            core.add(&rss, &waiters, Member::Anon, 1);
        }
        core.add_zapped(&rss, &waiters, [0, 50]);
        assert_eq!(rss.pages(), 150);
        core.retire(&rss, &waiters);
        assert_eq!(rss.pages(), 150);
    }
}
