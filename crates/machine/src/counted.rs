//! Counts the lines that move between cores, without hardware counters.
//!
//! Every word carries a stamp above its [`VALUE_BITS`] value bits: the thread that stored it, and a
//! count that every write changes. A thread remembers the whole word that it last saw or left; if
//! the next access returns another word, somebody wrote in between, and the line had to move. The
//! access itself gives the answer: no other line is touched and no word is added to the line. Both
//! would slow the storm and miss moves (a separate owner word misses 40-50 % of them, because the
//! line is often stolen between the access and the update of the owner).
//!
//! A move counts if it brings another thread's write. A write detects that from the old word that
//! the instruction returns, a read when it sees the write. A read checks the line's other words
//! too, because it may bring a write to those. For a line that the thread has not seen, or has
//! forgotten, the stamp tells the writer.
//!
//! Not counted: an upgrade that only invalidates copies of readers; a write to a *neighbouring
//! word* that a write brings, until that word is read or written. A line with several changed words
//! counts once each time it arrives. A stamp has 16 bits: a write is missed if the same value comes
//! back with the same stamp. A full directory in addition to the stamps
//! ([`Cores::audited`](super::host::Cores::audited)) measures the error of all that.

use super::audited::{self, AuditDirectory};
use super::host::{Record, Recorded, audits, prefetch_w, relax};
use super::{LINE_WORDS, Line, LineName, Ordering, VALUE_BITS, VALUE_MASK};
use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

/// Recorder that counts transfers by name of line.
pub struct Counted;

impl Record for Counted {
    type Line = CountedLine;

    fn start() {
        LEDGER.set(Some(Ledger::new()));
        audited::start();
    }

    fn forget() {
        with_ledger(|ledger| ledger.lines.clear());
        audited::forget();
    }

    /// Remembers accesses during a pause, so that they are not counted later.
    fn pause(paused: bool) {
        with_ledger(|ledger| ledger.paused = paused);
        audited::pause(paused);
    }

    fn finish() -> Recorded {
        let ledger = LEDGER.take();
        let lines = ledger.map(|ledger| {
            let named = names().into_iter().zip(ledger.lines);
            Tally(named.filter(|(_, tally)| *tally != LineTally::default()).collect())
        });
        let directory = audited::finish();
        Recorded { lines, directory: audits().then_some(directory), ..Recorded::default() }
    }
}

/// Accesses and transfers of all lines with one name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineTally {
    /// Loads.
    pub reads: u64,
    /// Stores and read-modify-writes, failed compare-exchanges included.
    pub writes: u64,
    /// Accesses that found another core's write.
    pub transfers: u64,
}

impl LineTally {
    /// Adds an access; `moved` if it brought the line here.
    pub(super) fn add(&mut self, access: LineAccess, moved: bool) {
        self.transfers += u64::from(moved);
        match access {
            LineAccess::Read => self.reads += 1,
            LineAccess::Write => self.writes += 1,
        }
    }
}

/// Counts by name of line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(pub Vec<(&'static LineName, LineTally)>);

impl Tally {
    /// Adds another thread's counts.
    pub fn add(&mut self, other: &Tally) {
        for (name, theirs) in &other.0 {
            let ours = match self.0.iter().position(|(n, _)| std::ptr::eq(*n, *name)) {
                Some(at) => &mut self.0[at].1,
                None => {
                    self.0.push((name, LineTally::default()));
                    &mut self.0.last_mut().expect("just pushed").1
                }
            };
            ours.reads += theirs.reads;
            ours.writes += theirs.writes;
            ours.transfers += theirs.transfers;
        }
    }
}

/// Returns the names of all lines so far; a line's number is the index.
pub(super) fn names() -> Vec<&'static LineName> {
    NAMES.lock().expect("naming a line does not panic").clone()
}

/// Names in the order in which lines of that name were first made.
static NAMES: Mutex<Vec<&'static LineName>> = Mutex::new(Vec::new());

thread_local! {
    static LEDGER: RefCell<Option<Ledger>> = const { RefCell::new(None) };
}

/// A thread remembers as many lines as 8 MiB of cache hold, in sets of four. A fifth line in a set
/// replaces the one that was seen first.
const SETS: usize = 1 << 15;
const WAYS: usize = 4;

/// Stamps of a line's words as a thread last saw or left them.
#[derive(Clone, Copy, Default)]
struct Memory {
    line: usize,
    known: u8,
    stamps: [u16; LINE_WORDS],
}

impl Memory {
    fn changed(&self, word: usize, found: u64) -> bool {
        self.known & 1 << word != 0 && self.stamps[word] != stamp_of(found)
    }

    fn learn(&mut self, word: usize, value: u64) {
        self.known |= 1 << word;
        self.stamps[word] = stamp_of(value);
    }
}

struct Ledger {
    lines: Vec<LineTally>,
    memory: Box<[[Memory; WAYS]]>,
    me: u64,
    writes: u64,
    paused: bool,
}

/// Kind of access: a load, or an access that takes the line for writing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LineAccess {
    Read,
    Write,
}

impl Ledger {
    fn new() -> Self {
        Self {
            lines: Vec::new(),
            memory: vec![[Memory::default(); WAYS]; SETS].into(),
            me: super::host::core() as u64 % WRITERS + 1,
            writes: 0,
            paused: false,
        }
    }

    /// Returns the set in which a line is remembered.
    fn set(&mut self, line: &CountedLine) -> (usize, &mut [Memory; WAYS]) {
        let address = std::ptr::from_ref(line) as usize;
        let hash = (address as u64 >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (address, &mut self.memory[(hash >> (u64::BITS - SETS.ilog2())) as usize])
    }

    fn note(&mut self, line: &CountedLine, word: usize, access: LineAccess, found: u64, left: u64) {
        let moved = self.remember(line, word, access, found, left);
        if self.paused {
            return;
        }
        let name = line.name();
        if self.lines.len() <= name {
            self.lines.resize(name + 1, LineTally::default());
        }
        self.lines[name].add(access, moved);
    }

    /// Remembers a line after an access that found and left these values in a word; true if the
    /// access brought the line here.
    fn remember(
        &mut self,
        line: &CountedLine,
        word: usize,
        access: LineAccess,
        found: u64,
        left: u64,
    ) -> bool {
        let (me, others) = (self.me, line.used().filter(|other| *other != word));
        let look = |other: usize| line.words[other].load(Ordering::Relaxed);
        let (address, set) = self.set(line);
        let Some(place) = set.iter_mut().find(|place| place.line == address) else {
            // Not seen yet, or forgotten: the stamp tells the writer.
            set.rotate_right(1);
            set[0] = Memory { line: address, ..Memory::default() };
            set[0].learn(word, left);
            return others.fold(is_foreign(found, me), |moved, other| {
                let value = look(other);
                set[0].learn(other, value);
                moved | is_foreign(value, me)
            });
        };
        let moved = place.changed(word, found);
        if access == LineAccess::Write && moved {
            // The line came once: its other changed words are no second move.
            place.known = 0;
        }
        place.learn(word, left);
        if access == LineAccess::Write {
            return moved;
        }
        // A read of one word may have brought the write of another. Found later, that write would
        // seem to come later, or be hidden by the next one.
        others.fold(moved, |moved, other| {
            let value = look(other);
            let changed = place.changed(other, value);
            place.learn(other, value);
            moved | changed
        })
    }

    /// Returns `value` with the stamp that this thread last saw in the word.
    fn guess(&mut self, line: &CountedLine, word: usize, value: u64) -> Option<u64> {
        let (address, set) = self.set(line);
        let place = set.iter().find(|place| place.line == address)?;
        let stamp = u64::from(place.stamps[word]) << VALUE_BITS;
        (place.known & 1 << word != 0).then_some(stamp | value)
    }

    fn next_stamp(&mut self) -> u64 {
        self.writes += 1;
        (self.me << WRITER_SHIFT) | (self.writes & 0xff) << VALUE_BITS
    }
}

fn stamp_of(word: u64) -> u16 {
    (word >> VALUE_BITS) as u16
}

/// True if the last thread that stored this word is another one. Additions do not change the thread
/// number in the stamp, except for a carry every 256 additions.
fn is_foreign(word: u64, me: u64) -> bool {
    let writer = word >> WRITER_SHIFT;
    writer != 0 && writer != me
}

/// Eight stamped words, and the name under which they are counted.
///
/// The name is on a line of its own after the words; that line is never written, so it does not
/// move.
#[repr(C, align(64))]
pub struct CountedLine {
    words: [AtomicU64; LINE_WORDS],
    name: u32,
    /// Bits of the words that have a name; a read checks these.
    used: u8,
    /// Directory, if the count is audited.
    directory: Option<Box<AuditDirectory>>,
}

/// One write, in the low byte of the stamp.
const STAMP: u64 = 1 << VALUE_BITS;
/// Upper byte of the stamp: the thread that stored the word. 0: no recorded thread.
const WRITER_SHIFT: u32 = VALUE_BITS + 8;
const WRITERS: u64 = 255;

fn with_ledger<R>(on: impl FnOnce(&mut Ledger) -> R) -> Option<R> {
    LEDGER.with_borrow_mut(|ledger| ledger.as_mut().map(on))
}

impl CountedLine {
    /// Returns the number of its name.
    fn name(&self) -> usize {
        self.name as usize
    }

    /// Returns the words that have a name.
    fn used(&self) -> impl Iterator<Item = usize> + use<> {
        let used = self.used;
        (0..LINE_WORDS).filter(move |word| used & 1 << word != 0)
    }

    /// Holds the line for one access, if the count is audited.
    fn audit(&self, access: LineAccess) -> Option<impl Sized> {
        self.directory.as_ref().map(|directory| directory.note(self.name(), access))
    }

    fn note(&self, word: usize, access: LineAccess, found: u64, left: u64) {
        with_ledger(|ledger| ledger.note(self, word, access, found, left));
    }

    fn stamped(value: u64) -> u64 {
        assert!(value <= VALUE_MASK, "a value fits {VALUE_BITS} bits: {value:#x}");
        value | with_ledger(Ledger::next_stamp).unwrap_or(0)
    }

    fn update(&self, word: usize, order: Ordering, change: impl Fn(u64) -> u64) -> u64 {
        let _audit = self.audit(LineAccess::Write);
        let mut found = self.words[word].load(Ordering::Relaxed);
        loop {
            let left = Self::stamped(change(found & VALUE_MASK));
            match self.words[word].compare_exchange(found, left, order, Ordering::Relaxed) {
                Ok(_) => {
                    self.note(word, LineAccess::Write, found, left);
                    return found & VALUE_MASK;
                }
                Err(now) => found = now,
            }
        }
    }
}

impl Line for CountedLine {
    fn new(name: &'static LineName, words: [u64; LINE_WORDS]) -> Self {
        let mut names = NAMES.lock().expect("naming a line does not panic");
        let id = names.iter().position(|n| std::ptr::eq(*n, name)).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        let used = (0..LINE_WORDS).filter(|word| !name.words[*word].is_empty());
        let used = used.fold(0, |used, word| used | 1 << word);
        let directory = audits().then(Box::default);
        Self { words: words.map(AtomicU64::new), name: id as u32, used, directory }
    }

    fn load(&self, word: usize, order: Ordering) -> u64 {
        let _audit = self.audit(LineAccess::Read);
        let found = self.words[word].load(order);
        self.note(word, LineAccess::Read, found, found);
        found & VALUE_MASK
    }

    fn store(&self, word: usize, value: u64, order: Ordering) {
        // A store returns nothing, so it is done by a swap: that moves the line as the store would,
        // and returns the old word.
        let order = if order == Ordering::Relaxed { order } else { Ordering::AcqRel };
        self.swap(word, value, order);
    }

    fn fetch_add(&self, word: usize, value: u64, order: Ordering) -> u64 {
        let _audit = self.audit(LineAccess::Write);
        let found = self.words[word].fetch_add(STAMP.wrapping_add(value), order);
        self.note(word, LineAccess::Write, found, found.wrapping_add(STAMP).wrapping_add(value));
        found & VALUE_MASK
    }

    fn fetch_sub(&self, word: usize, value: u64, order: Ordering) -> u64 {
        let _audit = self.audit(LineAccess::Write);
        let found = self.words[word].fetch_add(STAMP.wrapping_sub(value), order);
        assert!(found & VALUE_MASK >= value, "a word does not go below zero");
        self.note(word, LineAccess::Write, found, found.wrapping_add(STAMP).wrapping_sub(value));
        found & VALUE_MASK
    }

    fn fetch_or(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.update(word, order, |value| value | bits)
    }

    fn fetch_and(&self, word: usize, bits: u64, order: Ordering) -> u64 {
        self.update(word, order, |value| value & bits)
    }

    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64 {
        let _audit = self.audit(LineAccess::Write);
        let left = Self::stamped(value);
        let found = self.words[word].swap(left, order);
        self.note(word, LineAccess::Write, found, left);
        found & VALUE_MASK
    }

    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let _audit = self.audit(LineAccess::Write);
        // The stamp is guessed from memory, so that the first try is the one access that the bare
        // line makes. If the guess is stale, the failed exchange has already brought the line here,
        // and the second try stays on this core.
        let guess = with_ledger(|ledger| ledger.guess(self, word, current)).flatten();
        let mut expected = guess.unwrap_or(current);
        let left = Self::stamped(new);
        loop {
            match self.words[word].compare_exchange(expected, left, success, failure) {
                Ok(found) => {
                    self.note(word, LineAccess::Write, found, left);
                    return Ok(current);
                }
                Err(found) if found & VALUE_MASK == current => expected = found,
                Err(found) => {
                    self.note(word, LineAccess::Write, found, found);
                    return Err(found & VALUE_MASK);
                }
            }
        }
    }

    fn spin_until(&self, word: usize, done: impl Fn(u64) -> bool) -> u64 {
        let mut spins = 0;
        loop {
            let value = self.load(word, Ordering::Acquire);
            if done(value) {
                return value;
            }
            relax(&mut spins);
        }
    }

    fn prefetch_w(&self) {
        // The directory could only guess the effect of a hint.
        if self.directory.is_none() {
            prefetch_w(self.words.as_ptr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Cores, enter};
    use std::sync::{Arc, Barrier};
    use std::thread;

    static NAME: LineName = LineName { name: "test.line", words: [""; LINE_WORDS] };

    fn counted() -> Tally {
        Counted::finish().lines.expect("it was started")
    }

    fn tally(of: &Tally) -> LineTally {
        of.0.iter()
            .find(|(name, _)| std::ptr::eq(*name, &NAME))
            .map_or_else(Default::default, |t| t.1)
    }

    #[test]
    fn one_thread_moves_nothing() {
        Counted::start();
        let line = CountedLine::new(&NAME, [7; LINE_WORDS]);
        assert_eq!(line.fetch_add(0, 3, Ordering::Relaxed), 7);
        assert_eq!(line.fetch_sub(0, 4, Ordering::Relaxed), 10);
        assert_eq!(line.load(0, Ordering::Relaxed), 6);
        assert_eq!(line.compare_exchange(0, 6, 1, Ordering::AcqRel, Ordering::Relaxed), Ok(6));
        assert_eq!(line.compare_exchange(0, 6, 2, Ordering::AcqRel, Ordering::Relaxed), Err(1));
        assert_eq!(line.swap(0, 12, Ordering::Relaxed), 1);
        assert_eq!(line.fetch_or(0, 3, Ordering::Relaxed), 12);
        assert_eq!(line.fetch_and(0, 3, Ordering::Relaxed), 15);
        line.store(0, 5, Ordering::Release);
        assert_eq!(line.spin_until(0, |v| v == 5), 5);
        let tally = tally(&counted());
        assert_eq!(tally, LineTally { reads: 2, writes: 8, transfers: 0 });
    }

    /// Two threads pass a line back and forth in known turns. Each turn is one move, however many
    /// of the line's words it writes and reads.
    #[test]
    fn every_turn_is_one_transfer() {
        const TURNS: u64 = 10_000;
        let line = Arc::new(CountedLine::new(&NAME, [0; LINE_WORDS]));
        let cores = Cores::new(2);
        let barrier = Arc::new(Barrier::new(2));
        let threads = [0u64, 1].map(|me| {
            let (line, cores, barrier) = (line.clone(), cores.clone(), barrier.clone());
            thread::spawn(move || {
                let _core = enter(&cores, me as usize);
                Counted::start();
                for turn in (me..2 * TURNS).step_by(2) {
                    // The threads wait for their turn on a line that is not counted.
                    while line.words[1].load(Ordering::Acquire) != turn {
                        std::hint::spin_loop();
                    }
                    line.fetch_add(0, 1, Ordering::AcqRel);
                    line.store(2, turn, Ordering::Relaxed);
                    line.fetch_add(3, 1, Ordering::Relaxed);
                    line.words[1].store(turn + 1, Ordering::Release);
                }
                barrier.wait();
                counted()
            })
        });
        let mut total = Tally::default();
        for thread in threads {
            total.add(&thread.join().expect("the thread ends"));
        }
        // Each thread's first access finds no remembered line.
        assert_eq!(tally(&total).transfers, 2 * TURNS - 2);
        assert_eq!(tally(&total).writes, 3 * 2 * TURNS);
    }
}
