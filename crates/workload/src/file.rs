//! Files that VMAs map.

use crate::form::{bytes, is_default};
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
    /// Share of the cached pages that are locked when a round starts, 0 to 1, as by reads
    /// that are under way: who needs one waits for [`WorkloadFile::io`].
    #[serde(rename = "locked_share", default, skip_serializing_if = "is_default")]
    pub locked: f64,
    /// Share of the cached pages that are not up to date when a round starts, 0 to 1:
    /// who needs one reads it, which takes [`WorkloadFile::io`].
    #[serde(rename = "not_uptodate_share", default, skip_serializing_if = "is_default")]
    pub not_uptodate: f64,
    /// Share of the cached pages that are marked for readahead when a round starts, 0
    /// to 1. No page is in two of the three shares: their sum is at most 1.
    #[serde(rename = "readahead_share", default, skip_serializing_if = "is_default")]
    pub readahead: f64,
    /// How long a read that misses the page cache sleeps; `Fixed(0)` where the file
    /// names no latency, which only a file may that no fault has to read.
    #[serde(rename = "io_latency_ns")]
    pub io: IoLatency,
    /// Whether the file system lets a speculative fault call into it: the
    /// per-filesystem bit of the 2021 series.
    pub speculation: bool,
    /// On the running kernel: where the file is made, an absolute path; `None`: in memory.
    #[serde(default, skip_serializing_if = "is_default")]
    pub directory: Option<String>,
    /// One for all threads, or one for each thread that maps it: then every VMA of it is
    /// [`Scope::PerThread`], and nobody truncates it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: Scope,
}

/// A distribution of I/O latencies, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoLatency {
    /// Every read takes this long.
    Fixed(u64),
    /// Evenly between the two, the second included.
    Uniform(u64, u64),
    /// Memoryless with this mean.
    Exponential(u64),
}
