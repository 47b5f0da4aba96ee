//! Time of faults and operations, split by the names of locks, lines and other waits.

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::measured::Measured;
use super::rate::RatedEvent;

/// Name of faults among the keys of [`Measured::time`].
pub const FAULT: &str = "fault";

/// Time of faults, or of operations of one kind: its own work, and all that it waited for. In the
/// model each picosecond is in exactly one part, so that `work_ns` and the waits add up to
/// `total_ns`. On the host waits are timed only where the code has to wait (a lock that is taken
/// at once has none), and the time for which a line is on its way is part of the work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct TimeUse {
    /// Faults or operations that were recorded.
    pub count: u64,
    /// Mean time of one, in nanoseconds.
    pub total_ns: f64,
    /// Mean time of one that is no wait of `waits`, in nanoseconds.
    pub work_ns: f64,
    /// Waits by kind and name, the longest first.
    pub waits: Vec<WaitedFor>,
}

/// Waits for one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct WaitedFor {
    /// Kind of thing.
    pub kind: WaitKind,
    /// Lock, as `mmap_lock read` or `zone->lock`; line, as `mm.mmap_lock`; else the kind in words.
    pub name: String,
    /// Mean time for one fault or operation, in nanoseconds.
    pub ns: f64,
    /// Number of waits, of all faults or operations together.
    pub waits: u64,
    /// Median length of one wait, in nanoseconds; null in the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ns: Option<f64>,
}

/// Kind of what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// A lock that another core held, with all transfers of lines until it was taken.
    Lock,
    /// A cache line that another core had, outside of waits for locks.
    Line,
    /// The sending of a shootdown, and the answers to it.
    Shootdown,
    /// An answer to a shootdown of another core.
    Interrupted,
    /// I/O.
    Io,
    /// The end of a grace period, or memory that one holds back.
    GracePeriod,
    /// Memory bandwidth that other cores use.
    Memory,
}

/// Holds of a lock, by operations of one kind, for which other cores waited. A hold lasts from
/// the time at which its core continues with the lock to its release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub struct LockHold {
    /// Lock, as `mmap_lock write`: named as what its holder would have waited for.
    pub lock: String,
    /// Holder: `fault`, or the operation as in `ops`.
    pub by: String,
    /// Function of the kernel that the holder stands for, as `do_mprotect_pkey`.
    pub kernel_function: String,
    /// Number of holds for which others waited.
    pub holds: u64,
    /// Their median length, in nanoseconds, within 1 %.
    pub median_ns: f64,
    /// The longest, in nanoseconds.
    pub longest_ns: f64,
    /// Mean number of waits for a hold. A core that waits twice during one hold counts twice.
    pub waiters_mean: f64,
    /// Most waits for one hold.
    pub waiters_max: u64,
    /// Time that cores waited for these holds, in nanoseconds, all cores together. Each wait
    /// counts once: for who held the lock when it began, or, if a reader waits while readers hold
    /// the lock, for the writer that waits for them.
    pub waited_ns: f64,
}

impl Measured {
    /// Returns where the time of an event went; `None` if it was not recorded.
    pub fn time_of(&self, event: &RatedEvent) -> Option<&TimeUse> {
        self.time.get(match event {
            RatedEvent::Faults => FAULT,
            RatedEvent::Op(name) => name,
        })
    }
}

impl TimeUse {
    /// Returns the time of all waits of a kind, in nanoseconds per fault or operation.
    pub fn of_kind(&self, kind: WaitKind) -> f64 {
        self.waits.iter().filter(|wait| wait.kind == kind).map(|wait| wait.ns).sum()
    }

    /// Returns the time of the waits with this kind and name, in nanoseconds; 0 if there is none.
    pub fn waited(&self, kind: WaitKind, name: &str) -> f64 {
        let same = |wait: &&WaitedFor| wait.kind == kind && wait.name == name;
        self.waits.iter().filter(same).map(|wait| wait.ns).sum()
    }
}
