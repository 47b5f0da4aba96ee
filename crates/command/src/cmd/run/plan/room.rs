//! Needs of the storms of this machine, decided before anything is allocated.

use anyhow::anyhow;

use crate::cmd::error::CommandError;
use document::run::{Body, Key, World};
use host::preflight::{STACK_BYTES, Usable};
use inputs::workload::PAGE_BYTES;
use inputs::workload::units::approximate_size;
use machine::host::{Counted, Host};
use storm::needs::Needs;

/// Addresses that a thread takes beside its stack: a histogram of 216 KiB for each kind of fault,
/// for I/O and for each operation of writers, and its notes of the time.
const THREAD_BYTES: u64 = 6 << 20;

/// Needs of all storms of this machine, which run one after another.
#[derive(Default)]
pub(in super::super) struct Room {
    /// Frames of the arena that all storms share.
    pub frames: usize,
    /// The most memory that a storm takes beside the arena.
    beside_bytes: u64,
    /// The largest storm, as messages name it, and its memory without what others need.
    largest: (String, u64),
    /// The most threads of a storm.
    threads: u64,
}

impl Room {
    /// Makes room for a storm, and for a pass that counts transfers if there is one. The
    /// arena stays while spaces and the kernel's own pages come and go.
    pub(super) fn make(&mut self, needs: &Needs, key: &Key, counts_lines: bool) {
        let space_bytes = match counts_lines {
            true => needs.space_bytes::<Host<Counted>>(),
            false => needs.space_bytes::<Host>(),
        };
        let (frames, beside_bytes) = match (key.world, key.body) {
            (World::Kernel, _) => (0, needs.content_bytes()),
            (_, Body::Real) => (needs.frames, space_bytes),
            (_, Body::None) => (0, space_bytes),
        };
        self.frames = self.frames.max(frames);
        self.threads = self.threads.max(u64::from(key.threads));
        self.beside_bytes = self.beside_bytes.max(beside_bytes);
        let bytes = beside_bytes.saturating_add(frames as u64 * PAGE_BYTES);
        if bytes > self.largest.1 {
            self.largest = (format!("'{}' at {} threads", key.workload, key.threads), bytes);
        }
    }

    /// Refuses a run that needs more than can be had, before its first storm.
    ///
    /// # Errors
    ///
    /// The need, the room for it, and a size that would fit.
    pub(super) fn fits(&self, usable: Usable) -> Result<(), CommandError> {
        let needed = (self.frames as u64 * PAGE_BYTES).saturating_add(self.beside_bytes);
        if needed > usable.bytes {
            return Err(self.refused("memory", needed, usable.bytes));
        }
        let addresses = needed.saturating_add(self.threads * (STACK_BYTES + THREAD_BYTES));
        if addresses > usable.address_bytes {
            return Err(self.refused("addresses (ulimit -v)", addresses, usable.address_bytes));
        }
        if self.threads > usable.threads {
            return Err(CommandError::machine(anyhow!(
                "the largest storm has {} threads, and {} can be started (pids.max of its control \
                 group): give fewer --threads",
                self.threads,
                usable.threads
            )));
        }
        Ok(())
    }

    fn refused(&self, what: &str, needed: u64, usable: u64) -> CommandError {
        let without_bodies = match self.frames > 0 && self.beside_bytes <= usable {
            true => format!(", or '--body none', for {}", approximate_size(self.beside_bytes)),
            false => String::new(),
        };
        CommandError::machine(anyhow!(
            "the largest storm, {}, needs {} of {what} and {} can be had: give fewer --threads, \
             a smaller workload{without_bodies}",
            self.largest.0,
            approximate_size(needed),
            approximate_size(usable)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_refused_with_both_numbers() {
        let room = Room { threads: 64, beside_bytes: 1 << 20, ..Room::default() };
        let said = |usable| room.fits(usable).expect_err("it does not fit").to_string();
        assert!(room.fits(Usable::ALL).is_ok());
        let few = said(Usable { threads: 63, ..Usable::ALL });
        assert!(few.contains("has 64 threads, and 63 can be started"), "{few}");
        let small = said(Usable { address_bytes: 128 << 20, ..Usable::ALL });
        assert!(small.contains("needs 513MiB of addresses (ulimit -v) and 128MiB"), "{small}");
    }
}
