//! A workload, laid out: which mappings stand where, which pages each thread touches,
//! and what the space needs.

use super::order::Pages;
use crate::mm::addr::{PAGE_BYTES, TABLE_SPAN, Vaddr};
use crate::mm::fault::Access;
use crate::mm::vma::{Mapping, flag};
use crate::workload::{
    self, Backing, Group, Op, Order, PAGES_PER_TABLE, Scope, Slices, Threads, Touch, Until, Vma,
    Workload,
};
use std::ops::Range;

/// First address of the first mapping.
const BASE: u64 = 1 << 32;
/// Frames and tables that a core's free lists may keep from others, with some air.
const FRAMES_KEPT: u64 = 512;
const TABLES_KEPT: u64 = 32;

/// A storm, laid out.
#[derive(Debug)]
pub struct Plan {
    /// Each thread's work.
    pub threads: Vec<ThreadPlan>,
    /// All mappings.
    pub mappings: Vec<Mapping>,
    /// For each file the pages that a fault may ask for, in order.
    pub file_pages: Vec<Vec<Range<u64>>>,
    /// Frames, the zero page included.
    pub frames: u64,
    /// Page tables.
    pub tables: u64,
}

/// One thread's work in a round.
#[derive(Debug)]
pub struct ThreadPlan {
    /// Number of its group.
    pub group: usize,
    /// What it does in each phase.
    pub phases: Vec<Vec<TouchPlan>>,
}

/// One operation of a thread.
#[derive(Debug)]
pub struct TouchPlan {
    /// Where the pages are.
    pub extent: Extent,
    /// Which, in order.
    pub pages: Pages,
    /// Touches in a round.
    pub touches: u64,
    /// How.
    pub access: Access,
    /// Work between two touches, in nanoseconds.
    pub think_ns: u64,
}

/// Equal mappings, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    base: u64,
    each: u64,
    count: u64,
    stride: u64,
}

impl Extent {
    /// Address of page `page` of all.
    #[inline(always)]
    pub fn address(&self, page: u64) -> Vaddr {
        if self.count == 1 {
            return Vaddr(self.base + page * PAGE_BYTES);
        }
        Vaddr(self.base + page / self.each * self.stride + page % self.each * PAGE_BYTES)
    }

    fn end(&self) -> u64 {
        self.base + (self.count - 1) * self.stride + self.each * PAGE_BYTES
    }

    fn pages(&self) -> u64 {
        self.each * self.count
    }

    /// Mappings as large as a table or larger start at its boundary; smaller ones are
    /// packed. A page stays free between neighbours.
    fn place(vma: &Vma, after: u64) -> Self {
        let large = vma.pages >= PAGES_PER_TABLE;
        let align = if large { TABLE_SPAN } else { PAGE_BYTES };
        let stride = ((vma.pages + 1) * PAGE_BYTES).next_multiple_of(align);
        let base = (after + PAGE_BYTES).next_multiple_of(align);
        Self { base, each: vma.pages, count: vma.count, stride }
    }

    /// Part `part` of `parts`: whole mappings where there are enough, else whole
    /// tables, else pages.
    fn slice(&self, part: u64, parts: u64) -> Range<u64> {
        let unit = match () {
            () if self.count >= parts && self.count > 1 => self.each,
            () if self.pages() >= parts * PAGES_PER_TABLE => PAGES_PER_TABLE,
            () => 1,
        };
        let units = self.pages().div_ceil(unit);
        let bound = |part: u64| (units * part / parts * unit).min(self.pages());
        bound(part)..bound(part + 1)
    }
}

/// Threads of a storm, those of groups with a fixed number included.
pub fn total_threads(workload: &Workload, threads: usize) -> usize {
    group_sizes(workload, threads).iter().sum()
}

/// Threads of each group: fixed numbers, and the rest by weight (largest remainder).
fn group_sizes(workload: &Workload, threads: usize) -> Vec<usize> {
    let weight = |group: &Group| match group.threads {
        Threads::Weight(weight) => weight,
        Threads::Fixed(_) => 0.0,
    };
    let total: f64 = workload.groups.iter().map(weight).sum();
    let share = |group: &Group| threads as f64 * weight(group) / total;
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
        if sizes.iter().sum::<usize>() >= threads + fixed {
            break;
        }
        sizes[index] += 1;
    }
    sizes
}

impl Plan {
    /// Lays a workload out for `threads` threads (of groups with a weight).
    /// What it needs shrinks where `until` lets a thread touch only part of its slice.
    pub fn new(workload: &Workload, threads: usize, seed: u64, until: Until) -> Self {
        let sizes = group_sizes(workload, threads);
        let extents = place_vmas(workload, &sizes);
        let mut plans = Vec::new();
        for (number, (group, size)) in workload.groups.iter().zip(&sizes).enumerate() {
            for index in 0..*size {
                let seed = seed ^ ((plans.len() as u64 + 1) << 32);
                let place = Place { index: index as u64, of: *size as u64, seed };
                let phases = group.phases.iter();
                let phases = phases
                    .map(|phase| {
                        let ops = phase.ops.iter().enumerate();
                        ops.filter_map(|(op, what)| match what {
                            Op::Touch(touch) => Some(plan_touch(touch, &extents, place, op)),
                            Op::Change(_) => None,
                        })
                        .filter(|plan| !plan.pages.is_empty())
                        .collect()
                    })
                    .collect();
                plans.push(ThreadPlan { group: number, phases });
            }
        }
        let mappings = mappings(workload, &extents);
        let file_pages = file_pages(workload);
        let frames = frames(workload, &plans, &extents, &file_pages, most_touches(until));
        let tables = tables(&extents) + plans.len() as u64 * TABLES_KEPT;
        Self { threads: plans, mappings, file_pages, frames, tables }
    }

    /// Touches that a thread makes in a round.
    pub fn touches(&self, thread: usize) -> u64 {
        self.threads[thread].phases.iter().flatten().map(|touch| touch.touches).sum()
    }
}

/// A thread's place in its group.
#[derive(Clone, Copy)]
struct Place {
    index: u64,
    of: u64,
    seed: u64,
}

/// For each VMA of the workload its extents: one, or one for each thread.
fn place_vmas(workload: &Workload, sizes: &[usize]) -> Vec<Vec<Extent>> {
    let mut after = BASE;
    let mut place = |vma: &Vma| {
        let extent = Extent::place(vma, after);
        after = extent.end();
        extent
    };
    (workload.vmas.iter().enumerate())
        .map(|(number, vma)| match vma.scope {
            Scope::Shared => vec![place(vma)],
            Scope::PerThread => {
                let touches = |group: &Group| group.ops().any(|op| op.vma() == Some(number));
                let groups = workload.groups.iter().zip(sizes).filter(|(g, _)| touches(g));
                let threads: usize = groups.map(|(_, size)| *size).sum();
                (0..threads).map(|_| place(vma)).collect()
            }
        })
        .collect()
}

fn plan_touch(touch: &Touch, extents: &[Vec<Extent>], place: Place, op: usize) -> TouchPlan {
    let own = extents[touch.vma].len() > 1;
    let extent = extents[touch.vma][if own { place.index as usize } else { 0 }];
    let slice = match touch.slices {
        Slices::Disjoint if !own => extent.slice(place.index, place.of),
        _ => 0..extent.pages(),
    };
    let seed = place.seed ^ ((op as u64) << 16);
    let pages = if slice.is_empty() {
        Pages::Listed(Box::default())
    } else {
        Pages::new(touch.order, slice, extent.each, touch.touches, seed)
    };
    let touches = touch.touches.unwrap_or(pages.len());
    let access = match touch.access {
        workload::Access::Read => Access::Read,
        workload::Access::Write => Access::Write,
    };
    TouchPlan { extent, pages, touches, access, think_ns: touch.think_ns }
}

fn mappings(workload: &Workload, extents: &[Vec<Extent>]) -> Vec<Mapping> {
    let mut mappings = Vec::new();
    for (vma, extents) in workload.vmas.iter().zip(extents) {
        for extent in extents {
            let starts = (0..extent.count).map(|n| extent.base + n * extent.stride);
            mappings.extend(starts.map(|start| mapping(workload, vma, start)));
        }
    }
    mappings
}

fn mapping(workload: &Workload, vma: &Vma, start: u64) -> Mapping {
    let (start, end) = (Vaddr(start), Vaddr(start + vma.pages * PAGE_BYTES));
    let write = if vma.writable { flag::WRITE } else { 0 };
    match vma.backing {
        Backing::Anonymous => {
            Mapping { start, end, flags: write, file: None, pgoff: 0, fault_around_order: 0 }
        }
        Backing::File { file, offset_pages, shared, fault_around_order } => {
            let shared = if shared { flag::SHARED } else { 0 };
            let speculate = if workload.files[file].speculation { flag::SPECULATE } else { 0 };
            let (flags, file, pgoff) = (write | shared | speculate, Some(file), offset_pages);
            Mapping { start, end, flags, file, pgoff, fault_around_order }
        }
    }
}

/// Pages of each file that faults may ask for, those around them included.
fn file_pages(workload: &Workload) -> Vec<Vec<Range<u64>>> {
    let mut pages = vec![Vec::new(); workload.files.len()];
    for touch in workload.groups.iter().flat_map(Group::touches) {
        let vma = &workload.vmas[touch.vma];
        let Backing::File { file, offset_pages, fault_around_order, .. } = vma.backing else {
            continue;
        };
        match touch.order {
            Order::OnePerTable => {
                let around = 1 << fault_around_order;
                let firsts = (0..vma.pages).step_by(PAGES_PER_TABLE as usize);
                let windows = firsts.map(|p| p..(p + around).min(vma.pages));
                pages[file].extend(windows.map(|w| w.start + offset_pages..w.end + offset_pages));
            }
            _ => pages[file].push(offset_pages..offset_pages + vma.pages),
        }
    }
    pages.into_iter().map(merge).collect()
}

/// The same pages as ranges that neither touch nor overlap, in order.
fn merge(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn frames(
    workload: &Workload,
    threads: &[ThreadPlan],
    extents: &[Vec<Extent>],
    file_pages: &[Vec<Range<u64>>],
    touches_max: u64,
) -> u64 {
    // What a thread writes gets a frame for each page, at the most.
    let mut written = 0;
    for (vma, extents) in workload.vmas.iter().zip(extents) {
        for extent in extents.iter().filter(|_| vma.writable) {
            let touches = threads.iter().flat_map(|thread| thread.phases.iter().flatten());
            let writes = touches.filter(|t| t.extent == *extent && t.access == Access::Write);
            let touched: u64 = writes.map(|t| t.touches.min(t.pages.len()).min(touches_max)).sum();
            written += touched.min(extent.pages());
        }
    }
    let cached: u64 = file_pages.iter().flatten().map(|range| range.end - range.start).sum();
    1 + written + cached + (threads.len() as u64 + 1) * FRAMES_KEPT
}

/// Touches of a thread between two resets, at the most, as far as `until` says.
fn most_touches(until: Until) -> u64 {
    match until {
        // What faults is touched again only where somebody else raced.
        Until::Touches(most) | Until::Faults(most) => most,
        Until::Duration(_) | Until::Rounds(_) => u64::MAX,
    }
}

fn tables(extents: &[Vec<Extent>]) -> u64 {
    let mut tables = 4;
    for extent in extents.iter().flatten() {
        for span in [TABLE_SPAN, TABLE_SPAN << 9, TABLE_SPAN << 18] {
            let packed = extent.end().div_ceil(span) - extent.base / span;
            let apart = extent.count * ((extent.each * PAGE_BYTES).div_ceil(span) + 1);
            tables += packed.min(apart) + 1;
        }
    }
    tables
}

/// What a storm needs of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Frames with memory, for bodies that clear and copy pages.
    pub frames: usize,
    /// Bytes: frames, and the lines of folios, tables and VMAs.
    pub memory_bytes: u64,
}

/// What a storm of `workload` needs with `threads` threads.
pub fn needs(workload: &Workload, threads: usize, until: Until) -> Needs {
    let plan = Plan::new(workload, threads, 0, until);
    let lines = 2 * 64;
    let metadata = plan.frames * lines
        + plan.tables * (PAGE_BYTES + 64) * 2
        + plan.mappings.len() as u64 * (4 + 2) * lines;
    Needs { frames: plan.frames as usize, memory_bytes: plan.frames * PAGE_BYTES + metadata }
}
