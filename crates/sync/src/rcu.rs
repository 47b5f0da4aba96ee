//! RCU: read sections, and work that is deferred until earlier read sections have ended.
//!
//! Only pin and defer are taken from crossbeam-epoch: one `Collector` for each address space and
//! one `LocalHandle` for each core, never the global ones. Its atomics are not tracked lines. A pin
//! costs about 7 ns and a full fence, while the kernel's read section writes no shared line;
//! therefore every strategy pays the same pin, and a model charges [`Work::ReadSection`] instead.

use crossbeam_epoch::{Collector, Guard, LocalHandle};
use machine::{Machine, Work};

/// A domain: its readers and the objects that they keep alive.
#[derive(Debug, Default)]
pub struct Rcu(Collector);

impl Rcu {
    /// Creates a domain without readers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a reader for the calling core.
    pub fn reader(&self) -> RcuReader {
        RcuReader(self.0.register())
    }
}

/// A core's handle to enter read sections.
#[derive(Debug)]
pub struct RcuReader(LocalHandle);

impl RcuReader {
    /// Enters a read section; objects that it can reach are not freed until it ends.
    #[inline(always)]
    pub fn read<M: Machine>(&self) -> ReadSection {
        M::work(Work::ReadSection);
        ReadSection(self.0.pin())
    }

    /// Enters a section to defer or free objects. Not charged: the kernel's `call_rcu` needs no
    /// read section.
    pub fn writer_section(&self) -> ReadSection {
        ReadSection(self.0.pin())
    }
}

/// A read section; ends when it drops.
#[must_use]
pub struct ReadSection(Guard);

impl ReadSection {
    /// Runs `free` after every read section that has already begun has ended.
    pub fn defer(&self, free: impl FnOnce() + Send + 'static) {
        self.0.defer(free);
    }

    /// Makes the work deferred on this core available to the next core that ends a grace period.
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
