//! Sizes of pages and tables, and the most that a workload may ask for.

/// Bytes in a page: x86-64 without huge pages.
pub const PAGE_BYTES: u64 = 4096;
/// Pages under one page table of the lowest level (512 entries: 2 MiB).
pub const PAGES_PER_TABLE: u64 = 512;
/// Fewest pages of a large folio: anonymous folios of 2 pages have no room for what the kernel
/// keeps of them (`THP_ORDERS_ALL_ANON`).
pub const FOLIO_PAGES_MIN: u64 = 4;
/// Most pages of a folio that ptes map.
pub const FOLIO_PAGES_MAX: u64 = 256;

/// Most threads of a storm.
pub const THREADS_MAX: usize = 1024;
/// Longest time that anything may last: a storm, its warm-up, the pace of a writer.
pub const TIME_MAX_NS: u64 = 3_600_000_000_000;
/// Largest weight of a group. Beyond it one group would have nearly all threads.
pub const WEIGHT_MAX: f64 = 1e6;
/// Longest `think` and `io_latency`, in nanoseconds. A thread without progress for a minute counts
/// as stuck.
pub const PAUSE_MAX_NS: u64 = 1_000_000_000;
