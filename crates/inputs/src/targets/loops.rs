//! Tight loops on lines, which a file of targets can name in place of a strategy.

use std::fmt;

/// A loop that each thread repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Loop {
    /// The repeated operation.
    pub kind: LoopKind,
    /// Work inside, between entry and exit, in nanoseconds.
    pub critical_ns: u64,
    /// Work outside, after the exit, in nanoseconds.
    pub parallel_ns: u64,
    /// Threads that write, in addition to those that are counted.
    pub writers: usize,
}

/// An operation on a line, or the entry and exit of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LoopKind {
    /// One atomic addition.
    FetchAdd,
    /// An addition and a subtraction.
    IncDec,
    /// A load, then compare-exchanges until one succeeds.
    CompareExchange,
    /// Compare-exchanges without a load, until it is this core's turn.
    BlindHandOver,
    /// Loads until it is this core's turn, then a compare-exchange.
    LoadHandOver,
    /// A reference taken by load and compare-exchange, and dropped by a subtraction.
    RefCount,
    /// Readers of a spinning reader-writer lock that enter by an addition.
    RwLockRead,
    /// Readers of a spinning reader-writer lock that enter by load and compare-exchange.
    CasRwLockRead,
    /// Readers of a sleeping reader-writer semaphore.
    RwSemRead,
    /// Writers of it.
    RwSemWrite,
    /// Readers of a sequence count.
    SeqCountRead,
    /// Readers of sleepable RCU.
    SrcuRead,
    /// A ticket spinlock.
    TicketLock,
    /// A queued spinlock.
    QueuedLock,
}

/// A row of the table of loops.
struct Row {
    kind: LoopKind,
    name: &'static str,
    about: &'static str,
    /// True if it can have writers beside its threads.
    has_writers: bool,
}

const fn row(kind: LoopKind, name: &'static str, about: &'static str) -> Row {
    Row { kind, name, about, has_writers: false }
}

const fn read_row(kind: LoopKind, name: &'static str, about: &'static str) -> Row {
    Row { has_writers: true, ..row(kind, name, about) }
}

#[rustfmt::skip]
const ROWS: [Row; 14] = [
    row(LoopKind::FetchAdd, "fetch-add", "one atomic addition"),
    row(LoopKind::IncDec, "inc-dec", "an atomic addition and a subtraction: one operation"),
    row(LoopKind::CompareExchange, "compare-exchange",
        "a load, then compare-exchanges until one succeeds"),
    row(LoopKind::BlindHandOver, "blind-hand-over",
        "compare-exchanges without a load, until it is this core's turn"),
    row(LoopKind::LoadHandOver, "load-hand-over",
        "loads until it is this core's turn, then a compare-exchange"),
    row(LoopKind::RefCount, "refcount",
        "a reference taken by compare-exchange unless zero, and dropped by a subtraction"),
    read_row(LoopKind::RwLockRead, "rwlock-read",
        "readers of a spinning lock: an addition and a subtraction (`qrwlock`)"),
    row(LoopKind::CasRwLockRead, "cas-rwlock-read",
        "readers of a spinning lock: load and compare-exchange, then a subtraction"),
    read_row(LoopKind::RwSemRead, "rwsem-read", "`down_read` and `up_read`"),
    row(LoopKind::RwSemWrite, "rwsem-write", "`down_write` and `up_write`"),
    read_row(LoopKind::SeqCountRead, "seqcount-read",
        "readers of a sequence count: one attempt, whether or not it met a writer"),
    row(LoopKind::SrcuRead, "srcu-read", "a read section of sleepable RCU, with its two fences"),
    row(LoopKind::TicketLock, "ticket-lock", "a ticket spinlock"),
    row(LoopKind::QueuedLock, "queued-lock", "a queued spinlock (MCS), the kernel's"),
];

impl LoopKind {
    /// Names of all loops, as files have them.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        ROWS.iter().map(|row| row.name)
    }

    /// Finds a loop by its name.
    pub fn find(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.kind)
    }

    /// Returns the name of a loop.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// True if it can have writers beside its threads.
    pub fn has_writers(self) -> bool {
        self.row().has_writers
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.kind == self).expect("each kind has a row")
    }

    /// Returns the table of all loops, as Markdown.
    pub fn markdown() -> String {
        let row = |row: &Row| format!("| `{}` | {} |\n", row.name, row.about);
        "| loop | what |\n|---|---|\n".to_owned() + &ROWS.iter().map(row).collect::<String>()
    }
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if (self.critical_ns, self.parallel_ns) != (0, 0) {
            write!(f, " {}/{} ns", self.critical_ns, self.parallel_ns)?;
        }
        match self.writers {
            0 => Ok(()),
            1 => f.write_str(", a writer"),
            n => write!(f, ", {n} writers"),
        }
    }
}
