//! Files of a storm: in memory, or on a file system; warm, or partly out of the page cache.

use super::super::StormError;
use super::signal;
use mm::addr::PAGE_BYTES;
use rustix::fs::{
    Advice, MemfdFlags, fadvise, fdatasync, fstatfs, fstatvfs, ftruncate, memfd_create,
};
use rustix::io::{Errno, pwrite};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::OwnedFd;
use workload::{self, units::approximate_size};

/// A file of a storm, without a name: gone when dropped.
pub(super) struct OpenFile {
    pub name: String,
    pub fd: OwnedFd,
    pages: u64,
    /// Pages that are cached when a round starts, and pages that are not, of those that a
    /// fault may ask for; in order.
    cached: Vec<Range<u64>>,
    absent: Vec<Range<u64>>,
}

impl OpenFile {
    /// Makes a file of which faults may ask for `pages`, and brings those into the page
    /// cache that `is_cached`.
    pub fn new(
        file: &workload::WorkloadFile,
        pages: &[Range<u64>],
        is_cached: impl Fn(u64) -> bool,
    ) -> Result<Self, StormError> {
        let fd = match &file.directory {
            None => memfd_create("faultstorm", MemfdFlags::CLOEXEC).map_err(Into::into),
            Some(directory) => tempfile::tempfile_in(directory).map(OwnedFd::from),
        };
        let place = file.directory.as_deref().unwrap_or("memory");
        let fd =
            fd.map_err(|error| wrong(&file.name, &format!("cannot be made in {place}"), &error))?;
        let all = || pages.iter().flat_map(Clone::clone);
        if file.directory.is_some() {
            let needed = pages.iter().map(|pages| pages.end - pages.start).sum::<u64>();
            has_room(&fd, &file.name, place, needed * PAGE_BYTES)?;
        }
        let open = Self {
            name: file.name.clone(),
            fd,
            pages: file.pages,
            cached: joined(all().filter(|page| is_cached(*page))),
            absent: joined(all().filter(|page| !is_cached(*page))),
        };
        if open.is_read_in() {
            open.set_pages(file.pages)
                .and_then(|()| open.fill())
                .map_err(|error| wrong(&file.name, "cannot be written", &error.into()))?;
        }
        open.restore()?;
        Ok(open)
    }

    /// Whether faults read pages in.
    pub fn is_read_in(&self) -> bool {
        !self.absent.is_empty()
    }

    /// Sets the length.
    pub fn set_pages(&self, pages: u64) -> Result<(), Errno> {
        ftruncate(&self.fd, pages * PAGE_BYTES)
    }

    /// Gives the file its length and its cached pages, as a round starts with.
    pub fn restore(&self) -> Result<(), StormError> {
        let restored = self.set_pages(self.pages).and_then(|()| {
            self.cached.iter().try_for_each(|pages| self.read_in(pages))?;
            self.drop_absent()
        });
        restored.map_err(|error| wrong(&self.name, "cannot be put back", &error.into()))
    }

    /// Writes something, so that a page that is dropped has to be read from the disk.
    fn fill(&self) -> Result<(), Errno> {
        let page = [0x5a; PAGE_BYTES as usize];
        for index in self.cached.iter().chain(&self.absent).flat_map(Clone::clone) {
            pwrite(&self.fd, &page, index * PAGE_BYTES)?;
        }
        Ok(())
    }

    /// Brings pages into the page cache by faults, as the storms of other programs do: the
    /// kernel chooses the size of folios by how it is asked.
    fn read_in(&self, pages: &Range<u64>) -> Result<(), Errno> {
        let bytes = ((pages.end - pages.start) * PAGE_BYTES) as usize;
        let (prot, offset) = (ProtFlags::READ, pages.start * PAGE_BYTES);
        // SAFETY: a new mapping, at a place of the kernel's choice.
        let start =
            unsafe { mmap(std::ptr::null_mut(), bytes, prot, MapFlags::SHARED, &self.fd, offset)? };
        let before = signal::missed().sigbus;
        for at in (0..bytes).step_by(PAGE_BYTES as usize) {
            // SAFETY: it lies in the mapping, to which no reference exists. A page that the file
            // system has no room for ends in a signal, which is stepped over.
            unsafe { signal::load(start as u64 + at as u64) };
        }
        // SAFETY: it was made here, and no other reference to it exists.
        unsafe { munmap(start, bytes)? };
        match signal::missed().sigbus - before {
            0 => Ok(()),
            _ => Err(Errno::NOSPC),
        }
    }

    /// Takes pages out of the page cache. Dirty pages would stay there, so they are written first.
    fn drop_absent(&self) -> Result<(), Errno> {
        if !self.is_read_in() {
            return Ok(());
        }
        fdatasync(&self.fd)?;
        for pages in &self.absent {
            let bytes = NonZeroU64::new((pages.end - pages.start) * PAGE_BYTES);
            fadvise(&self.fd, pages.start * PAGE_BYTES, bytes, Advice::DontNeed)?;
        }
        Ok(())
    }

    /// Its file system, and the share of it that is cached now.
    pub fn facts(&self) -> Result<FileFacts, StormError> {
        Ok(FileFacts { system: self.file_system()?, cached_share: self.cached_share()? })
    }

    /// Share of the pages that faults may ask for that is in the page cache now.
    fn cached_share(&self) -> Result<f64, StormError> {
        let mut found = (0, 0);
        for pages in self.cached.iter().chain(&self.absent) {
            let resident = self.resident(pages).map_err(|error| {
                wrong(&self.name, "cannot be asked for what is cached", &error.into())
            })?;
            found = (found.0 + resident, found.1 + pages.end - pages.start);
        }
        Ok(if found.1 == 0 { 1.0 } else { found.0 as f64 / found.1 as f64 })
    }

    /// Counts the pages of these that are in the page cache.
    fn resident(&self, pages: &Range<u64>) -> Result<u64, Errno> {
        let count = (pages.end - pages.start) as usize;
        let (bytes, offset) = (count * PAGE_BYTES as usize, pages.start * PAGE_BYTES);
        let (flags, mut each) = (MapFlags::SHARED, vec![0u8; count]);
        // SAFETY: a new mapping, at a place of the kernel's choice.
        let start =
            unsafe { mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, flags, &self.fd, offset)? };
        // SAFETY: the range is mapped, and there is a byte for each of its pages.
        let failed = unsafe { libc::mincore(start, bytes, each.as_mut_ptr()) } != 0;
        let error = std::io::Error::last_os_error();
        // SAFETY: it was made here, and no other reference to it exists.
        unsafe { munmap(start, bytes)? };
        match Errno::from_io_error(&error) {
            Some(error) if failed => Err(error),
            _ => Ok(each.iter().filter(|byte| **byte & 1 == 1).count() as u64),
        }
    }

    /// The file system that it is on.
    fn file_system(&self) -> Result<FileSystem, StormError> {
        let stat = fstatfs(&self.fd)
            .map_err(|error| wrong(&self.name, "has no file system", &error.into()))?;
        Ok(FileSystem(stat.f_type as u64))
    }
}

/// Refuses a file for which its file system has no room.
fn has_room(fd: &OwnedFd, name: &str, place: &str, needed: u64) -> Result<(), StormError> {
    let Ok(stat) = fstatvfs(fd) else { return Ok(()) };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if needed <= free {
        return Ok(());
    }
    let (needed, free) = (approximate_size(needed), approximate_size(free));
    Err(StormError::Machine(format!(
        "the file '{name}' needs {needed} in {place}, which has {free}"
    )))
}

fn wrong(name: &str, what: &str, error: &std::io::Error) -> StormError {
    StormError::Machine(format!("the file '{name}' {what}: {error}"))
}

/// Pages in order as ranges that do not touch.
fn joined(pages: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for page in pages {
        match ranges.last_mut() {
            Some(last) if last.end == page => last.end += 1,
            _ => ranges.push(page..page + 1),
        }
    }
    ranges
}

/// State of a file at the start of a storm.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFacts {
    /// Its file system.
    pub system: FileSystem,
    /// Share of the pages that faults may ask for that is in the page cache, 0 to 1.
    pub cached_share: f64,
}

/// A kind of file system, by its number in include/uapi/linux/magic.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem(u64);

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KNOWN: [(u64, &str); 6] = [
            (0x0102_1994, "tmpfs"),
            (0xef53, "ext4"),
            (0x5846_5342, "xfs"),
            (0x9123_683e, "btrfs"),
            (0x794c_7630, "overlayfs"),
            (0xf2f5_2010, "f2fs"),
        ];
        match KNOWN.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workload::{IoLatency, Scope};

    fn file(directory: Option<&str>) -> workload::WorkloadFile {
        workload::WorkloadFile {
            name: "data".to_owned(),
            pages: 4,
            cached: 1.0,
            locked: 0.0,
            not_uptodate: 0.0,
            readahead: 0.0,
            io: IoLatency::Fixed(0),
            speculation: true,
            directory: directory.map(str::to_owned),
            scope: Scope::Shared,
            folio_pages: 1,
        }
    }

    #[test]
    fn pages_are_joined() {
        assert_eq!(joined([1, 2, 3, 7, 9, 10].into_iter()), [1..4, 7..8, 9..11]);
        assert_eq!(joined(std::iter::empty()), []);
    }

    #[test]
    fn memory_is_tmpfs() {
        let open = OpenFile::new(&file(None), &[Range { start: 0, end: 4 }], |_| true).unwrap();
        assert_eq!(open.file_system().unwrap().to_string(), "tmpfs");
        assert!(!open.is_read_in());
    }

    #[test]
    fn a_directory_that_is_not_there_is_said() {
        let found = OpenFile::new(&file(Some("/no/such/directory")), &[], |_| true);
        let error = found.err().unwrap().to_string();
        let start = "the file 'data' cannot be made in /no/such/directory: No such file";
        assert!(error.starts_with(start), "{error}");
    }
}
