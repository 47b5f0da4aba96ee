//! A workload, laid out: addresses of mappings, the pages that each thread touches,
//! and what the space needs.

use super::copies::Copies;
use super::error::TooLarge;
use super::extent::Extent;
use super::listed::listed_bytes;
use super::reached;
use super::steps::{
    ChangePlan, SECOND_PLACE, ThreadPlan, ThreadStep, WriterOp, mapping, plan_step,
};
use super::touches_max::GroupMember;
use machine::CORES_MAX;
use mm::addr::{ADDRESS_END, PAGE_BYTES, TABLE_SPAN, Vaddr};
use mm::fault::Access;
use mm::pool::TABLE_BATCH;
use mm::vma::Mapping;
use mm::zones::kept_max;
use std::collections::BTreeMap;
use std::ops::Range;
use workload::units::approximate_size;
use workload::{
    Action, Loops, PAGES_PER_TABLE, Phase, Scope, THREADS_MAX, ThreadGroup, Threads, Until,
    Workload, WorkloadFile, WorkloadVma,
};

const _: () = assert!(THREADS_MAX == CORES_MAX, "each thread is a core");

/// First address of the first mapping.
pub(super) const BASE: u64 = 1 << 32;
/// Frames and tables that a core's free lists may keep from others, with some air.
const FRAMES_KEPT: u64 = 512;
const TABLES_KEPT: u64 = 32;
/// VMAs and tables of a writer that may wait for a grace period, before it waits itself.
const VMAS_DEFERRED: u64 = 256;
const TABLES_DEFERRED: u64 = 128;
/// Frames that a writer may gather before translations are shot down, with some air.
const FRAMES_GATHERED: u64 = 10_000;

/// A storm, laid out.
#[derive(Debug)]
pub struct Plan {
    /// Each thread's work.
    pub threads: Vec<ThreadPlan>,
    /// From the first address of a VMA to the last.
    pub places: Range<u64>,
    /// The mappings with which a round starts.
    pub mappings: Vec<Mapping>,
    /// VMAs, those included that pieces of mappings may become, and that wait to be freed.
    pub vmas: u64,
    /// Files, those included that each thread has of its own.
    pub files: Vec<WorkloadFile>,
    /// For each file the pages that a fault may ask for, in order.
    pub file_pages: Vec<Vec<Range<u64>>>,
    /// Frames, the zero page and those of large folios included.
    pub frames: u64,
    /// Large folios that there can be: log2 of their pages, and how many. Smallest first.
    pub large_folios: Vec<(u8, u64)>,
    /// Page tables.
    pub tables: u64,
}

/// Threads of a storm, those of groups with a fixed number included.
pub fn total_threads(workload: &Workload, weighted_threads: usize) -> usize {
    group_sizes(workload, weighted_threads).iter().sum()
}

/// Threads of each group: fixed numbers, and the rest by weight (largest remainder).
fn group_sizes(workload: &Workload, weighted_threads: usize) -> Vec<usize> {
    let weight = |group: &ThreadGroup| match group.threads {
        Threads::Weight(weight) => weight,
        Threads::Fixed(_) => 0.0,
    };
    let total: f64 = workload.groups.iter().map(weight).sum();
    let share = |group: &ThreadGroup| weighted_threads as f64 * weight(group) / total;
    let mut sizes: Vec<usize> = (workload.groups.iter())
        .map(|group| match group.threads {
            Threads::Fixed(count) => count,
            Threads::Weight(_) => share(group) as usize,
        })
        .collect();
    let fixed: usize = (workload.groups.iter())
        .map(|group| if let Threads::Fixed(count) = group.threads { count } else { 0 })
        .sum();
    let mut by_remainder: Vec<usize> =
        (0..sizes.len()).filter(|i| weight(&workload.groups[*i]) > 0.0).collect();
    by_remainder.sort_by(|a, b| {
        let remainder = |i: &usize| share(&workload.groups[*i]).fract();
        remainder(b).total_cmp(&remainder(a)).then(a.cmp(b))
    });
    for index in by_remainder.into_iter().cycle() {
        if sizes.iter().sum::<usize>() >= weighted_threads + fixed {
            break;
        }
        sizes[index] += 1;
    }
    sizes
}

/// The part of a plan that takes little memory, however large the storm is.
pub(super) struct Outline {
    /// Threads of each group.
    sizes: Vec<usize>,
    /// For each VMA its places: one, or one for each thread.
    extents: Vec<Vec<Extent>>,
    /// Bytes of the plan's lists: mappings, pages in drawn orders, pieces.
    pub listed_bytes: u64,
    /// Mappings of all threads.
    pub mappings: u64,
}

impl Outline {
    /// Lays out the addresses of a storm.
    ///
    /// # Errors
    /// If the storm needs more cores, addresses or numbered pages than a space has.
    pub fn new(workload: &Workload, weighted_threads: usize) -> Result<Self, TooLarge> {
        let too_large = |why: String| TooLarge::new(workload, weighted_threads, why);
        let sizes = group_sizes(workload, weighted_threads);
        let total = sizes.iter().sum::<usize>();
        if total > THREADS_MAX {
            let why = format!("has {total} threads in all, and a storm has at most {THREADS_MAX}");
            return Err(too_large(why));
        }
        let (end, within) = match moves(workload) {
            true => (SECOND_PLACE, "half of them, as what mremap moves has a second place"),
            false => (ADDRESS_END, "47 bits"),
        };
        let extents = place_vmas(workload, &sizes, end).ok_or_else(|| {
            let size = approximate_size(end);
            too_large(format!("needs more than {size} of addresses ({within}): map less"))
        })?;
        let mappings = all_mappings(&extents);
        let mut listed = mappings * size_of::<Mapping>() as u64;
        for (group, size) in workload.groups.iter().zip(&sizes) {
            for op in group.ops() {
                let bytes = listed_bytes(workload, op, &extents, *size as u64);
                listed = listed.saturating_add(bytes.map_err(too_large)?);
            }
        }
        Ok(Self { sizes, extents, listed_bytes: listed, mappings })
    }
}

impl Plan {
    /// Lays a workload out for this many threads of groups with a weight.
    /// Its needs shrink if `until` lets a thread touch only part of its slice.
    ///
    /// # Errors
    /// If no space can hold it.
    pub fn new(
        workload: &Workload,
        weighted_threads: usize,
        seed: u64,
        until: Until,
    ) -> Result<Self, TooLarge> {
        let outline = Outline::new(workload, weighted_threads)?;
        Self::of(workload, weighted_threads, seed, until, outline)
    }

    /// Fills an outline in.
    ///
    /// # Errors
    /// If there are more frames, tables or VMAs than can be numbered.
    pub(super) fn of(
        workload: &Workload,
        weighted_threads: usize,
        seed: u64,
        until: Until,
        outline: Outline,
    ) -> Result<Self, TooLarge> {
        let Outline { sizes, extents, .. } = outline;
        let end = extents.iter().flatten().map(Extent::end).max().unwrap_or(BASE);
        let copies = Copies::new(workload, &extents);
        let plans = thread_plans(workload, &sizes, &extents, &copies, (seed, until));
        let mappings = mappings(workload, &extents, &copies);
        let file_pages = reached::file_pages(workload, &copies, &plans);
        let mut folios = folios_written(workload, &plans, &extents, most_touches(until));
        let mut cached = 0;
        for (file, ranges) in copies.files.iter().zip(&file_pages) {
            let pages: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            match file.folio_pages {
                1 => cached += pages,
                of => *folios.entry(of.ilog2() as u8).or_default() += pages / of,
            }
        }
        let large_folios = with_kept(folios, &plans);
        let large: u64 = large_folios.iter().map(|(order, folios)| folios << order).sum();
        let frames = large + frames(workload, &plans, &extents, cached, most_touches(until));
        let (changers, takers) = (changers(&plans), reached::takers(&plans));
        let places = if moves(workload) { 2 } else { 1 };
        let leaves = reached::leaf_tables(&plans);
        let kept = if reached::frees_nothing(&plans) { TABLE_BATCH as u64 } else { TABLES_KEPT };
        let tables = places * tables(&extents, leaves)
            + plans.len() as u64 * kept
            + takers * (TABLES_DEFERRED + tables_of_pieces(&plans));
        let vmas = all_mappings(&extents) + 2 * pieces(&plans) + changers * VMAS_DEFERRED;
        for (count, what) in [(frames, "frames"), (tables, "page tables"), (vmas, "VMAs")] {
            if u32::try_from(count).is_err() {
                let why = format!("needs {count} {what}, and a space has at most {}", u32::MAX);
                return Err(TooLarge::new(workload, weighted_threads, why));
            }
        }
        let places = BASE..end;
        let files = copies.files;
        Ok(Self {
            threads: plans,
            places,
            mappings,
            vmas,
            files,
            file_pages,
            frames,
            large_folios,
            tables,
        })
    }

    /// Touches that a thread makes in a round; one loop if its loops are not counted.
    pub fn touches(&self, thread: usize) -> u64 {
        let plan = &self.threads[thread];
        let loops = match plan.loops {
            Loops::Times(times) => times,
            Loops::UntilDone => 1,
        };
        let touches = plan.phases.iter().flatten().filter_map(ThreadStep::touch);
        let once = touches.map(|touch| touch.touches.saturating_mul(touch.repeat));
        let once = once.fold(0, u64::saturating_add);
        once.saturating_mul(loops)
    }

    /// Pages that the operations of a thread map in a round, and may have to read.
    pub fn pages_populated(&self, thread: usize) -> u64 {
        let changes = self.threads[thread].steps().filter_map(ThreadStep::change);
        let populates = |change: &&ChangePlan| {
            change.turns.iter().any(|edit| matches!(edit, WriterOp::MadvisePopulate(..)))
        };
        changes.filter(populates).map(|change| change.pages_max() * change.turns.len() as u64).sum()
    }

    /// Threads whose end ends a phase of this number for those that go on until then.
    pub fn foreground(&self, phase: usize) -> usize {
        let ends = |plan: &&ThreadPlan| {
            plan.loops != Loops::UntilDone && plan.phases.get(phase).is_some_and(|s| !s.is_empty())
        };
        self.threads.iter().filter(ends).count()
    }
}

/// Plans the work of each thread.
fn thread_plans(
    workload: &Workload,
    sizes: &[usize],
    extents: &[Vec<Extent>],
    copies: &Copies,
    (seed, until): (u64, Until),
) -> Vec<ThreadPlan> {
    let mut plans = Vec::new();
    let mut counters = 0;
    for (number, (group, size)) in workload.groups.iter().zip(sizes).enumerate() {
        let seed_of_group = seed ^ ((number as u64 + 1) << 48);
        for index in 0..*size {
            let seed = seed ^ ((plans.len() as u64 + 1) << 32);
            let (index, of, loops) = (index as u64, *size as u64, group.loops);
            let member = GroupMember { index, of, seed, seed_of_group, loops, until };
            let steps = |phase: &Phase| {
                let ops = phase.ops.iter().enumerate();
                ops.map(|(op, what)| plan_step(workload, what, extents, copies, member, op))
                    .filter(|step| !step.is_empty())
                    .collect()
            };
            let phases = group.phases.iter().map(steps).collect();
            let mut plan = ThreadPlan { group: number, loops: group.loops, phases };
            plan.number_claims(counters);
            plans.push(plan);
        }
        counters += group.touches().filter(|touch| touch.claims.is_some()).count();
    }
    plans
}

/// Places each VMA of the workload: one extent, or one for each thread. None if they go
/// beyond `end`.
fn place_vmas(workload: &Workload, sizes: &[usize], end: u64) -> Option<Vec<Vec<Extent>>> {
    let mut after = BASE;
    let mut place = |vma: &WorkloadVma| {
        let extent = Extent::place(vma, after).filter(|extent| extent.end() <= end)?;
        after = extent.end();
        Some(extent)
    };
    (workload.vmas.iter().enumerate())
        .map(|(number, vma)| match vma.scope {
            Scope::Shared => Some(vec![place(vma)?]),
            Scope::PerThread => {
                let touches = |group: &ThreadGroup| group.ops().any(|op| op.vma() == Some(number));
                let groups = workload.groups.iter().zip(sizes).filter(|(g, _)| touches(g));
                let threads: usize = groups.map(|(_, size)| *size).sum();
                (0..threads).map(|_| place(vma)).collect()
            }
        })
        .collect()
}

fn mappings(workload: &Workload, extents: &[Vec<Extent>], copies: &Copies) -> Vec<Mapping> {
    let mut mappings = Vec::new();
    for (vma, extents) in workload.vmas.iter().zip(extents) {
        for (index, extent) in extents.iter().enumerate() {
            let own = copies.vma(vma, index);
            let starts = (0..extent.count).map(|n| extent.base + n * extent.stride);
            let whole = starts.map(|start| mapping(&copies.files, &own, start));
            mappings.extend(whole.filter(|_| vma.mapped).map(|whole| at_start(vma, whole)));
        }
    }
    mappings
}

/// Returns the part of a mapping that is mapped at the start of a round.
fn at_start(vma: &WorkloadVma, whole: Mapping) -> Mapping {
    let Some(pages) = vma.grows_down_from_pages else { return whole };
    let start = Vaddr(whole.end.0 - pages * PAGE_BYTES);
    Mapping { start, pgoff: whole.pgoff + vma.pages - pages, ..whole }
}

fn all_mappings(extents: &[Vec<Extent>]) -> u64 {
    extents.iter().flatten().map(|extent| extent.count).sum()
}

/// Threads that change mappings.
fn changers(threads: &[ThreadPlan]) -> u64 {
    let changes = |plan: &&ThreadPlan| plan.steps().any(|step| step.change().is_some());
    threads.iter().filter(changes).count() as u64
}

/// Pieces of all operations of all writers.
fn pieces(threads: &[ThreadPlan]) -> u64 {
    let steps = threads.iter().flat_map(ThreadPlan::steps);
    steps.filter_map(ThreadStep::change).map(|change| change.turns.len() as u64).sum()
}

/// Tables that the operations of one writer free at most at a time.
fn tables_of_pieces(threads: &[ThreadPlan]) -> u64 {
    let steps = threads.iter().flat_map(ThreadPlan::steps);
    let most = steps.filter_map(ThreadStep::change).map(|change| change.pages_max()).max();
    2 * (most.unwrap_or(0) / PAGES_PER_TABLE + 2)
}

fn moves(workload: &Workload) -> bool {
    workload.changes().any(|change| matches!(change.action, Action::Mremap(_)))
}

fn frames(
    workload: &Workload,
    threads: &[ThreadPlan],
    extents: &[Vec<Extent>],
    cached: u64,
    touches_max: u64,
) -> u64 {
    let written: u64 = (workload.vmas.iter().zip(extents))
        .map(|(vma, extents)| {
            let single = |extent: &Extent| {
                let mixes = workload.has_changes() || is_read(threads, *extent);
                let outside = vma.count * (vma.pages % vma.folio_pages);
                let most = if vma.folio_pages > 1 && !mixes { outside } else { extent.pages() };
                touches_written(threads, *extent, touches_max).min(most)
            };
            extents.iter().map(single).sum::<u64>()
        })
        .sum();
    // The children of fork hold the pages that were mapped when they were made.
    let forks = workload.changes().filter(|change| change.action == Action::Fork).count() as u64;
    let gathered = reached::takers(threads) * FRAMES_GATHERED;
    let kept = (threads.len() as u64 + 1) * FRAMES_KEPT + gathered;
    1 + written * (1 + forks.min(1) * changers(threads)) + cached + kept
}

/// Returns true if a thread reads pages of an extent: they are mapped one by one then.
fn is_read(threads: &[ThreadPlan], extent: Extent) -> bool {
    let mut touches = threads.iter().flat_map(ThreadPlan::steps).filter_map(ThreadStep::touch);
    touches.any(|touch| touch.extent == extent && touch.access == Access::Read)
}

/// Writes of all threads to an extent in a round, those of MADV_POPULATE_WRITE included: each
/// takes one frame, or one folio, at most.
fn touches_written(threads: &[ThreadPlan], extent: Extent, touches_max: u64) -> u64 {
    let touches = threads.iter().flat_map(ThreadPlan::steps).filter_map(ThreadStep::touch);
    let writes = touches.filter(|t| t.extent == extent && t.access == Access::Write);
    let touched: u64 = writes.map(|t| t.of_round.min(touches_max)).sum();
    let changes = threads.iter().flat_map(ThreadPlan::steps).filter_map(ThreadStep::change);
    touched + changes.map(|change| change.pages_populated(extent)).sum::<u64>()
}

/// Anonymous folios by log2 of their pages: those that can be mapped, or held by children of fork.
fn folios_written(
    workload: &Workload,
    threads: &[ThreadPlan],
    extents: &[Vec<Extent>],
    touches_max: u64,
) -> BTreeMap<u8, u64> {
    let forks = workload.changes().any(|change| change.action == Action::Fork);
    let holders = if forks { 1 + changers(threads) } else { 1 };
    let mut folios = BTreeMap::<u8, u64>::new();
    for (vma, extents) in workload.vmas.iter().zip(extents).filter(|(vma, _)| vma.folio_pages > 1) {
        let mapped = |extent: &Extent| {
            let most = extent.count * (extent.each / vma.folio_pages);
            touches_written(threads, *extent, touches_max).min(most)
        };
        let mapped: u64 = extents.iter().map(mapped).sum();
        *folios.entry(vma.folio_order()).or_default() += holders * mapped;
    }
    folios
}

/// Adds folios that writers have gathered, and that are in the free lists of cores.
fn with_kept(mut folios: BTreeMap<u8, u64>, threads: &[ThreadPlan]) -> Vec<(u8, u64)> {
    for (order, folios) in &mut folios {
        let gathered = (FRAMES_GATHERED >> order) + 2;
        *folios += threads.len() as u64 * kept_max(*order) as u64;
        *folios += reached::takers(threads) * gathered;
    }
    folios.into_iter().collect()
}

/// Most touches of a thread between two resets, if `until` limits them.
fn most_touches(until: Until) -> u64 {
    match until {
        // A touch that faults is made again only if another thread raced.
        Until::Touches(most) | Until::Faults(most) => most,
        Until::Duration(_) | Until::Rounds(_) => u64::MAX,
    }
}

/// Tables of all extents. `leaves`: tables of the lowest level that threads reach.
fn tables(extents: &[Vec<Extent>], leaves: Option<u64>) -> u64 {
    let of_span = |span: u64| {
        let of_extent = |extent: &Extent| {
            let packed = extent.end().div_ceil(span) - extent.base / span;
            let apart = extent.count * ((extent.each * PAGE_BYTES).div_ceil(span) + 1);
            packed.min(apart) + 1
        };
        extents.iter().flatten().map(of_extent).sum::<u64>()
    };
    let lowest = of_span(TABLE_SPAN).min(leaves.unwrap_or(u64::MAX));
    4 + lowest + of_span(TABLE_SPAN << 9) + of_span(TABLE_SPAN << 18)
}
