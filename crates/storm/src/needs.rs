//! Memory and frames that a storm needs, computed before anything is allocated.
//!
//! Orders of touches are drawn, so the needs depend on the seed too.

use super::error::TooLarge;
use super::plan::{Outline, Plan};
use super::steps::{ThreadPlan, ThreadStep};
use super::toucher::{TOUCHES_PER_CHECK, reads_max};
use super::{notes, samples, worker};
use machine::Machine;
use machine::host::{Counted, DIRECTORY_BYTES, Host};
use mm::addr::PAGE_BYTES;
use mm::fault::Kind;
use mm::{frames, page_cache, page_table, vma, vma_tree};
use std::collections::BTreeSet;
use workload::units::approximate_size;
use workload::{Action, IoLatency, ThreadGroup, Until, Workload};

/// Most lines that a strategy adds to a VMA.
const OWN_LINES: u64 = 1;

/// Needs of a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Frames, the zero page included. They have content if pages are cleared and copied.
    pub frames: usize,
    /// Threads.
    pub threads: u64,
    /// Files, which the running kernel has to make.
    pub files: u64,
    tables: u64,
    vmas: u64,
    file_nodes: u64,
    listed_bytes: u64,
    /// Notes that all threads make of time and of their reads.
    notes_bytes: u64,
    /// Histograms of operations of all threads.
    op_histograms: u64,
    /// Most kinds of faults that a thread can have.
    kinds: u64,
}

impl Needs {
    /// Returns the bytes of the content of all frames.
    pub fn content_bytes(&self) -> u64 {
        self.frames as u64 * PAGE_BYTES
    }

    /// Returns the bytes that threads of this machine measure in: each has histograms of all kinds
    /// before it storms.
    pub fn measuring_bytes(&self) -> u64 {
        self.measuring_in(Kind::ALL.len() as u64)
    }

    /// Returns the bytes that cores of the model measure in, at most: they have the histograms that
    /// they have samples for.
    pub fn measuring_bytes_in_model(&self) -> u64 {
        self.measuring_in(self.kinds)
    }

    /// The bytes of these kinds, of I/O and of operations: of each thread, and of all together.
    fn measuring_in(&self, kinds: u64) -> u64 {
        let sum = kinds + 1 + Action::NAMES.len() as u64;
        let histograms = self.threads * (kinds + 1) + self.op_histograms + sum;
        self.notes_bytes + histograms * samples::bytes_each()
    }

    /// Returns the bytes of everything else, in a world with these lines.
    pub fn space_bytes<M: Machine>(&self) -> u64 {
        let own = OWN_LINES * size_of::<M::Line>() as u64;
        self.listed_bytes
            + self.frames as u64 * frames::bytes_each::<M>()
            + self.tables * page_table::bytes_each::<M>()
            + self.file_nodes * page_cache::bytes_of_node::<M>()
            + self.vmas * (vma::bytes_each::<M>() + own)
            + vma_tree::bytes_for::<M>(self.vmas)
    }

    /// Returns the same on this machine's cores if the counting of transfers is audited: nearly all
    /// of it is lines, and each has a directory of its own.
    pub fn audited_bytes(&self) -> u64 {
        let line = size_of::<<Host<Counted> as Machine>::Line>() as u64;
        self.space_bytes::<Host<Counted>>() / line * (line + DIRECTORY_BYTES as u64)
    }
}

/// Refuses a storm that takes `bytes` of `what` if only `usable_bytes` can be had.
///
/// # Errors
/// Both numbers, and `advice`.
pub fn fits(
    workload: &Workload,
    weighted_threads: usize,
    bytes: u64,
    usable_bytes: u64,
    what: &str,
    advice: &str,
) -> Result<(), TooLarge> {
    if bytes <= usable_bytes {
        return Ok(());
    }
    let (needed, usable) = (approximate_size(bytes), approximate_size(usable_bytes));
    let why = format!("needs {needed} of {what} and {usable} can be had: {advice}");
    Err(TooLarge::new(workload, weighted_threads, why))
}

/// Computes the needs of a storm of `workload` with this seed, on a machine of which
/// `usable_bytes` can be had.
///
/// # Errors
/// If no space can hold it, or the orders and pieces that its plan lists take more memory
/// than that.
pub fn needs(
    workload: &Workload,
    weighted_threads: usize,
    seed: u64,
    until: Until,
    usable_bytes: u64,
) -> Result<Needs, TooLarge> {
    let outline = Outline::new(workload, weighted_threads)?;
    let listed_bytes = outline.listed_bytes;
    let vmas_bytes = outline.mappings * vma::bytes_each::<Host>();
    let least_bytes = listed_bytes.saturating_add(vmas_bytes);
    let advice = "that is its mappings, pieces and orders alone: make them fewer, or the orders \
                  sequential";
    fits(workload, weighted_threads, least_bytes, usable_bytes, "memory", advice)?;
    let plan = Plan::of(workload, weighted_threads, seed, until, outline)?;
    let file_nodes = (plan.files.iter().zip(&plan.file_pages))
        .map(|(file, pages)| page_cache::nodes(file.pages, pages))
        .sum();
    let threads = 0..plan.threads.len();
    // Without I/O the room for reads is there, but nothing is written to it.
    let has_io = workload.files.iter().any(|file| file.io != IoLatency::Fixed(0));
    let noted = |thread| {
        let reads = if has_io { reads_max(&plan, thread) } else { 0 };
        notes::bytes(worker::looks(&plan, thread, TOUCHES_PER_CHECK)) + reads * mm::BYTES_PER_READ
    };
    Ok(Needs {
        frames: plan.frames as usize,
        threads: plan.threads.len() as u64,
        files: plan.files.len() as u64,
        notes_bytes: threads.map(noted).sum(),
        op_histograms: plan.threads.iter().map(operations).sum(),
        kinds: kinds(workload),
        tables: plan.tables,
        vmas: plan.vmas,
        file_nodes,
        listed_bytes,
    })
}

/// Returns the operations that a thread has, each once.
fn operations(thread: &ThreadPlan) -> u64 {
    let steps = thread.steps();
    let actions: BTreeSet<usize> = steps
        .filter_map(|step| match step {
            ThreadStep::Change(change) => Some(change.action),
            ThreadStep::Touch(_) => None,
        })
        .collect();
    actions.len() as u64
}

/// Returns an upper bound of the kinds of faults: each touch has two at most, as a read of a file
/// with and without pages around it.
fn kinds(workload: &Workload) -> u64 {
    let touches = workload.groups.iter().flat_map(ThreadGroup::touches).count();
    (2 * touches).min(Kind::ALL.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::super::order::Pages;
    use super::super::steps::TouchPlan;
    use super::*;
    use inputs::workload::parse;
    use machine::model::Model;
    use proptest::prelude::*;

    fn workload(mapping: &str, touch: &str) -> Workload {
        let text = format!(
            "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1GiB\"\n[[vma]]\nname = \"v\"\n\
             {mapping}\n[[vma]]\nname = \"w\"\nsize = \"1MiB\"\nfile = \"f\"\n[[op]]\n\
             touch = {{ vma = \"v\", access = \"write\"{touch} }}\n[[op]]\n\
             touch = {{ vma = \"w\", access = \"read\" }}\n"
        );
        parse("x", "x.toml", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    fn refused(mapping: &str, touch: &str, threads: usize) -> String {
        let until = Until::Touches(16);
        let needed = needs(&workload(mapping, touch), threads, 1, until, 1 << 30);
        needed.expect_err("it is too large").to_string()
    }

    #[test]
    fn what_no_space_holds_is_told_with_its_bound() {
        let said = refused("size = \"1MiB\"", "", 1025);
        assert_eq!(
            said,
            "'x' at 1025 threads has 1025 threads in all, and a storm has at most 1024"
        );
        let said = refused("size = \"127TiB\"\nscope = \"per-thread\"", "", 2);
        assert!(said.contains("more than 128TiB of addresses (47 bits)"), "{said}");
        let said = refused("size = \"17TiB\"", ", order = \"one-per-table\"", 1);
        assert!(said.contains("\"v\", which has 4563402752, and 4294967296 at most"), "{said}");
        let all = Plan::new(&workload("size = \"17TiB\"", ""), 1, 1, Until::Rounds(1));
        let said = all.expect_err("frames have 32 bits").to_string();
        assert!(said.contains("frames, and a space has at most 4294967295"), "{said}");
    }

    #[test]
    fn what_a_plan_lists_is_told_before_it_is_listed() {
        for (mapping, touch, needed) in [
            ("size = \"1TiB\"", ", order = \"random\"", "1.1GiB"),
            ("size = \"1GiB\"", ", order = { zipf = 1.0 }, touches = 1000000000", "7.5GiB"),
            ("size = \"4KiB\"\ncount = 300000000", "", "106"),
        ] {
            let reason = refused(mapping, touch, 2);
            assert!(reason.contains(&format!("needs {needed}")), "{reason}");
            assert!(reason.contains("of memory and 1GiB can be had"), "{reason}");
        }
    }

    /// Returns the bytes of content and of the space in the model.
    fn bytes(workload: &Workload, threads: usize, until: Until) -> (u64, u64) {
        let needs = needs(workload, threads, 1, until, u64::MAX).unwrap();
        (needs.content_bytes(), needs.space_bytes::<Model>())
    }

    #[test]
    fn a_storm_needs_as_much_as_it_touches() {
        let whole = workload("size = \"1GiB\"", "");
        let (content, space) = bytes(&whole, 4, Until::Rounds(1));
        assert!((1 << 30..(1 << 30) + (16 << 20)).contains(&content), "{content}");
        assert!(space > content / PAGE_BYTES * 64, "a line for each frame: {space}");
        let (part, less) = bytes(&whole, 4, Until::Touches(100));
        assert!(part < 16 << 20 && less < space / 8, "{part}, {less}");
        let drawn = workload("size = \"1GiB\"", ", order = \"random\", slices = \"shared\"");
        let (_, listed) = bytes(&drawn, 4, Until::Touches(100));
        assert!(listed >= less + 4 * (1 << 20), "each thread lists 2^18 pages: {listed}");
    }

    #[test]
    fn each_thread_measures_in_memory_of_its_own() {
        let whole = workload("size = \"1GiB\"", "");
        let needs = |threads| needs(&whole, threads, 1, Until::Rounds(1), u64::MAX).unwrap();
        let (one, many) = (needs(1), needs(65));
        // 216 KiB for each kind and for I/O.
        let each = (many.measuring_bytes() - one.measuring_bytes()) / 64;
        assert!(((10 * 216) << 10..(11 * 216) << 10).contains(&each), "{each}");
        assert!(many.measuring_bytes_in_model() < many.measuring_bytes());
    }

    /// Returns the bytes of a plan's lists.
    fn listed(plan: &Plan) -> usize {
        let of_step = |step: &ThreadStep| match step {
            ThreadStep::Touch(TouchPlan { pages: Pages::Listed(pages), .. }) => {
                size_of_val(&**pages)
            }
            ThreadStep::Touch(_) => 0,
            ThreadStep::Change(change) => size_of_val(&*change.turns),
        };
        let steps = plan.threads.iter().flat_map(|thread| thread.steps());
        steps.map(of_step).sum::<usize>() + size_of_val(&*plan.mappings)
    }

    proptest! {
        #[test]
        fn no_plan_lists_more_than_was_told_nor_comes_to_a_page_that_has_no_frame(
            pages in 1u64..3000,
            touches in 1u64..500,
            threads in 1usize..5,
            seed: u64,
            order in 0usize..5,
            around in 0u8..10,
            shared: bool,
        ) {
            let orders = ["\"sequential\"", "\"random\"", "{ zipf = 0.99 }", "{ strided = 7 }",
                          "\"one-per-table\""];
            let order = orders[order];
            let slices = if shared { ", slices = \"shared\"" } else { "" };
            let kib = 4 * pages;
            let mapping =
                format!("size = \"{kib}KiB\"\nfile = \"f\"\nfault_around_order = {around}");
            let workload = workload(&mapping, &format!(", order = {order}{slices}"));
            for until in [Until::Touches(touches), Until::Faults(touches), Until::Rounds(1)] {
                let plan = Plan::new(&workload, threads, seed, until).unwrap();
                let needed = Outline::new(&workload, threads).unwrap().listed_bytes;
                prop_assert!(listed(&plan) as u64 <= needed, "{} > {needed}", listed(&plan));
                let cached = &plan.file_pages[0];
                let steps = plan.threads.iter().flat_map(|thread| thread.steps());
                for touch in steps.filter_map(ThreadStep::touch) {
                    let mut reached = touch.pages.iter().take(touch.reach as usize);
                    let has_frame = |page: u64| cached.iter().any(|pages| pages.contains(&page));
                    prop_assert!(reached.all(has_frame), "{touch:?}");
                }
                let cached: u64 = cached.iter().map(|pages| pages.end - pages.start).sum();
                let needs = needs(&workload, threads, seed, until, u64::MAX).unwrap();
                prop_assert!(needs.frames as u64 > cached);
            }
        }
    }
}
