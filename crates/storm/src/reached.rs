//! Needs of the space for the pages that threads reach before they stop: set-up is as large
//! as what a storm touches, not as what it could touch.

use super::copies::Copies;
use super::extent::Extent;
use super::steps::{ThreadPlan, ThreadStep, TouchPlan, WriterOp};
use mm::addr::{PAGE_BYTES, TABLE_SPAN};
use mm::fault::Access;
use std::ops::Range;
use workload::{Backing, Workload};

/// Returns the pages of each file that faults may need, those around them included.
pub(super) fn file_pages(
    workload: &Workload,
    copies: &Copies,
    threads: &[ThreadPlan],
) -> Vec<Vec<Range<u64>>> {
    let mut pages = pages_of_writers(workload, copies);
    for touch in threads.iter().flat_map(ThreadPlan::steps).filter_map(ThreadStep::touch) {
        let vma = copies.vma(&workload.vmas[touch.vma], touch.copy);
        let Backing::File { file, offset_pages, fault_around_order, .. } = vma.backing else {
            continue;
        };
        let folio = copies.files[file].folio_pages;
        let pages: &mut Vec<Range<u64>> = &mut pages[file];
        let whole = whole_folios(offset_pages..offset_pages + vma.pages, folio);
        if !touch.leaps && !touch.stops_before_its_end() {
            if pages.last() != Some(&whole) {
                pages.push(whole);
            }
            continue;
        }
        let around = if touch.access == Access::Read { 1 << fault_around_order } else { 1 };
        for page in touch.pages.iter().take(touch.reach as usize) {
            let window = window(&touch.extent, page, around);
            let window = offset_pages + window.start..offset_pages + window.end;
            let window = whole_folios(window, folio);
            match pages.last_mut() {
                Some(last) if (last.start..=last.end).contains(&window.start) => {
                    last.end = last.end.max(window.end);
                }
                _ => pages.push(window),
            }
        }
        // Before the next thread's, or what they have in common would be kept for each.
        *pages = merge(std::mem::take(pages));
    }
    pages.into_iter().map(merge).collect()
}

/// Returns the pages of each file that writers look up, whether a thread touches them or not: all
/// of each VMA that such a writer works on.
fn pages_of_writers(workload: &Workload, copies: &Copies) -> Vec<Vec<Range<u64>>> {
    let mut pages = vec![Vec::new(); copies.files.len()];
    for vma in workload.changes().filter_map(|c| c.action.looks_up()).map(|pieces| pieces.vma) {
        let vma = &workload.vmas[vma];
        let Backing::File { file, offset_pages, .. } = vma.backing else { continue };
        let whole = offset_pages..offset_pages + vma.pages;
        for copy in copies.of_file(file) {
            pages[copy].push(whole_folios(whole.clone(), copies.files[copy].folio_pages));
        }
    }
    pages
}

/// Returns the pages of all folios that these pages of a file are in.
fn whole_folios(pages: Range<u64>, folio_pages: u64) -> Range<u64> {
    pages.start / folio_pages * folio_pages..pages.end.next_multiple_of(folio_pages)
}

/// Returns the pages of a mapping that a fault on `page` of its extent looks at: aligned by
/// address.
fn window(extent: &Extent, page: u64, around: u64) -> Range<u64> {
    let (within, place) = (page % extent.each, extent.address(page).0 / PAGE_BYTES % around);
    within - place.min(within)..(within + around - place).min(extent.each)
}

/// Returns the same pages as ranges that neither touch nor overlap, in order.
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

/// Returns the step of a round at which a thread stops for good, or, before that, the first that
/// takes something away; `None` if it reaches the end of a round without.
fn first_to_matter(plan: &ThreadPlan) -> Option<&ThreadStep> {
    plan.steps().find(|step| match step {
        ThreadStep::Touch(touch) => {
            let times = if touch.walks { touch.repeat } else { 1 };
            touch.reach < touch.touches.saturating_mul(times).min(touch.pages.len())
        }
        ThreadStep::Change(change) => {
            change.turns.iter().any(|edit| !matches!(edit, WriterOp::Mmap(_)))
        }
    })
}

/// Threads that reach an operation which takes something away, before they stop.
pub(super) fn takers(threads: &[ThreadPlan]) -> u64 {
    let takes = |plan: &&ThreadPlan| matches!(first_to_matter(plan), Some(ThreadStep::Change(_)));
    threads.iter().filter(takes).count() as u64
}

/// Returns true if all threads stop before the end of the first round, and none takes anything
/// away: no table is freed then.
pub(super) fn frees_nothing(threads: &[ThreadPlan]) -> bool {
    threads.iter().all(|plan| matches!(first_to_matter(plan), Some(ThreadStep::Touch(_))))
}

/// Returns an upper bound of the page tables of the lowest level that threads reach; `None` if some
/// thread reaches all of its pass, or a writer populates pieces.
pub(super) fn leaf_tables(threads: &[ThreadPlan]) -> Option<u64> {
    let populates = |edit: &WriterOp| matches!(edit, WriterOp::MadvisePopulate(..));
    let mut changes = threads.iter().flat_map(ThreadPlan::steps).filter_map(ThreadStep::change);
    if changes.any(|change| change.turns.iter().any(populates)) {
        return None;
    }
    let touches = threads.iter().flat_map(ThreadPlan::steps).filter_map(ThreadStep::touch);
    touches.map(|touch| touch.stops_before_its_end().then(|| tables_of(touch))).sum()
}

/// Tables that the reached part of a pass enters, each entry counted.
fn tables_of(touch: &TouchPlan) -> u64 {
    let table = |page| touch.extent.address(page).0 / TABLE_SPAN;
    let tables = touch.pages.iter().take(touch.reach as usize).map(table);
    let (mut count, mut last) = (0, None);
    for table in tables {
        count += u64::from(last.replace(table) != Some(table));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::plan::Plan;
    use super::*;
    use inputs::workload::parse;
    use workload::Until;

    fn plan(touch: &str, until: Until) -> Plan {
        let text = format!(
            "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"64MiB\"\n[[vma]]\nname = \"v\"\n\
             size = \"64MiB\"\nfile = \"f\"\nprot = \"read\"\n[[op]]\n\
             touch = {{ vma = \"v\", access = \"read\", {touch} }}\n"
        );
        let workload = parse("x", "x.toml", &text, &[]);
        let workload = workload.unwrap_or_else(|wrong| panic!("{wrong}"));
        Plan::new(&workload, 2, 1, until).unwrap()
    }

    #[test]
    fn as_much_of_a_file_is_cached_as_threads_come_to() {
        let pages = |touch, until| plan(touch, until).file_pages.remove(0);
        // Ten faults of 16 pages, and those that neighbours may have mapped.
        let first = pages("order = \"sequential\"", Until::Faults(10));
        assert_eq!(first, [0..192, 8192..8384]);
        assert_eq!(pages("order = \"sequential\"", Until::Touches(17)), [0..32, 8192..8224]);
        let random = pages("order = \"random\"", Until::Touches(3));
        assert!(random.len() > 4 && random.iter().all(|range| range.end - range.start == 16));
        assert!(random.iter().all(|range| range.start.is_multiple_of(16)));
        let sparse = pages("order = \"one-per-table\"", Until::Faults(0));
        assert_eq!(sparse, [0..16, 512..528, 8192..8208, 8704..8720]);
        for (touch, until) in [
            ("order = \"sequential\"", Until::Duration(1)),
            ("order = \"sequential\"", Until::Faults(u64::MAX)),
            ("order = \"random\", slices = \"shared\"", Until::Faults(10)),
            ("order = { zipf = 1.0 }", Until::Faults(10)),
        ] {
            let found = pages(touch, until);
            assert!(found.len() == 1 && found[0] == (0..16384), "{touch}: {found:?}");
        }
    }

    #[test]
    fn what_each_thread_maps_for_itself_is_set_up_as_far_as_it_comes() {
        let plan = |unmap: &str, faults| {
            let text = format!(
                "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"64MiB\"\n\
                 scope = \"per-thread\"\nmapped = false\n[[group]]\nname = \"g\"\n[[op]]\n\
                 mmap = {{ vma = \"v\" }}\n[[op]]\ntouch = {{ vma = \"v\", access = \"write\" }}\n\
                 [[op]]\nmunmap = {{ vma = \"v\"{unmap} }}\n"
            );
            let workload = parse("x", "x.toml", &text, &[]);
            let workload = workload.unwrap_or_else(|wrong| panic!("{wrong}"));
            Plan::new(&workload, 2, 1, Until::Faults(faults)).unwrap()
        };
        let needs = |plan: Plan| (plan.tables, plan.frames, takers(&plan.threads));
        let ((tables, frames, takers), all) = (needs(plan("", 600)), needs(plan("", 1 << 14)));
        assert_eq!((takers, all.2), (0, 2), "who is done before does not unmap");
        assert!(tables < 100 && all.0 > 400, "{tables}, {}", all.0);
        assert!(frames < 4_000 && all.1 > 50_000, "{frames}, {}", all.1);
        // A touch after a piece that is gone may be anywhere.
        assert_eq!(needs(plan(", length = \"2MiB\"", 600)).2, 2);
    }

    #[test]
    fn as_many_tables_are_made_as_threads_come_to() {
        let tables = |until| plan("order = \"sequential\"", until).tables;
        // 32 of the mapping, of which each thread reaches two; and 32 that each may keep of
        // what is freed, of which nothing is.
        let fewer = tables(Until::Duration(1)) - tables(Until::Touches(600));
        assert_eq!(fewer, 33 - 4 + 2 * (32 - 4));
        // A thread that begins another round frees the tables of the last.
        let with = |more| plan(&format!("order = \"sequential\"{more}"), Until::Faults(100)).tables;
        assert_eq!(with(", touches = 100") - with(""), 2 * (32 - 4));
    }
}
