//! What a storm needs of a machine, told before anything of it is allocated.
//!
//! Orders of touches are drawn, so what is needed follows from the seed as well.

use super::plan::{Outline, Plan};
use machine::Machine;
use machine::host::{Counted, DIRECTORY_BYTES, Host};
use mm::addr::PAGE_BYTES;
use mm::{frames, page_cache, page_table, vma, vma_tree};
use workload::units::approximate_size;
use workload::{Until, Workload};

/// Lines that a strategy adds to a VMA, at the most.
const OWN_LINES: u64 = 1;

/// A storm that no space can hold, or whose plan alone is more than memory holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{workload}' at {threads} threads {why}")]
pub struct TooLarge {
    workload: String,
    threads: usize,
    why: String,
}

impl TooLarge {
    /// `why` goes on from "the workload with so many threads".
    pub(super) fn new(workload: &Workload, threads: usize, why: String) -> Self {
        Self { workload: workload.name.clone(), threads, why }
    }
}

/// What a storm needs of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Frames, the zero page included. They have content where pages are cleared and copied.
    pub frames: usize,
    tables: u64,
    vmas: u64,
    file_nodes: u64,
    listed_bytes: u64,
}

impl Needs {
    /// Bytes of the content of all frames.
    pub fn content_bytes(&self) -> u64 {
        self.frames as u64 * PAGE_BYTES
    }

    /// Bytes of everything else, in a world with these lines.
    pub fn space_bytes<M: Machine>(&self) -> u64 {
        let own = OWN_LINES * size_of::<M::Line>() as u64;
        self.listed_bytes
            + self.frames as u64 * frames::bytes_each::<M>()
            + self.tables * page_table::bytes_each::<M>()
            + self.file_nodes * page_cache::bytes_of_node::<M>()
            + self.vmas * (vma::bytes_each::<M>() + own)
            + vma_tree::bytes_for::<M>(self.vmas)
    }

    /// The same on this machine's cores where the counting of transfers is audited: nearly all
    /// of it is lines, and each has a directory of its own.
    pub fn audited_bytes(&self) -> u64 {
        let line = size_of::<<Host<Counted> as Machine>::Line>() as u64;
        self.space_bytes::<Host<Counted>>() / line * (line + DIRECTORY_BYTES as u64)
    }
}

/// Refuses a storm that takes `bytes` where only `usable_bytes` can be had.
///
/// # Errors
/// Both numbers, and `advice`.
pub fn fits(
    workload: &Workload,
    threads: usize,
    bytes: u64,
    usable_bytes: u64,
    advice: &str,
) -> Result<(), TooLarge> {
    if bytes <= usable_bytes {
        return Ok(());
    }
    let (needed, usable) = (approximate_size(bytes), approximate_size(usable_bytes));
    let why = format!("needs {needed} of memory and {usable} can be had: {advice}");
    Err(TooLarge::new(workload, threads, why))
}

/// What a storm of `workload` needs with `threads` threads and this seed, on a machine where
/// `usable_bytes` can be had.
///
/// # Errors
/// Where no space can hold it, or the orders and pieces that its plan lists take more memory
/// than that.
pub fn needs(
    workload: &Workload,
    threads: usize,
    seed: u64,
    until: Until,
    usable_bytes: u64,
) -> Result<Needs, TooLarge> {
    let outline = Outline::new(workload, threads)?;
    let listed_bytes = outline.listed_bytes;
    let advice = "its orders and pieces alone are that long: make it smaller, or its order \
                  sequential";
    fits(workload, threads, listed_bytes, usable_bytes, advice)?;
    let plan = Plan::of(workload, threads, seed, until, outline)?;
    let file_nodes = (plan.files.iter().zip(&plan.file_pages))
        .map(|(file, pages)| page_cache::nodes(file.pages, pages))
        .sum();
    Ok(Needs {
        frames: plan.frames as usize,
        tables: plan.tables,
        vmas: plan.vmas,
        file_nodes,
        listed_bytes,
    })
}
