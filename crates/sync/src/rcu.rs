//! RCU: read sections, and work deferred until those that may matter have ended.
//!
//! crossbeam-epoch supplies pin and defer, and no more: its own `Collector` for
//! every address space, a `LocalHandle` for every core, never the global one. Its
//! atomics are no lines of ours. A pin costs about 7 ns and a full fence where the
//! kernel's read section costs nothing shared, so every strategy pays it alike and
//! a model charges [`Work::ReadSection`] instead.

use crossbeam_epoch::{Collector, Guard, LocalHandle};
use machine::{Machine, Work};

/// A domain of readers and of what they keep alive.
#[derive(Debug, Default)]
pub struct Rcu(Collector);

impl Rcu {
    /// A domain without readers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader for the calling core.
    pub fn reader(&self) -> RcuReader {
        RcuReader(self.0.register())
    }
}

/// What a core enters read sections with.
#[derive(Debug)]
pub struct RcuReader(LocalHandle);

impl RcuReader {
    /// Enters a read section; what it can reach is not freed until it ends.
    #[inline(always)]
    pub fn read<M: Machine>(&self) -> ReadSection {
        M::work(Work::ReadSection);
        ReadSection(self.0.pin())
    }

    /// The same for who defers or frees: the kernel's `call_rcu` needs no read section, so
    /// none is charged.
    pub fn writer_section(&self) -> ReadSection {
        ReadSection(self.0.pin())
    }
}

/// A read section; ends when it drops.
#[must_use]
pub struct ReadSection(Guard);

impl ReadSection {
    /// Runs `free` once every read section that has begun by now has ended.
    pub fn defer(&self, free: impl FnOnce() + Send + 'static) {
        self.0.defer(free);
    }

    /// Hands what was deferred on this core to whoever ends a grace period next.
    pub fn flush(&self) {
        self.0.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::host::Host;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_reader_delays_what_was_deferred_after_it_began() {
        let rcu = Rcu::new();
        let (reader, writer) = (rcu.reader(), rcu.reader());
        let freed = Arc::new(AtomicBool::new(false));
        let section = reader.read::<Host>();
        let flag = freed.clone();
        writer.read::<Host>().defer(move || flag.store(true, Ordering::Release));
        for _ in 0..64 {
            writer.read::<Host>().flush();
        }
        assert!(!freed.load(Ordering::Acquire), "a reader that began before may still look");
        drop(section);
        for _ in 0..64 {
            writer.read::<Host>().flush();
        }
        assert!(freed.load(Ordering::Acquire));
    }
}
