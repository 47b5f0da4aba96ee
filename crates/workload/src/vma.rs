//! Mappings.

use crate::form::{bytes, is_default, is_true, maybe_bytes, prot, sharing, yes};
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
    /// How many equal mappings stand one after another, at least 1.
    pub count: u64,
    /// One set of mappings for all threads, or one for each.
    pub scope: Scope,
    /// What is mapped.
    #[serde(rename = "file", default)]
    pub backing: Backing,
    /// Whether the protection allows writes when a round starts.
    #[serde(rename = "prot", with = "prot")]
    pub writable: bool,
    /// Whether it is mapped when a round starts; else an [`Action::Mmap`] maps it.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub mapped: bool,
    /// For anonymous memory that grows down as a stack does: how many pages, the uppermost
    /// ones, are mapped when a round starts. At least 1 and less than `pages`; `count` is
    /// 1, and an [`Action::ExpandStack`] grows it.
    #[serde(rename = "grows_down_from_bytes", with = "maybe_bytes")]
    #[serde(default, skip_serializing_if = "is_default")]
    pub grows_down: Option<u64>,
}

impl WorkloadVma {
    /// Pages of all `count` mappings.
    pub fn total_pages(&self) -> u64 {
        self.pages.saturating_mul(self.count)
    }

    /// Page tables of the lowest level under all `count` mappings, each of which
    /// starts at the beginning of a table.
    pub fn tables(&self) -> u64 {
        self.pages.div_ceil(PAGES_PER_TABLE).saturating_mul(self.count)
    }
}

/// For whom a mapping, or a file, is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One, that all threads touch.
    #[default]
    Shared,
    /// One for each thread of the group that touches it.
    PerThread,
}

/// What a mapping maps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Backing {
    /// Memory of no file.
    #[default]
    Anonymous,
    /// Pages of a file.
    File {
        /// Index into [`Workload::files`].
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
