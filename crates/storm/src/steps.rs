//! The work of a thread, step by step: touches and operations of writers.

use super::copies::Copies;
use super::extent::Extent;
use super::order::{Pages, PagesIter, permutation};
use super::touches_max::{GroupMember, touches_max};
use mm::addr::{PAGE_BYTES, Vaddr};
use mm::fault::Access;
use mm::vma::{Mapping, flag};
use mm::writer::ReadAdvice;
use std::ops::Range;
use workload::{
    self, Action, Backing, Change, IoLatency, Loops, Op, Order, Pieces, Slices, Touch, Workload,
    WorkloadFile, WorkloadVma,
};

/// Distance from the first to the second place of a mapping that `mremap` moves.
pub const SECOND_PLACE: u64 = 1 << 46;

/// One thread's work in a round.
#[derive(Debug)]
pub struct ThreadPlan {
    /// Number of its group.
    pub group: usize,
    /// Repetitions of the steps of a phase.
    pub loops: Loops,
    /// Its steps in each phase.
    pub phases: Vec<Vec<ThreadStep>>,
}

impl ThreadPlan {
    /// Numbers the counters of its claims from `first` on, as all threads of the group do.
    pub(super) fn number_claims(&mut self, first: usize) {
        let touches = self.phases.iter_mut().flatten().filter_map(|step| match step {
            ThreadStep::Touch(touch) => touch.claims.as_mut(),
            ThreadStep::Change(_) => None,
        });
        for (number, claims) in (first..).zip(touches) {
            claims.counter = number;
        }
    }

    /// Returns all steps, phase after phase.
    pub(super) fn steps(&self) -> impl Iterator<Item = &ThreadStep> {
        self.phases.iter().flatten()
    }
}

/// One step of a thread.
#[derive(Debug)]
pub enum ThreadStep {
    /// Accesses.
    Touch(TouchPlan),
    /// An operation of a writer.
    Change(ChangePlan),
}

/// Accesses of a thread.
#[derive(Debug)]
pub struct TouchPlan {
    /// Addresses of the pages.
    pub extent: Extent,
    /// Which, in order.
    pub pages: Pages,
    /// Touches each time.
    pub touches: u64,
    /// Times in a loop.
    pub repeat: u64,
    /// Each loop starts at the page after the last of the one before.
    pub walks: bool,
    /// Touches from the start of a pass to which the loops of a round come.
    pub of_round: u64,
    /// Most touches that one pass can make before a reset.
    pub reach: u64,
    /// Shares of the group's threads in the pass, if they make it together.
    pub claims: Option<Claims>,
    /// Pages between those of the pass are not touched.
    pub leaps: bool,
    /// Number of the VMA.
    pub vma: usize,
    /// Number of the thread's own copy of it, if each thread has one.
    pub copy: usize,
    /// How.
    pub access: Access,
    /// Work between two touches, in nanoseconds.
    pub think_ns: u64,
    /// Work and I/O of one touch, in nanoseconds, but for the rarest draws.
    pub longest_ns: u64,
}

/// A pass that threads make together.
#[derive(Debug, Clone, Copy)]
pub struct Claims {
    /// Number of the counter from which they claim.
    pub counter: usize,
    /// Touches that a thread claims at a time.
    pub touches: u64,
}

/// An operation of a writer.
#[derive(Debug)]
pub struct ChangePlan {
    /// Number of the action.
    pub action: usize,
    /// The operation of each turn; after the last, the first again.
    pub turns: Box<[WriterOp]>,
    /// From the start of one to the start of the next, in nanoseconds.
    pub every_ns: u64,
    /// Times in a loop.
    pub repeat: u64,
}

/// One operation of a writer on one piece.
#[derive(Debug, Clone, PartialEq)]
pub enum WriterOp {
    /// Makes this mapping.
    Mmap(Mapping),
    /// Unmaps this range.
    Munmap(Range<Vaddr>),
    /// Changes the protection of this range.
    Mprotect(Range<Vaddr>, bool),
    /// Zaps this range.
    MadviseDontneed(Range<Vaddr>),
    /// Lets the pages of this range be reclaimed.
    MadviseFree(Range<Vaddr>),
    /// Changes how this range is expected to be read.
    MadviseReads(Range<Vaddr>, ReadAdvice),
    /// Maps all pages of this range for this access.
    MadvisePopulate(Range<Vaddr>, Access),
    /// Looks which pages of this range are in memory.
    Mincore(Range<Vaddr>),
    /// Makes the ptes of this range trap.
    NumaScan(Range<Vaddr>),
    /// Moves this range to this address, or back if it is there.
    Mremap(Range<Vaddr>, Vaddr),
    /// Lets the VMA that ends at the first address begin at the second.
    ExpandStack(Vaddr, Vaddr),
    /// Sets the length of this file in pages.
    Truncate(usize, u64),
    /// Makes a child.
    Fork,
    /// Reads `smaps_rollup`.
    Smaps,
}

impl TouchPlan {
    /// Returns the pages of time number `turn`, and how many touches it makes of them: as with
    /// the pieces of writers, the last of a pass may be shorter.
    pub(super) fn of_loop(&self, turn: u64) -> (PagesIter<'_>, u64) {
        if !self.walks {
            return (self.pages.iter(), self.touches);
        }
        let from = turn % self.pages.len().div_ceil(self.touches) * self.touches;
        (self.pages.iter_from(from), self.touches.min(self.pages.len() - from))
    }

    /// Returns true if the thread never reaches the end of a pass.
    pub(super) fn stops_before_its_end(&self) -> bool {
        self.reach < self.pages.len()
    }
}

impl ChangePlan {
    /// Returns the pages of its largest piece.
    pub(super) fn pages_max(&self) -> u64 {
        let pages = |edit: &WriterOp| match edit {
            WriterOp::Mmap(_)
            | WriterOp::Truncate(..)
            | WriterOp::Fork
            | WriterOp::Smaps
            | WriterOp::ExpandStack(..) => 0,
            WriterOp::Munmap(range)
            | WriterOp::Mprotect(range, _)
            | WriterOp::MadviseDontneed(range)
            | WriterOp::MadviseFree(range)
            | WriterOp::MadviseReads(range, _)
            | WriterOp::MadvisePopulate(range, _)
            | WriterOp::Mincore(range)
            | WriterOp::NumaScan(range)
            | WriterOp::Mremap(range, _) => (range.end.0 - range.start.0) / PAGE_BYTES,
        };
        self.turns.iter().map(pages).max().unwrap_or(0)
    }
}

impl ChangePlan {
    /// Returns the pages of an extent that its turns populate for writing.
    pub(super) fn pages_populated(&self, extent: Extent) -> u64 {
        let pages = |edit: &WriterOp| match edit {
            WriterOp::MadvisePopulate(range, Access::Write)
                if (extent.base..extent.end()).contains(&range.start.0) =>
            {
                (range.end.0 - range.start.0) / PAGE_BYTES
            }
            _ => 0,
        };
        self.turns.iter().map(pages).sum()
    }
}

impl ThreadStep {
    /// Returns how often a loop does the step. Neighbours with the same number take turns.
    pub(super) fn repeat(&self) -> u64 {
        match self {
            Self::Touch(touch) => touch.repeat,
            Self::Change(change) => change.repeat,
        }
    }

    /// Returns true if there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Touch(touch) => touch.pages.is_empty(),
            Self::Change(change) => change.turns.is_empty(),
        }
    }

    /// Returns the accesses, if the step is accesses.
    pub(super) fn touch(&self) -> Option<&TouchPlan> {
        match self {
            Self::Touch(touch) => Some(touch),
            Self::Change(_) => None,
        }
    }

    /// Returns the operation, if the step is one of a writer.
    pub(super) fn change(&self) -> Option<&ChangePlan> {
        match self {
            Self::Touch(_) => None,
            Self::Change(change) => Some(change),
        }
    }
}

/// Plans operation `op` of a group for one of its threads.
pub(super) fn plan_step(
    workload: &Workload,
    what: &Op,
    extents: &[Vec<Extent>],
    copies: &Copies,
    member: GroupMember,
    op: usize,
) -> ThreadStep {
    let of_op = |seed: u64| seed ^ ((op as u64) << 16);
    let (seed, seed_of_group) = (of_op(member.seed), of_op(member.seed_of_group));
    let member = GroupMember { seed, seed_of_group, ..member };
    match what {
        Op::Touch(touch) => ThreadStep::Touch(plan_touch(workload, touch, extents, member)),
        Op::Change(change) => {
            ThreadStep::Change(plan_change(workload, change, extents, copies, member))
        }
    }
}

/// Returns the extent of a VMA that a thread works on, and the pages of it that are its own.
fn slice(
    extents: &[Vec<Extent>],
    vma: usize,
    slices: Slices,
    member: GroupMember,
) -> (Extent, Range<u64>) {
    let own = extents[vma].len() > 1;
    let extent = extents[vma][if own { member.index as usize } else { 0 }];
    match slices {
        Slices::Disjoint if !own => (extent, extent.slice(member.index, member.of)),
        _ => (extent, 0..extent.pages()),
    }
}

fn plan_touch(
    workload: &Workload,
    touch: &Touch,
    extents: &[Vec<Extent>],
    member: GroupMember,
) -> TouchPlan {
    let (extent, slice) = slice(extents, touch.vma, touch.slices, member);
    let pages = if slice.is_empty() {
        Pages::Listed(Box::default())
    } else {
        // A walk goes through a whole pass, even if pages are drawn with replacement.
        let draws =
            touch.touches.map(|n| if touch.walks { n.max(slice.end - slice.start) } else { n });
        // All that share a pass make it in one order.
        let seed = if touch.claims.is_some() { member.seed_of_group } else { member.seed };
        Pages::new(touch.order, slice, extent.each, draws, seed)
    };
    let touches = touch.touches.unwrap_or(pages.len());
    let of_round = match member.loops {
        _ if !touch.walks => touches,
        Loops::Times(times) => touches.saturating_mul(times).saturating_mul(touch.repeat),
        Loops::UntilDone => u64::MAX,
    };
    let of_round = of_round.min(pages.len());
    let access = match touch.access {
        workload::LoadOrStore::Read => Access::Read,
        workload::LoadOrStore::Write => Access::Write,
    };
    let reach = touches_max(workload, touch, &member).unwrap_or(u64::MAX).min(pages.len());
    let (leaps, vma) = (touch.order == Order::OnePerTable, touch.vma);
    let copy = if extents[vma].len() > 1 { member.index as usize } else { 0 };
    let (walks, think_ns) = (touch.walks, touch.think_ns);
    let claims = touch.claims.map(|touches| Claims { counter: 0, touches });
    let longest_ns = think_ns.saturating_add(longest_io_ns(workload, touch));
    TouchPlan {
        extent,
        pages,
        touches,
        repeat: touch.repeat,
        walks,
        of_round,
        reach,
        claims,
        leaps,
        vma,
        copy,
        access,
        think_ns,
        longest_ns,
    }
}

/// Returns the longest wait of a touch for I/O, in nanoseconds; one draw of an exponential latency
/// in 3000 is longer.
fn longest_io_ns(workload: &Workload, touch: &Touch) -> u64 {
    let Backing::File { file, .. } = workload.vmas[touch.vma].backing else { return 0 };
    match workload.files[file].io {
        IoLatency::Fixed(ns) | IoLatency::Uniform(_, ns) => ns,
        IoLatency::Exponential(mean) => mean.saturating_mul(8),
    }
}

fn plan_change(
    workload: &Workload,
    change: &Change,
    extents: &[Vec<Extent>],
    copies: &Copies,
    member: GroupMember,
) -> ChangePlan {
    let (action, every_ns) = (change.action.number(), change.every_ns);
    let turns = match &change.action {
        Action::ExpandStack { vma, pages } => {
            let (extent, _) = slice(extents, *vma, Slices::Shared, member);
            let grown = workload.vmas[*vma].grows_down_from_pages.unwrap_or(extent.each);
            stack_turns(extent, grown, *pages)
        }
        Action::Truncate { file, pages } => vec![WriterOp::Truncate(*file, *pages)],
        Action::Fork => vec![WriterOp::Fork],
        Action::Smaps => vec![WriterOp::Smaps],
        action => {
            let pieces = action.pieces().expect("all other actions have pieces");
            let vma = copies.vma(&workload.vmas[pieces.vma], member.index as usize);
            let ranges = piece_ranges(pieces, extents, member).into_iter();
            ranges.map(|(range, start)| edit(copies, action, &vma, range, start)).collect()
        }
    };
    ChangePlan { action, turns: turns.into(), every_ns, repeat: change.repeat }
}

fn stack_turns(extent: Extent, grown: u64, pages: u64) -> Vec<WriterOp> {
    let end = Vaddr(extent.end());
    let start = |pages: u64| Vaddr(extent.end() - pages * PAGE_BYTES);
    let steps = (extent.each - grown).div_ceil(pages);
    let sizes = (1..=steps).map(|step| (grown + step * pages).min(extent.each));
    sizes.map(|pages| WriterOp::ExpandStack(end, start(pages))).collect()
}

/// Returns the pieces of a thread in order, each with the start of the mapping that it is part of.
fn piece_ranges(
    pieces: &Pieces,
    extents: &[Vec<Extent>],
    member: GroupMember,
) -> Vec<(Range<Vaddr>, u64)> {
    let (extent, slice) = slice(extents, pieces.vma, pieces.slices, member);
    let mut ranges = Vec::new();
    let mut page = slice.start;
    while page < slice.end {
        let mapping = page / extent.each;
        let end = (page + pieces.pages).min(slice.end).min((mapping + 1) * extent.each);
        let from = extent.address(page);
        let to = Vaddr(from.0 + (end - page) * PAGE_BYTES);
        ranges.push((from..to, extent.base + mapping * extent.stride));
        page = end;
    }
    if pieces.order == Order::Random {
        let order = permutation(0..ranges.len() as u64, member.seed);
        ranges = order.iter().map(|index| ranges[*index as usize].clone()).collect();
    }
    ranges
}

fn edit(
    copies: &Copies,
    action: &Action,
    vma: &WorkloadVma,
    range: Range<Vaddr>,
    mapping_start: u64,
) -> WriterOp {
    match action {
        Action::Mmap(_) => {
            let whole = mapping(&copies.files, vma, mapping_start);
            let pgoff = whole.pgoff + (range.start.0 - mapping_start) / PAGE_BYTES;
            WriterOp::Mmap(Mapping { start: range.start, end: range.end, pgoff, ..whole })
        }
        Action::Munmap(_) => WriterOp::Munmap(range),
        Action::Mprotect { writable, .. } => WriterOp::Mprotect(range, *writable),
        Action::MadviseDontneed(_) => WriterOp::MadviseDontneed(range),
        Action::MadviseFree(_) => WriterOp::MadviseFree(range),
        Action::MadviseNormal(_) => WriterOp::MadviseReads(range, ReadAdvice::Normal),
        Action::MadviseSequential(_) => WriterOp::MadviseReads(range, ReadAdvice::Sequential),
        Action::MadviseRandom(_) => WriterOp::MadviseReads(range, ReadAdvice::Random),
        Action::MadvisePopulateRead(_) => WriterOp::MadvisePopulate(range, Access::Read),
        Action::MadvisePopulateWrite(_) => WriterOp::MadvisePopulate(range, Access::Write),
        Action::Mincore(_) => WriterOp::Mincore(range),
        Action::NumaScan(_) => WriterOp::NumaScan(range),
        Action::Mremap(_) => {
            let second = Vaddr(range.start.0 + SECOND_PLACE);
            WriterOp::Mremap(range, second)
        }
        Action::ExpandStack { .. } | Action::Truncate { .. } | Action::Fork | Action::Smaps => {
            unreachable!("these have no pieces")
        }
    }
}

/// Returns the mapping of a VMA, of one of these files, that starts at `start`, at its full size.
pub(super) fn mapping(files: &[WorkloadFile], vma: &WorkloadVma, start: u64) -> Mapping {
    let (start, end) = (Vaddr(start), Vaddr(start + vma.pages * PAGE_BYTES));
    let write = if vma.writable { flag::WRITE } else { 0 };
    match vma.backing {
        Backing::Anonymous => {
            let (flags, pgoff) = (write | flag::folio_order(vma.folio_order()), start.page());
            Mapping { start, end, flags, file: None, pgoff, fault_around_order: 0 }
        }
        Backing::File { file, offset_pages, shared, fault_around_order } => {
            let shared = if shared { flag::SHARED } else { 0 };
            let speculate = if files[file].speculation { flag::SPECULATE } else { 0 };
            let (flags, file, pgoff) = (write | shared | speculate, Some(file), offset_pages);
            Mapping { start, end, flags, file, pgoff, fault_around_order }
        }
    }
}
