//! Operations of writers: system calls.

use super::super::steps::{SECOND_PLACE, WriterOp};
use super::space::{ProcessSpace, raw, unmap, zap};
use mm::addr::{PAGE_BYTES, Vaddr};
use mm::fault::Access;
use mm::writer::{INCORE_PAGES, ReadAdvice};
use rustix::io::Errno;
use rustix::mm::{Advice, MprotectFlags, MremapFlags, madvise, mprotect, mremap_fixed};
use std::ops::Range;

/// Errors of MADV_POPULATE (madvise(2)): a part is not mapped, may not be accessed in this way, or
/// is beyond the end of a file.
const POPULATES_NOTHING: [Errno; 3] = [Errno::NOMEM, Errno::INVAL, Errno::FAULT];

impl ProcessSpace {
    /// Does an operation of a writer; false if there was nothing to do.
    ///
    /// # Panics
    /// If the kernel refuses for another reason.
    pub(super) fn edit(&self, edit: &WriterOp) -> bool {
        // The kernel's errors if the operation does not fit the mappings that are there.
        let (done, nothing_to_do): (_, &[Errno]) = match edit {
            WriterOp::Mmap(mapping) => (self.map(mapping), &[Errno::EXIST]),
            WriterOp::Munmap(range) => (unmap(&plain(range)), &[]),
            WriterOp::Mprotect(range, writable) => {
                (protect(&plain(range), *writable), &[Errno::NOMEM])
            }
            WriterOp::MadviseDontneed(range) => (zap(&plain(range)), &[Errno::NOMEM]),
            WriterOp::MadviseFree(range) => {
                (advise(&plain(range), Advice::LinuxFree), &[Errno::NOMEM])
            }
            WriterOp::MadviseReads(range, advice) => {
                (advise(&plain(range), of_reads(*advice)), &[Errno::NOMEM])
            }
            WriterOp::MadvisePopulate(range, access) => {
                (advise(&plain(range), of_populate(*access)), &POPULATES_NOTHING)
            }
            WriterOp::Mincore(range) => (mincore(&plain(range)), &[Errno::NOMEM]),
            WriterOp::Mremap(range, second) => {
                let back = range.start.0 + SECOND_PLACE..range.end.0 + SECOND_PLACE;
                let there = remap(&plain(range), second.0);
                (there.or_else(|_| remap(&back, range.start.0)), &[Errno::FAULT])
            }
            WriterOp::Truncate(file, pages) => (self.files[*file].set_pages(*pages), &[]),
            WriterOp::Smaps => (read_smaps(), &[]),
            WriterOp::ExpandStack(..) | WriterOp::Fork | WriterOp::NumaScan(_) => {
                unreachable!("a workload with these is refused")
            }
        };
        match done {
            Ok(()) => true,
            Err(error) if nothing_to_do.contains(&error) => false,
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

/// Gives advice that a program may give for memory of its own.
fn advise(range: &Range<u64>, advice: Advice) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    // SAFETY: no Rust object is in the memory of a storm.
    unsafe { madvise(at, bytes, advice) }
}

fn of_reads(advice: ReadAdvice) -> Advice {
    match advice {
        ReadAdvice::Normal => Advice::Normal,
        ReadAdvice::Sequential => Advice::Sequential,
        ReadAdvice::Random => Advice::Random,
    }
}

fn of_populate(access: Access) -> Advice {
    match access {
        Access::Read => Advice::LinuxPopulateRead,
        Access::Write => Advice::LinuxPopulateWrite,
    }
}

/// Looks which pages of a range are in memory, in calls as short as the kernel's own steps.
fn mincore(range: &Range<u64>) -> Result<(), Errno> {
    let mut each = [0_u8; INCORE_PAGES];
    let bytes_max = INCORE_PAGES as u64 * PAGE_BYTES;
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + bytes_max);
        let (start, bytes) = raw(&(at..end));
        // SAFETY: `each` has a byte for each page of the range, and nothing else is written.
        if unsafe { libc::mincore(start, bytes, each.as_mut_ptr()) } != 0 {
            let error = std::io::Error::last_os_error();
            return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        }
        at = end;
    }
    Ok(())
}

/// Moves a range that is mapped whole. Nothing is at the other place that it could replace.
fn remap(range: &Range<u64>, to: u64) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    let to = std::ptr::with_exposed_provenance_mut(to as usize);
    // SAFETY: both places are the storm's, and no Rust object is in its memory.
    unsafe { mremap_fixed(at, bytes, bytes, MremapFlags::MAYMOVE, to) }.map(|_| ())
}
