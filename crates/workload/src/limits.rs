//! Sizes of pages and tables, and the most that a workload may ask for.

/// Bytes in a page: x86-64 without huge pages.
pub const PAGE_BYTES: u64 = 4096;
/// Pages under one page table of the lowest level (512 entries: 2 MiB).
pub const PAGES_PER_TABLE: u64 = 512;

/// Threads of a storm, at the most.
pub const THREADS_MAX: usize = 1024;
/// Weight of a group, at the most: above it one has nearly all threads, or the others have.
pub const WEIGHT_MAX: f64 = 1e6;
/// The longest `think` and `io_latency`, in nanoseconds: a thread that makes no progress for a
/// minute is taken for stuck.
pub const PAUSE_MAX_NS: u64 = 1_000_000_000;
