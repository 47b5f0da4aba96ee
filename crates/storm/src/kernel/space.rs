//! The part of this process's address space that a storm has: made at the addresses of the plan,
//! gone when dropped.

use super::super::StormError;
use super::super::contents::Contents;
use super::super::plan::Plan;
use super::super::steps::{SECOND_PLACE, TouchPlan};
use super::files::{FileFacts, OpenFile};
use super::huge_pages;
use host::Roots;
use mm::addr::PAGE_BYTES;
use mm::fault::{Access, Kind};
use mm::vma::{Mapping, flag};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ops::Range;
use workload::{Action, Backing, Workload};

/// Mappings of a storm.
pub struct ProcessSpace {
    pub(super) files: Vec<OpenFile>,
    /// For each VMA what a fault of a read and of a write does.
    kinds: Vec<[Kind; 2]>,
    /// Advice on huge pages.
    huge_pages: Option<Advice>,
    /// A writer changes the length of files.
    truncates: bool,
    /// Ranges that may be mapped: the places of all VMAs, and the second places of what moves.
    places: Vec<Range<u64>>,
}

impl ProcessSpace {
    /// Makes files and mappings. `around_bytes`: what a read fault of a file maps.
    pub(super) fn new(
        workload: &Workload,
        plan: &Plan,
        contents: &Contents,
        around_bytes: u64,
    ) -> Result<Self, StormError> {
        let second = plan.places.start + SECOND_PLACE..plan.places.end + SECOND_PLACE;
        let moves = workload.changes().any(|change| matches!(change.action, Action::Mremap(_)));
        let places: Vec<_> =
            [plan.places.clone()].into_iter().chain(moves.then_some(second)).collect();
        places.iter().try_for_each(is_free)?;
        let files = (plan.files.iter().zip(&plan.file_pages).enumerate())
            .map(|(number, (file, pages))| {
                OpenFile::new(file, pages, |page| contents.is_cached(number, page))
            })
            .collect::<Result<_, _>>()?;
        let kinds = workload.vmas.iter().map(|vma| kinds(vma.backing, around_bytes)).collect();
        let space = Self {
            files,
            kinds,
            huge_pages: huge_pages::advice(workload.huge_pages, &Roots::default()),
            truncates: workload.may_sigbus(),
            places,
        };
        space.map_all(&plan.mappings)?;
        Ok(space)
    }

    /// The kind of a fault of these touches.
    pub(super) fn kind(&self, touch: &TouchPlan) -> Kind {
        self.kinds[touch.vma][usize::from(touch.access == Access::Write)]
    }

    /// Makes the mappings with which a round starts.
    pub(super) fn map_all(&self, mappings: &[Mapping]) -> Result<(), StormError> {
        mappings.iter().try_for_each(|mapping| {
            self.map(mapping).map_err(|error| {
                let bytes = mapping.end.0 - mapping.start.0;
                StormError::Machine(format!("cannot map {bytes} bytes: {error}"))
            })
        })
    }

    /// Makes a mapping; fails if something is mapped there.
    pub(super) fn map(&self, mapping: &Mapping) -> Result<(), Errno> {
        let range = mapping.start.0..mapping.end.0;
        let (at, bytes) = raw(&range);
        let write = mapping.flags & flag::WRITE != 0;
        let prot = if write { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        let shared = mapping.flags & flag::SHARED != 0;
        let flags = if shared { MapFlags::SHARED } else { MapFlags::PRIVATE };
        let flags = flags | MapFlags::FIXED_NOREPLACE;
        let file = mapping.file.map(|number| &self.files[number]);
        let found = match file {
            // SAFETY: nothing is replaced, and no Rust object is ever in it.
            None => unsafe { mmap_anonymous(at, bytes, prot, flags)? },
            // SAFETY: as above.
            Some(file) => unsafe {
                mmap(at, bytes, prot, flags, &file.fd, mapping.pgoff * PAGE_BYTES)?
            },
        };
        if found != at {
            // Before Linux 4.17 the address is a wish.
            // SAFETY: it was made just now, and no reference to it exists.
            unsafe { munmap(found, bytes)? };
            return Err(Errno::EXIST);
        }
        if file.is_some_and(OpenFile::is_read_in) {
            // A miss reads one page, as everywhere: no readahead.
            // SAFETY: it changes no content.
            unsafe { madvise(at, bytes, Advice::Random)? };
        }
        match self.huge_pages {
            // SAFETY: it changes no content.
            Some(advice) => unsafe { madvise(at, bytes, advice) },
            None => Ok(()),
        }
    }

    /// Unmaps everything.
    pub(super) fn unmap(&self) {
        for place in &self.places {
            unmap(place).expect("whole pages can be unmapped, if anything is there or not");
        }
    }

    /// Drops the pages of part `share` of `shares` of the mappings.
    pub(super) fn zap_share(&self, mappings: &[Mapping], share: u64, shares: u64) {
        let bytes = |mapping: &Mapping| mapping.end.0 - mapping.start.0;
        let pages: u64 = mappings.iter().map(bytes).sum::<u64>() / PAGE_BYTES;
        let bound = |share: u64| pages * share / shares * PAGE_BYTES;
        let (from, to) = (bound(share), bound(share + 1));
        let mut before = 0;
        for mapping in mappings {
            let (start, end) = (from.max(before), to.min(before + bytes(mapping)));
            if start < end {
                let zapped = mapping.start.0 + (start - before)..mapping.start.0 + (end - before);
                // A writer may have unmapped some of it: the rest is zapped all the same.
                let _ = zap(&zapped);
            }
            before += bytes(mapping);
        }
    }

    /// Gives files their length and their cached pages again.
    pub(super) fn restore_files(&self) -> Result<(), StormError> {
        let changed = |file: &&OpenFile| self.truncates || file.is_read_in();
        self.files.iter().filter(changed).try_for_each(OpenFile::restore)
    }

    /// File system and cached share of each file.
    pub(super) fn file_facts(&self) -> Result<BTreeMap<String, FileFacts>, StormError> {
        self.files.iter().map(|file| Ok((file.name.clone(), file.facts()?))).collect()
    }
}

impl Drop for ProcessSpace {
    fn drop(&mut self) {
        self.unmap();
    }
}

/// The kinds of faults of a read and of a write of this mapping, as far as known before
/// it is taken.
fn kinds(backing: Backing, around_bytes: u64) -> [Kind; 2] {
    let around = around_bytes > PAGE_BYTES;
    match backing {
        Backing::Anonymous => [Kind::AnonRead, Kind::AnonWrite],
        Backing::File { shared, .. } => [
            if around { Kind::FileReadAround } else { Kind::FileRead },
            if shared { Kind::SharedWrite } else { Kind::PrivateWrite },
        ],
    }
}

/// A range as system calls take it.
pub(super) fn raw(range: &Range<u64>) -> (*mut c_void, usize) {
    let start = std::ptr::with_exposed_provenance_mut(range.start as usize);
    (start, (range.end - range.start) as usize)
}

pub(super) fn unmap(range: &Range<u64>) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    // SAFETY: what is at the addresses of a storm is the storm's, and no Rust object is in it.
    unsafe { munmap(at, bytes) }
}

pub(super) fn zap(range: &Range<u64>) -> Result<(), Errno> {
    let (at, bytes) = raw(range);
    // SAFETY: no Rust object is in the memory of a storm.
    unsafe { madvise(at, bytes, Advice::LinuxDontNeed) }
}

/// Fails if anything is mapped in a range.
fn is_free(place: &Range<u64>) -> Result<(), StormError> {
    let (at, bytes) = raw(place);
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
    // SAFETY: nothing is replaced.
    let found = unsafe { mmap_anonymous(at, bytes, ProtFlags::empty(), flags) };
    let free = found.is_ok_and(|found| {
        // SAFETY: it was made just now, and no reference to it exists.
        unsafe { munmap(found, bytes) }.expect("what was mapped can be unmapped");
        found == at
    });
    match free {
        true => Ok(()),
        false => Err(StormError::Machine(format!(
            "{bytes} bytes from address {:#x} are not free in this process",
            place.start
        ))),
    }
}

/// Touches as much memory as a storm needs, and gives it back: a hypervisor may have taken it
/// away since it was last used, and its first touch then costs a multiple.
pub(super) fn touch_before(pages: u64) -> Result<(), StormError> {
    let bytes = (pages * PAGE_BYTES) as usize;
    let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping, at a place of the kernel's choice.
    let found = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, prot, flags) };
    // SAFETY: it was made just now, and no reference to it exists.
    found.and_then(|found| unsafe { munmap(found, bytes) }).map_err(|error| {
        StormError::Machine(format!("{bytes} bytes of memory cannot be had: {error}"))
    })
}
