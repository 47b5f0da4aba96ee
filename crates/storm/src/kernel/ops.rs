//! Operations of writers: system calls.

use super::super::steps::{SECOND_PLACE, WriterOp};
use super::space::{ProcessSpace, raw, unmap, zap};
use mm::addr::Vaddr;
use rustix::io::Errno;
use rustix::mm::{Advice, MprotectFlags, MremapFlags, madvise, mprotect, mremap_fixed};
use std::ops::Range;

impl ProcessSpace {
    /// Does an operation of a writer; false if there was nothing to do.
    ///
    /// # Panics
    /// If the kernel refuses for another reason.
    pub(super) fn edit(&self, edit: &WriterOp) -> bool {
        // The kernel's error if the operation does not fit the mappings that are there.
        let (done, nothing_to_do) = match edit {
            WriterOp::Mmap(mapping) => (self.map(mapping), Some(Errno::EXIST)),
            WriterOp::Munmap(range) => (unmap(&plain(range)), None),
            WriterOp::Mprotect(range, writable) => {
                (protect(&plain(range), *writable), Some(Errno::NOMEM))
            }
            WriterOp::MadviseDontneed(range) => (zap(&plain(range)), Some(Errno::NOMEM)),
            WriterOp::MadviseFree(range) => (free(&plain(range)), Some(Errno::NOMEM)),
            WriterOp::Mremap(range, second) => {
                let back = range.start.0 + SECOND_PLACE..range.end.0 + SECOND_PLACE;
                let there = remap(&plain(range), second.0);
                (there.or_else(|_| remap(&back, range.start.0)), Some(Errno::FAULT))
            }
            WriterOp::Truncate(file, pages) => (self.files[*file].set_pages(*pages), None),
            WriterOp::Smaps => (read_smaps(), None),
            WriterOp::ExpandStack(..) | WriterOp::Fork | WriterOp::NumaScan(_) => {
                unreachable!("a workload with these is refused")
            }
        };
        match done {
            Ok(()) => true,
            Err(error) if Some(error) == nothing_to_do => false,
            Err(error) => panic!("the kernel refuses {edit:?}: {error}"),
        }
    }
}

/// Reads the sums of all mappings of this process.
fn read_smaps() -> Result<(), Errno> {
    let read = std::fs::read("/proc/self/smaps_rollup");
    read.map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

fn plain(range: &Range<Vaddr>) -> Range<u64> {
    range.start.0..range.end.0
}

fn protect(range: &Range<u64>, writable: bool) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    let write = if writable { MprotectFlags::WRITE } else { MprotectFlags::empty() };
    // SAFETY: no Rust object is in the memory of a storm.
    unsafe { mprotect(at, bytes, MprotectFlags::READ | write) }
}

/// Lets the kernel reclaim the pages of a range.
fn free(range: &Range<u64>) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    // SAFETY: no Rust object is in the memory of a storm.
    unsafe { madvise(at, bytes, Advice::LinuxFree) }
}

/// Moves a range that is mapped whole. Nothing is at the other place that it could replace.
fn remap(range: &Range<u64>, to: u64) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    let to = std::ptr::with_exposed_provenance_mut(to as usize);
    // SAFETY: both places are the storm's, and no Rust object is in its memory.
    unsafe { mremap_fixed(at, bytes, bytes, MremapFlags::MAYMOVE, to) }.map(|_| ())
}
