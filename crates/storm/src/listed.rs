//! Memory of the lists of a plan: pages in a drawn order, and pieces of writers.

use super::extent::Extent;
use super::steps::WriterOp;
use mm::addr::Vaddr;
use std::ops::Range;
use workload::{Action, Op, Order, Slices, Touch, Workload};

/// Pages or pieces that can be listed: their numbers have 32 bits.
const LISTED_MAX: u64 = 1 << 32;

/// Entries that a plan lists for an operation on a whole mapping.
struct Listed {
    /// Entries of the mapping, however many threads share it out.
    entries: u64,
    /// Further entries of each thread.
    own: u64,
    bytes_each: usize,
    /// Pages or pieces that are numbered.
    numbers: u64,
}

/// Bytes of what the plans of the `of` threads of a group list for an operation.
///
/// # Errors
/// The reason why it cannot be listed.
pub(super) fn listed_bytes(
    workload: &Workload,
    what: &Op,
    extents: &[Vec<Extent>],
    of: u64,
) -> Result<u64, String> {
    let (vma, slices, listed) = match what {
        Op::Touch(touch) => (touch.vma, touch.slices, listed_pages(workload, touch)),
        Op::Change(change) => match &change.action {
            Action::Truncate { .. } | Action::Fork | Action::Smaps => {
                return Ok(of * size_of::<WriterOp>() as u64);
            }
            action => {
                let vma = action.vma().expect("all other actions have a VMA");
                let slices = action.pieces().map_or(Slices::Shared, |pieces| pieces.slices);
                (vma, slices, listed_pieces(workload, action))
            }
        },
    };
    if listed.numbers > LISTED_MAX {
        let (name, numbers) = (&workload.vmas[vma].name, listed.numbers);
        return Err(format!(
            "lists pages or pieces of \"{name}\", which has {numbers}, and {LISTED_MAX} at most \
             can be listed: make it smaller, or its pieces longer, or its order sequential"
        ));
    }
    let is_parted = slices == Slices::Disjoint && extents[vma].len() == 1;
    let lists = if is_parted { 1 } else { of };
    let entries = listed.entries.saturating_mul(lists);
    let all = entries.saturating_add(listed.own.saturating_mul(of));
    Ok(all.saturating_mul(listed.bytes_each as u64))
}

fn listed_pages(workload: &Workload, touch: &Touch) -> Listed {
    let vma = &workload.vmas[touch.vma];
    let pages = vma.total_pages();
    let (entries, own, numbers) = match touch.order {
        Order::Sequential | Order::Strided(_) => (0, 0, 0),
        Order::Random => (pages, 0, pages),
        Order::OnePerTable => (vma.tables(), 0, pages),
        // The pages by rank, and those that are drawn.
        Order::Zipf(_) => match touch.touches {
            Some(touches) => (pages, touches, pages),
            None => (2 * pages, 0, pages),
        },
    };
    Listed { entries, own, bytes_each: size_of::<u32>(), numbers }
}

fn listed_pieces(workload: &Workload, action: &Action) -> Listed {
    let edit = size_of::<WriterOp>();
    let (pieces, bytes_each) = match action {
        Action::ExpandStack { vma, pages } => (workload.vmas[*vma].pages.div_ceil(*pages), edit),
        action => {
            let pieces = action.pieces().expect("it has a VMA and is no growth of a stack");
            let vma = &workload.vmas[pieces.vma];
            let all = vma.pages.div_ceil(pieces.pages).saturating_mul(vma.count);
            (all, edit + size_of::<(Range<Vaddr>, u64)>())
        }
    };
    Listed { entries: pieces, own: 0, bytes_each, numbers: pieces }
}
