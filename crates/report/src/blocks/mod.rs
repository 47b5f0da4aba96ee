//! The blocks of a report, each made from a table of cells.

mod bands;
mod break_even;
mod fallbacks;
mod finding;
mod grace_periods;
mod lines;
mod operations;
mod rates;
mod ratios;
mod rwsem_waits;
mod scaling_law;
mod source;
mod stages;
mod time_sentence;
mod time_split;
mod waits;
mod worlds;

pub(crate) use bands::bands;
pub(crate) use break_even::{break_even, meaning as meaning_of_break_even};
pub(crate) use fallbacks::per_fault as fallbacks_per_fault;
pub(crate) use finding::finding;
pub(crate) use rates::rates;
pub(crate) use ratios::ratios;
pub(crate) use scaling_law::scaling_law;
pub(crate) use source::Source;
pub(crate) use stages::in_order_of_a_fault;
pub(crate) use time_sentence::time_sentences;
pub(crate) use worlds::{Worlds, beside, fault_ns, fault_ns_without_trap, trap};

use document::run::Body;

use crate::block::Block;

/// Makes the blocks of one kind for one body; most kinds have one at the most.
type Maker = fn(&Source<'_>, Body) -> Vec<Block>;

/// All kinds of blocks of one body: transfers and latency first, which Markdown has in one
/// table with the rates.
const KINDS: [Maker; 9] = [
    lines::lines,
    rwsem_waits::rwsem_waits,
    operations::operations,
    fallbacks::fallbacks,
    grace_periods::grace_periods,
    stages::stages,
    time_split::time_split,
    waits::waits,
    waits::holds,
];

/// Returns the blocks of one body by kind, without those that have no rows.
pub(crate) fn by_kind(source: &Source<'_>, body: Body) -> Vec<Vec<Block>> {
    let blocks = |make: &Maker| {
        let blocks = make(source, body).into_iter();
        blocks.filter(|block| !block.rows.is_empty()).collect()
    };
    KINDS.iter().map(blocks).collect()
}
