//! Accesses to the pages of mappings.

use crate::form::is_default;
use serde::{Deserialize, Serialize};

/// Accesses to the pages of a mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Touch {
    /// Index into [`Workload::vmas`](crate::Workload::vmas).
    pub vma: usize,
    /// Loads or stores.
    pub access: LoadOrStore,
    /// In which order.
    pub order: Order,
    /// Which part of the mapping a thread touches.
    pub slices: Slices,
    /// Accesses a thread makes in each loop; `None`: as many as its slice has
    /// pages (for [`Order::OnePerTable`]: tables).
    pub touches: Option<u64>,
    /// True if each loop goes on where the last one stopped; else each begins at the start.
    /// Only with `touches`, and in a group that loops.
    #[serde(default, skip_serializing_if = "is_default")]
    pub walks: bool,
    /// Private work between two touches, in nanoseconds.
    pub think_ns: u64,
}

/// Load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadOrStore {
    /// A load.
    Read,
    /// A store.
    Write,
}

/// In which order the pages of a slice are touched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Page after page.
    Sequential,
    /// Every `n`th page, then every `n`th from the second, until each was touched once.
    #[serde(rename = "strided_pages")]
    Strided(u64),
    /// Each page once, in a seeded permutation.
    Random,
    /// With replacement, rank `k` with probability proportional to `k^-exponent`;
    /// ranks are scattered over the slice by a seeded permutation.
    Zipf(f64),
    /// The first page under each page table: one touch per 2 MiB.
    OnePerTable,
}

/// Which part of a mapping a thread touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slices {
    /// A contiguous part of its own, split at 2 MiB boundaries where the
    /// mapping has one such part for each thread.
    Disjoint,
    /// The whole mapping, as every other thread of the group.
    Shared,
}
