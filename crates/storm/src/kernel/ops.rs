//! What writers do: system calls.

use super::super::steps::{Edit, SECOND_PLACE};
use super::space::{Space, raw, unmap, zap};
use mm::addr::Vaddr;
use rustix::io::Errno;
use rustix::mm::{MprotectFlags, MremapFlags, mprotect, mremap_fixed};
use std::ops::Range;

impl Space {
    /// Does an operation of a writer; false where there was nothing to do.
    ///
    /// # Panics
    /// Where the kernel refuses for another reason.
    pub(super) fn edit(&self, edit: &Edit) -> bool {
        // What the kernel says where the operation does not fit what is there.
        let (done, nothing_to_do) = match edit {
            Edit::Mmap(mapping) => (self.map(mapping), Some(Errno::EXIST)),
            Edit::Munmap(range) => (unmap(&plain(range)), None),
            Edit::Mprotect(range, writable) => {
                (protect(&plain(range), *writable), Some(Errno::NOMEM))
            }
            Edit::MadviseDontneed(range) => (zap(&plain(range)), Some(Errno::NOMEM)),
            Edit::Mremap(range, second) => {
                let back = range.start.0 + SECOND_PLACE..range.end.0 + SECOND_PLACE;
                let there = remap(&plain(range), second.0);
                (there.or_else(|_| remap(&back, range.start.0)), Some(Errno::FAULT))
            }
            Edit::Truncate(file, pages) => (self.files[*file].set_pages(*pages), None),
            Edit::ExpandStack(..) | Edit::Fork => {
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

fn plain(range: &Range<Vaddr>) -> Range<u64> {
    range.start.0..range.end.0
}

fn protect(range: &Range<u64>, writable: bool) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    let write = if writable { MprotectFlags::WRITE } else { MprotectFlags::empty() };
    // SAFETY: no Rust object is in the memory of a storm.
    unsafe { mprotect(at, bytes, MprotectFlags::READ | write) }
}

/// Moves a range that is mapped whole. Nothing is at the other place that it could replace.
fn remap(range: &Range<u64>, to: u64) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    let to = std::ptr::with_exposed_provenance_mut(to as usize);
    // SAFETY: both places are the storm's, and no Rust object is in its memory.
    unsafe { mremap_fixed(at, bytes, bytes, MremapFlags::MAYMOVE, to) }.map(|_| ())
}
