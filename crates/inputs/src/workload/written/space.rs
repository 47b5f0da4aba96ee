//! What operations work on.

use super::check::Names;
use super::field::Entry;
use super::file::FileTable;
use super::vma::VmaTable;
use ::workload::{File, Vma};

/// Files and mappings, and how they were written.
pub(super) struct Space<'d> {
    pub file_names: Names,
    pub files: &'d [Option<File>],
    pub file_entries: &'d [Entry<FileTable>],
    pub vma_names: Names,
    pub vmas: &'d [Option<Vma>],
    pub vma_entries: &'d [Entry<VmaTable>],
}
