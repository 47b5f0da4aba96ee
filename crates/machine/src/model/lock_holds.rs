//! Holders of the locks that cores wait for, and lengths of the holds.
//!
//! A core that begins to wait looks for the holders; a core that gets a lock counts the cores that
//! still wait for it.
//! Only holds for which a core waits are kept. A reader does not wait for other readers: if they
//! hold the lock, it waits for the writer that waits for them.

use super::parameters::Ps;
use crate::Waited;
use hdrhistogram::Histogram;

/// Digits of a length that are kept.
const DIGITS: u8 = 2;

/// Holds of one lock by one activity, for which others waited.
#[derive(Debug, Clone)]
pub struct HoldAccount {
    /// The lock, as what its holder would have waited for.
    pub lock: Waited,
    /// The activity of the holder; 0: neither a fault nor an operation.
    pub activity: u16,
    /// Lengths of the holds, in nanoseconds; within 1 %.
    pub lengths_ns: Histogram<u64>,
    /// Longest hold.
    pub longest_ps: Ps,
    /// Cores that waited for each hold, added up.
    pub waiters: u64,
    /// Most cores that waited for one hold.
    pub waiters_max: u64,
    /// Time of the waits that began during these holds.
    pub waited_ps: Ps,
}

/// A lock that a core holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    at: usize,
    core: usize,
    lock: Waited,
    activity: u16,
    since: Ps,
    /// Cores that have waited for this hold so far.
    waiters: u64,
}

/// A wait of a core for a lock.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    at: usize,
    core: usize,
    lock: Waited,
    activity: u16,
    since: Ps,
    /// Lock and activity of who held it, or was to have it before, when the wait began.
    holder: Option<(Waited, u16)>,
}

/// Number of buckets of locks, by address.
const BUCKETS: usize = 256;

/// Locks whose addresses fall together. Entries of one lock are in the order of time, so that
/// results do not depend on addresses.
#[derive(Debug, Clone, Default)]
struct Bucket {
    held: Vec<Held>,
    waiting: Vec<Waiting>,
}

/// All locks that are held or waited for.
pub(super) struct LockHolds {
    buckets: Box<[Bucket]>,
    /// Address of the lock that each core waits for; 0: none.
    waits_at: Vec<usize>,
    accounts: Vec<HoldAccount>,
}

/// Returns the bucket of an address.
fn bucket(at: usize) -> usize {
    // Fibonacci hashing: the upper bits depend on all bits of the address.
    (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - BUCKETS.ilog2())
}

/// Returns true if a core that wants `one` waits for a core that has `other`.
fn exclude(one: Waited, other: Waited) -> bool {
    !(one.is_shared() && other.is_shared())
}

impl LockHolds {
    pub fn new(cores: usize) -> Self {
        Self {
            buckets: vec![Bucket::default(); BUCKETS].into(),
            waits_at: vec![0; cores],
            accounts: Vec::new(),
        }
    }

    pub fn forget(&mut self) {
        self.accounts.clear();
    }

    pub fn accounts(&self) -> Vec<HoldAccount> {
        self.accounts.clone()
    }

    /// A core begins to wait for a lock at `at`; 0: for something else.
    pub fn begin_wait(&mut self, core: usize, activity: u16, lock: Waited, at: usize, since: Ps) {
        if at == 0 {
            return;
        }
        let Bucket { held, waiting } = &mut self.buckets[bucket(at)];
        let mut holder = None;
        for held in held.iter_mut().filter(|held| held.at == at && exclude(lock, held.lock)) {
            held.waiters += 1;
            holder = Some((held.lock, held.activity));
        }
        if holder.is_none() && lock.is_shared() {
            let mut writers = waiting.iter().filter(|other| other.at == at);
            let writer = writers.find(|other| exclude(lock, other.lock));
            holder = writer.map(|writer| (writer.lock, writer.activity));
        }
        waiting.push(Waiting { at, core, lock, activity, since, holder });
        self.waits_at[core] = at;
    }

    /// The wait of a core ends.
    pub fn end_wait(&mut self, core: usize, now: Ps) {
        let at = std::mem::take(&mut self.waits_at[core]);
        if at == 0 {
            return;
        }
        let waiting = &mut self.buckets[bucket(at)].waiting;
        let place = waiting.iter().position(|waiting| waiting.core == core);
        let ended = waiting.remove(place.expect("a core that waits is among those that wait"));
        if let Some((lock, activity)) = ended.holder {
            self.account(lock, activity).waited_ps += now.saturating_sub(ended.since);
        }
    }

    /// A core has taken a lock.
    #[inline]
    pub fn locked(&mut self, core: usize, activity: u16, lock: Waited, at: usize, since: Ps) {
        let Bucket { held, waiting } = &mut self.buckets[bucket(at)];
        let waits = waiting.iter().filter(|other| other.at == at && exclude(lock, other.lock));
        let waiters = waits.count() as u64;
        held.push(Held { at, core, lock, activity, since, waiters });
    }

    /// A core releases a lock.
    #[inline]
    pub fn unlocked(&mut self, core: usize, at: usize, now: Ps) {
        let held = &mut self.buckets[bucket(at)].held;
        let own = held.iter().rposition(|held| held.core == core && held.at == at);
        let Some(place) = own else { return };
        let held = held.remove(place);
        if held.waiters > 0 {
            self.note(held, now);
        }
    }

    fn note(&mut self, held: Held, now: Ps) {
        let ps = now.saturating_sub(held.since);
        let account = self.account(held.lock, held.activity);
        account.lengths_ns.record((ps / 1000).max(1)).expect("the histogram grows");
        account.longest_ps = account.longest_ps.max(ps);
        account.waiters += held.waiters;
        account.waiters_max = account.waiters_max.max(held.waiters);
    }

    fn account(&mut self, lock: Waited, activity: u16) -> &mut HoldAccount {
        let same = |account: &HoldAccount| account.lock == lock && account.activity == activity;
        let at = self.accounts.iter().position(same).unwrap_or_else(|| {
            self.accounts.push(HoldAccount {
                lock,
                activity,
                lengths_ns: Histogram::new(DIGITS).expect("histograms have such digits"),
                longest_ps: 0,
                waiters: 0,
                waiters_max: 0,
                waited_ps: 0,
            });
            self.accounts.len() - 1
        });
        &mut self.accounts[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: u16 = 1;
    const WRITER: u16 = 2;

    #[test]
    fn a_hold_counts_who_waits_when_it_begins_and_who_comes_later() {
        let mut holds = LockHolds::new(4);
        holds.locked(0, WRITER, Waited::MmapLockWrite, 64, 1_000_000);
        holds.begin_wait(1, FAULT, Waited::MmapLockRead, 64, 2_000_000);
        holds.begin_wait(2, WRITER, Waited::MmapLockWrite, 64, 3_000_000);
        holds.begin_wait(3, FAULT, Waited::Ptl, 72, 3_000_000);
        holds.unlocked(0, 64, 6_000_000);
        holds.end_wait(1, 6_500_000);
        holds.locked(1, FAULT, Waited::MmapLockRead, 64, 6_500_000);
        holds.unlocked(1, 64, 7_500_000);
        holds.end_wait(2, 8_000_000);
        let accounts = holds.accounts();
        let of = |lock| accounts.iter().find(|account| account.lock == lock).expect("waited for");
        let (writer, reader) = (of(Waited::MmapLockWrite), of(Waited::MmapLockRead));
        assert_eq!((writer.activity, writer.waiters, writer.waiters_max), (WRITER, 2, 2));
        assert_eq!((writer.longest_ps, writer.waited_ps), (5_000_000, 4_500_000 + 5_000_000));
        assert_eq!((reader.activity, reader.waiters, reader.waited_ps), (FAULT, 1, 0));
        assert_eq!(accounts.len(), 2, "nobody held the lock at 72");
    }

    #[test]
    fn a_reader_waits_for_the_writer_that_waits_for_readers() {
        let mut holds = LockHolds::new(3);
        holds.locked(0, FAULT, Waited::MmapLockRead, 64, 0);
        holds.begin_wait(1, WRITER, Waited::MmapLockWrite, 64, 1_000);
        holds.begin_wait(2, FAULT, Waited::MmapLockRead, 64, 2_000);
        holds.unlocked(0, 64, 5_000);
        holds.end_wait(1, 5_000);
        holds.locked(1, WRITER, Waited::MmapLockWrite, 64, 5_000);
        holds.unlocked(1, 64, 9_000);
        holds.end_wait(2, 9_000);
        let found = holds.accounts();
        let found: Vec<_> =
            found.iter().map(|hold| (hold.lock, hold.waiters, hold.waited_ps)).collect();
        assert_eq!(found, [(Waited::MmapLockRead, 1, 4_000), (Waited::MmapLockWrite, 1, 7_000),]);
    }

    #[test]
    fn a_hold_for_which_nobody_waits_is_not_kept() {
        let mut holds = LockHolds::new(1);
        holds.locked(0, FAULT, Waited::Ptl, 8, 0);
        holds.locked(0, FAULT, Waited::ZoneLock, 16, 0);
        holds.unlocked(0, 8, 5);
        holds.unlocked(0, 16, 5);
        assert!(holds.accounts().is_empty());
        assert!(holds.buckets.iter().all(|bucket| bucket.held.is_empty()));
    }
}
