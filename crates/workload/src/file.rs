//! Files that VMAs map.

use crate::form::{bytes, is_default, is_one, one};
use crate::vma::Scope;
use serde::{Deserialize, Serialize};

/// A file in the simulated page cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadFile {
    /// Name that `[[vma]]` refers to.
    pub name: String,
    /// Length in pages, at least 1.
    #[serde(rename = "size_bytes", with = "bytes")]
    pub pages: u64,
    /// Share of the pages that are in the page cache when a round starts, 0 to 1.
    #[serde(rename = "cached_share")]
    pub cached: f64,
    /// Share of the cached pages that are locked when a round starts, 0 to 1, as during a read: a
    /// fault that needs one waits for [`WorkloadFile::io`].
    #[serde(rename = "locked_share", default, skip_serializing_if = "is_default")]
    pub locked: f64,
    /// Share of the cached pages that are not up to date when a round starts, 0 to 1: a fault
    /// that needs one reads it, which takes [`WorkloadFile::io`].
    #[serde(rename = "not_uptodate_share", default, skip_serializing_if = "is_default")]
    pub not_uptodate: f64,
    /// Share of the cached pages that are marked for readahead when a round starts, 0 to 1. No
    /// page is in two of these three states: the sum of the shares is at most 1.
    #[serde(rename = "readahead_share", default, skip_serializing_if = "is_default")]
    pub readahead: f64,
    /// Time that a read which misses the page cache sleeps. `Fixed(0)` if no fault has to read the
    /// file.
    #[serde(rename = "io_latency_ns")]
    pub io: IoLatency,
    /// True if the file system allows calls of speculative faults: a bit of each file system in
    /// the series of 2021.
    pub speculation: bool,
    /// Directory of the file on the running kernel, an absolute path; `None`: in memory.
    #[serde(default, skip_serializing_if = "is_default")]
    pub directory: Option<String>,
    /// One file for all threads, or one for each thread that maps it. In the second case every VMA
    /// of the file is [`Scope::PerThread`], and no operation truncates it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: Scope,
    /// Pages of its folios in the page cache: 1, or a power of two from
    /// [`FOLIO_PAGES_MIN`](crate::FOLIO_PAGES_MIN) to [`FOLIO_PAGES_MAX`](crate::FOLIO_PAGES_MAX),
    /// of which the length is a multiple. A file of large folios is cached whole, no page of it is
    /// in another state, and no operation truncates it.
    #[serde(rename = "folio_bytes", with = "bytes")]
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub folio_pages: u64,
}

/// A distribution of I/O latencies, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoLatency {
    /// Equal for all reads.
    Fixed(u64),
    /// Uniform between the two, both included.
    Uniform(u64, u64),
    /// Exponential, with this mean.
    Exponential(u64),
}
