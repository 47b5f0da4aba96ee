//! Mappings.

use crate::form::{bytes, is_default, is_one, is_true, maybe_bytes, one, prot, sharing, yes};
use crate::limits::PAGES_PER_TABLE;
use serde::{Deserialize, Serialize};

/// One mapping, or `count` equal ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadVma {
    /// Name that `[[op]]` refers to.
    pub name: String,
    /// Pages of each mapping, at least 1.
    #[serde(rename = "size_bytes", with = "bytes")]
    pub pages: u64,
    /// Number of equal mappings in a row, at least 1.
    pub count: u64,
    /// One set of mappings for all threads, or one for each.
    pub scope: Scope,
    /// The mapped memory.
    #[serde(rename = "file", default)]
    pub backing: Backing,
    /// True if the protection allows writes when a round starts.
    #[serde(rename = "prot", with = "prot")]
    pub writable: bool,
    /// True if it is mapped when a round starts; if not, an [`Action::Mmap`](crate::Action::Mmap)
    /// maps it.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub mapped: bool,
    /// For anonymous memory that grows down like a stack: the pages, at its upper end, that are
    /// mapped when a round starts. At least 1 and less than `pages`; `count` is 1, and an
    /// [`Action::ExpandStack`](crate::Action::ExpandStack) grows it.
    #[serde(rename = "grows_down_from_bytes", with = "maybe_bytes")]
    #[serde(default, skip_serializing_if = "is_default")]
    pub grows_down_from_pages: Option<u64>,
    /// Pages of the folios that write faults in anonymous memory map at once: 1, or a power of two
    /// from [`FOLIO_PAGES_MIN`](crate::FOLIO_PAGES_MIN) to
    /// [`FOLIO_PAGES_MAX`](crate::FOLIO_PAGES_MAX).
    #[serde(rename = "folio_bytes", with = "bytes")]
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub folio_pages: u64,
}

impl WorkloadVma {
    /// Returns the pages of all `count` mappings.
    pub fn total_pages(&self) -> u64 {
        self.pages.saturating_mul(self.count)
    }

    /// Returns log2 of the pages of its folios.
    pub fn folio_order(&self) -> u8 {
        self.folio_pages.ilog2() as u8
    }

    /// Returns the page tables of the lowest level under all `count` mappings, each of which starts
    /// at the beginning of a table.
    pub fn tables(&self) -> u64 {
        self.pages.div_ceil(PAGES_PER_TABLE).saturating_mul(self.count)
    }
}

/// Threads that a mapping, or a file, is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One for all threads.
    #[default]
    Shared,
    /// One for each thread of the group that touches it.
    PerThread,
}

/// Memory that a mapping maps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Backing {
    /// Anonymous memory.
    #[default]
    Anonymous,
    /// Pages of a file.
    File {
        /// Index into [`Workload::files`](crate::Workload::files).
        #[serde(rename = "name")]
        file: usize,
        /// First page of the file that is mapped.
        #[serde(rename = "offset_bytes", with = "bytes")]
        offset_pages: u64,
        /// `MAP_SHARED`, else `MAP_PRIVATE`.
        #[serde(rename = "sharing", with = "sharing")]
        shared: bool,
        /// A read fault maps up to `1 << order` cached pages around it (0: only its own).
        fault_around_order: u8,
    },
}
