//! Needs of storms, decided before anything is allocated: memory, addresses,
//! threads and open files.

use anyhow::anyhow;

use crate::cmd::error::CommandError;
use document::run::{Body, Key, World};
use host::preflight::{STACK_BYTES, Usable};
use inputs::workload::units::approximate_size;
use inputs::workload::{PAGE_BYTES, Workload};
use machine::host::{Counted, Host};
use machine::model::{self, Model};
use storm::needs::{self, Needs};

/// Addresses, and what limits them.
const ADDRESSES: &str = "addresses (ulimit -v)";

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
    /// The most files that a storm makes.
    files: u64,
}

impl Room {
    /// Returns the memory that stays taken between storms.
    pub fn arena_bytes(&self) -> u64 {
        self.frames as u64 * PAGE_BYTES
    }

    /// Makes room for a storm, and for a pass that counts transfers if there is one. The
    /// arena stays while spaces and the kernel's own pages come and go.
    pub(super) fn make(&mut self, needs: &Needs, key: &Key, counts_lines: bool) {
        let space_bytes = match counts_lines {
            true => needs.space_bytes::<Host<Counted>>(),
            false => needs.space_bytes::<Host>(),
        };
        let (frames, files, space_bytes) = match (key.world, key.body) {
            (World::Kernel, _) => (0, needs.files, needs.content_bytes()),
            (_, Body::Real) => (needs.frames, 0, space_bytes),
            (_, Body::None) => (0, 0, space_bytes),
        };
        let beside_bytes = space_bytes.saturating_add(needs.measuring_bytes());
        self.frames = self.frames.max(frames);
        self.files = self.files.max(files);
        self.threads = self.threads.max(needs.threads);
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
        let needed = self.arena_bytes().saturating_add(self.beside_bytes);
        if needed > usable.bytes {
            return Err(self.refused("memory", needed, usable.bytes));
        }
        let addresses = needed.saturating_add(self.threads * STACK_BYTES);
        if addresses > usable.address_bytes {
            return Err(self.refused(ADDRESSES, addresses, usable.address_bytes));
        }
        if self.threads > usable.threads {
            return Err(CommandError::machine(anyhow!(
                "the largest storm has {} threads, and {} can be started (ulimit -u, pids.max of a \
                 control group): give fewer --threads",
                self.threads,
                usable.threads
            )));
        }
        if self.files > usable.files {
            return Err(CommandError::machine(anyhow!(
                "the largest storm of the kernel makes {} files, and {} can be open (ulimit -n): \
                 give fewer --threads, or files that threads share",
                self.files,
                usable.files
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

/// Needs of a storm of the model. Its cores are no threads: as many storms run at a time as fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cmd) struct ModelRoom {
    bytes: u64,
    address_bytes: u64,
}

impl ModelRoom {
    pub(super) fn of(needs: &Needs) -> ModelRoom {
        let bytes = needs.space_bytes::<Model>().saturating_add(needs.measuring_bytes_in_model());
        let stacks = needs.threads * model::STACK_BYTES as u64 + STACK_BYTES;
        ModelRoom { bytes, address_bytes: bytes.saturating_add(stacks) }
    }

    /// Refuses a storm that needs more than can be had.
    ///
    /// # Errors
    ///
    /// The need and the room for it.
    pub(super) fn fits(
        self,
        workload: &Workload,
        weighted_threads: usize,
        usable: Usable,
    ) -> Result<(), CommandError> {
        let advice = "give fewer --threads, a smaller workload, or fewer --faults";
        let fits = |bytes, usable, what| {
            needs::fits(workload, weighted_threads, bytes, usable, what, advice)
                .map_err(CommandError::machine)
        };
        fits(self.bytes, usable.bytes, "memory")?;
        fits(self.address_bytes, usable.address_bytes, ADDRESSES)
    }

    /// Returns the number of storms at a time: at most `jobs`, and as many as the largest of them
    /// leaves room for.
    pub fn jobs(all: impl Iterator<Item = ModelRoom>, jobs: usize, usable: Usable) -> usize {
        let largest = all.fold(ModelRoom::default(), |most, room| ModelRoom {
            bytes: most.bytes.max(room.bytes),
            address_bytes: most.address_bytes.max(room.address_bytes),
        });
        let fit = |usable: u64, each| usable.checked_div(each).unwrap_or(u64::MAX);
        let fit = fit(usable.bytes, largest.bytes)
            .min(fit(usable.address_bytes, largest.address_bytes))
            // One more waits for all of them.
            .min(usable.threads.saturating_sub(1));
        jobs.min(usize::try_from(fit).unwrap_or(usize::MAX)).max(1)
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
        assert!(small.contains("needs 129MiB of addresses (ulimit -v) and 128MiB"), "{small}");
        let room = Room { files: 65, ..room };
        let few = room.fits(Usable { files: 64, ..Usable::ALL }).expect_err("they do not fit");
        assert!(
            few.to_string().contains("makes 65 files, and 64 can be open (ulimit -n)"),
            "{few}"
        );
    }

    #[test]
    fn as_many_storms_of_the_model_run_as_there_is_room_for() {
        let room = ModelRoom { bytes: 100, address_bytes: 1000 };
        let jobs = |usable| ModelRoom::jobs([room, ModelRoom::default()].into_iter(), 8, usable);
        assert_eq!(jobs(Usable::ALL), 8);
        assert_eq!(jobs(Usable { bytes: 350, ..Usable::ALL }), 3);
        assert_eq!(jobs(Usable { address_bytes: 2500, ..Usable::ALL }), 2);
        assert_eq!(jobs(Usable { threads: 5, ..Usable::ALL }), 4);
        assert_eq!(jobs(Usable { threads: 0, bytes: 1, ..Usable::ALL }), 1);
    }
}
