//! Accesses to the pages of mappings.

use crate::form::{is_default, is_one, one};
use serde::{Deserialize, Serialize};

/// Accesses to the pages of a mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Touch {
    /// Index into [`Workload::vmas`](crate::Workload::vmas).
    pub vma: usize,
    /// Load or store.
    pub access: LoadOrStore,
    /// The order of pages.
    pub order: Order,
    /// The part of the mapping that a thread touches.
    pub slices: Slices,
    /// Accesses of a thread in each loop; `None`: one for each page of its slice (for
    /// [`Order::OnePerTable`]: for each table).
    pub touches: Option<u64>,
    /// True if a loop continues where the previous one stopped; if not, it starts at the first
    /// page. Only with `touches`, and in a group that loops.
    #[serde(default, skip_serializing_if = "is_default")]
    pub walks: bool,
    /// See [`Op::repeat`](crate::Op::repeat).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub repeat: u64,
    /// Touches that a thread claims at a time of a pass that all threads of the group make
    /// together, once in each round; `None`: each thread makes the pass of its slice. Only with
    /// [`Slices::Shared`] and without `touches`, in a group that does not loop.
    #[serde(default, skip_serializing_if = "is_default")]
    pub claims: Option<u64>,
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

/// Order in which the pages of a slice are touched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Page after page.
    Sequential,
    /// Every `n`th page, then every `n`th from the second page on, until each was touched once.
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

/// Part of a mapping that a thread touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slices {
    /// A contiguous part of its own; its bounds are multiples of 2 MiB if the mapping has 2 MiB
    /// for each thread.
    Disjoint,
    /// The whole mapping, as all threads of the group.
    Shared,
}
