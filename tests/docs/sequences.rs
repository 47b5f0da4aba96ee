//! `docs/internals/kernel-sequences.md`: the accesses of one fault of each kind, as `explain` prints
//! them, and beside them the functions of the kernel that make them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use faultstorm::machine::model::{Place, Step, Traced};
use faultstorm::machines::MachineFile;
use faultstorm::mm::fault::Kind;
use faultstorm::storm::{Executor, ModelExecutor, StormRequest};
use faultstorm::strategy::{Entry, STRATEGIES, find};
use faultstorm::workload::{self, Until};

use crate::page::ROOT;

const PAGE: &str = "docs/internals/kernel-sequences.md";

/// Functions by the line that they access, its first access and its field; the first row that fits
/// counts. Empty: any. All are of Linux 7.2 if no release is named.
const FUNCTIONS: &[(&str, &str, &str, &str)] = &[
    ("mm.mmap_lock", "prefetch", "", "`exc_page_fault`: `prefetchw` (until 6.15)"),
    ("", "", "pgd", "`__handle_mm_fault`: `pgd_offset`"),
    ("", "load", "mmap_lock.count", "`mmap_read_trylock`: `__down_read_trylock`"),
    ("", "rmw", "mmap_lock.count", "`mmap_read_lock`: `__down_read_trylock`; at the end `up_read`"),
    ("", "", "mmap_lock.owner", "`rwsem_set_reader_owned`; at the end `rwsem_clear_reader_owned`"),
    ("", "", "mm_mt.ma_root", "`mas_walk`: `mas_start`"),
    ("mt.node", "", "", "`mas_walk`: `mtree_range_walk`"),
    ("", "", "mm_users", "`speculate` of the series: `mm_users` is 1 for a single thread"),
    ("", "", "mmap_seq", "`mmap_seq_read_start`, `mmap_seq_read_check` of the series of 2021"),
    ("", "", "mm_lock_seq", "`vma_start_read`: a writer has the VMA"),
    ("", "load", "vm_refcnt", "`__refcount_inc_not_zero_limited_acquire` in `vma_start_read`"),
    ("", "rmw", "vm_refcnt", "`vma_start_read`; at the end `vma_end_read`"),
    ("vma_lock", "", "", "6.12 `down_read_trylock` in `vma_start_read`; at the end `up_read`"),
    ("", "", "vm_lock", "6.12 `vma_start_read`: `vma->vm_lock`"),
    ("vma.", "", "vm_lock_seq", "`vma_start_read`: a writer has the VMA"),
    ("vma.", "", "vm_mm", "`vma_start_read`: `vma->vm_mm`"),
    ("vma.", "", "detached", "6.12 `lock_vma_under_rcu`: `vma->detached`"),
    ("vma.vm_sequence", "", "", "none: the scheme's"),
    ("mm.mm_seq", "", "", "none: the scheme's"),
    ("percpu.hazard", "", "", "none: the scheme's"),
    ("percpu.srcu", "", "", "`srcu_read_lock`, `srcu_read_unlock`"),
    ("srcu", "", "", "`srcu_read_lock`: which of the counters"),
    ("vma.", "", "anon_vma", "`vmf_anon_prepare`"),
    ("vma.", "", "vm_flags", "`access_error`; `do_fault`"),
    ("vma.", "", "fault_around_order", "`do_read_fault`: `should_fault_around`"),
    ("vma.", "", "vm_pgoff", "`__handle_mm_fault`: `linear_page_index`"),
    ("vma.", "", "vm_file", "`handle_pte_fault`: `vma_is_anonymous` (by `vm_ops` there)"),
    ("vma.", "", "", "`lock_vma_under_rcu`: bounds; `linear_page_index`"),
    ("zone.lock", "", "", "`get_page_from_freelist`: `zone->flags`"),
    ("zone.vm_stat", "", "", "`zone_watermark_fast`"),
    ("page_table.entries", "load", "", "`__handle_mm_fault`, `handle_pte_fault`: an entry"),
    ("page_table.entries", "store", "", "`set_pte_at`, `set_ptes`"),
    ("ptdesc.ptl", "rmw", "", "`pte_offset_map_lock`"),
    ("ptdesc.ptl", "store", "", "`pte_unmap_unlock`"),
    ("folio", "store", "", "`folio_add_new_anon_rmap`; flags are of the allocation"),
    ("folio", "rmw", "_mapcount", "`folio_add_file_rmap_ptes`"),
    (
        "folio",
        "",
        "_refcount",
        "`filemap_get_entry`: `folio_try_get`; `folio_add_lru`; `folio_put`",
    ),
    ("folio", "load", "flags", "`next_uptodate_folio`, `filemap_fault`: `folio_trylock`, mapping"),
    ("folio", "rmw", "flags", "`folio_unlock`"),
    ("node.vm_stat", "", "", "`lruvec_stat_mod_folio`: `per_cpu_nodestats`"),
    ("mm.rss_stat", "", "", "`add_mm_counter`: `percpu_counter_add_batch`"),
    ("percpu.rss_stat", "", "", "`percpu_counter_add_batch`"),
    ("inode.i_size", "", "", "`filemap_map_pages`, `filemap_fault`: `i_size_read`"),
    ("mapping.i_pages", "", "", "`xas_load`: `xas_start`"),
    ("xa.node", "", "", "`xas_load`, `xas_next_entry`, `xas_reload`"),
    ("file.f_mapping", "", "", "`filemap_map_pages`, `filemap_fault`: `file->f_mapping`"),
    ("file.f_ref", "", "", "`do_async_mmap_readahead`, `filemap_map_pages`: `mmap_miss`"),
];

/// Accesses one after the other to one line.
struct Group {
    line: &'static str,
    accesses: Vec<(&'static str, &'static str)>,
}

impl Group {
    /// The function of the kernel that makes its first access.
    fn function(&self) -> &'static str {
        let (op, field) = self.accesses[0];
        let fits = |(line, of, at, _): &&(&str, &str, &str, &str)| {
            self.line.starts_with(line)
                && (of.is_empty() || *of == op)
                && (at.is_empty() || *at == field)
        };
        let row = FUNCTIONS.iter().find(fits);
        row.unwrap_or_else(|| panic!("{}, {op} {field}: which function is it?", self.line)).3
    }

    /// Its accesses, those of one kind together.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        for (op, field) in &self.accesses {
            let gap = if text.is_empty() { "" } else { ", " };
            let op_text = if *op == last { String::new() } else { format!("**{op}** ") };
            let _ = write!(text, "{gap}{op_text}{field}");
            last = op;
        }
        text
    }
}

fn traced(entry: &Entry, name: &str, kind: Kind) -> Vec<Traced> {
    let names: Vec<&str> = STRATEGIES.iter().map(|entry| entry.name).collect();
    let workload = workload::find(name).expect("it is shipped").parse(&names);
    let workload = workload.unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
    let machine = MachineFile::find("xeon-icelake-2s").unwrap_or_else(|_| panic!("it is shipped"));
    let storm = (entry.run)(&StormRequest {
        workload: &workload,
        weighted_threads: 1,
        real_body: true,
        entry_prefetch: false,
        kernel: None,
        seed: 1,
        warmup_ns: 0,
        until: Until::Faults(1000),
        executor: Executor::Model(ModelExecutor {
            machine: &machine.parameters,
            places: &[Place { agent: 0, socket: 0 }],
            trace: Some(Some(kind)),
        }),
    });
    storm.unwrap_or_else(|error| panic!("{error}")).model.expect("the model ran it").traced
}

fn groups(traced: &[Traced]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for step in traced {
        let op = match step.step {
            Step::Load => "load",
            Step::Store => "store",
            Step::Rmw => "rmw",
            Step::Prefetch => "prefetch",
            Step::Spin | Step::Work(_) => continue,
        };
        let (line, word) = step.at.expect("an access has a line");
        let field = if op == "prefetch" { "" } else { line.words[word] };
        match groups.last_mut().filter(|group| group.line == line.name) {
            Some(group) => group.accesses.push((op, field)),
            None => groups.push(Group { line: line.name, accesses: vec![(op, field)] }),
        }
    }
    groups
}

fn rows(groups: &[Group]) -> String {
    let mut text = "| line | accesses | kernel |\n|---|---|---|\n".to_owned();
    for group in groups {
        let _ = writeln!(text, "| {} | {} | {} |", group.line, group.text(), group.function());
    }
    text
}

/// The part of a fault before its page tables, and the part after the pte.
fn outside(mut groups: Vec<Group>) -> Vec<Group> {
    let ptl = |group: &Group| group.line == "ptdesc.ptl" && group.accesses[0].0 == "store";
    let end = groups.iter().rposition(ptl).map_or(groups.len(), |at| at + 1);
    let pgd = |group: &Group| group.accesses.iter().any(|(_, field)| *field == "pgd");
    let start = groups.iter().position(pgd).expect("a fault walks its tables");
    groups.drain(start..end);
    groups
}

/// Fault-around does the same for each page: pages after the second are left out.
fn two_pages(mut groups: Vec<Group>) -> Vec<Group> {
    let starts: Vec<usize> = (0..groups.len()).filter(|at| is_unlock(&groups[*at])).collect();
    let (second, last) = (starts[1], *starts.last().expect("two pages at least"));
    groups.drain(second + 1..=last);
    groups
}

fn is_unlock(group: &Group) -> bool {
    group.line == "folio" && group.accesses.last() == Some(&("rmw", "flags"))
}

const KINDS: [(&str, &str, Kind); 5] = [
    ("A read of anonymous memory", "huge-anon-read", Kind::AnonRead),
    ("A write to anonymous memory", "huge-anon", Kind::AnonWrite),
    (
        "A read of a file with fault-around, two pages of 16",
        "file-fault-around",
        Kind::FileReadAround,
    ),
    ("A read of a file without", "file-no-fault-around", Kind::FileRead),
    ("A write to a private mapping of a file", "private-write", Kind::PrivateWrite),
];

fn page() -> String {
    let mut text = "<!-- From tests/docs/sequences.rs: UPDATE_REFERENCE=1 cargo test --test docs -->\n\n\
         # A fault beside the kernel's own\n\n\
         The accesses of one fault in the model, as `faultstorm explain STRATEGY --threads 1` prints \
         them, and the functions of Linux 7.2 that make the first of each row (`mm/memory.c`, \
         `mm/mmap_lock.c`, `mm/filemap.c`, `lib/maple_tree.c`, `include/linux/mmap_lock.h`). \
         Consecutive accesses to one line are one row. Accesses of the core's own lists and stacks \
         are left out, here as in the model.\n\n\
         ## Under the lock of the VMA (`vm-refcnt`, 7.2)\n"
        .to_owned();
    let refcnt = find("vm-refcnt").expect("it is in the table");
    for (title, name, kind) in KINDS {
        let groups = groups(&traced(refcnt, name, kind));
        let groups = if kind == Kind::FileReadAround { two_pages(groups) } else { groups };
        let _ = write!(text, "\n### {title}\n\n{}", rows(&groups));
    }
    text += "\n## Under the other strategies\n\nA read of anonymous memory: what comes before the \
             page tables, and after the pte. Between them is the same.\n";
    for entry in STRATEGIES.iter().filter(|entry| entry.name != "vm-refcnt") {
        let kind = if entry.name.starts_with("speculative-vma") { KINDS[1] } else { KINDS[0] };
        let groups = outside(groups(&traced(entry, kind.1, kind.2)));
        let _ = write!(text, "\n### `{}`\n\n{}", entry.name, rows(&groups));
    }
    text
}

#[test]
fn sequences_are_those_of_the_model() {
    let path = Path::new(ROOT).join(PAGE);
    let text = page();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &text).expect("the page can be written");
    }
    let fresh = fs::read_to_string(&path).unwrap_or_default() == text;
    let how = "run `UPDATE_REFERENCE=1 cargo test --test docs` and commit the result";
    assert!(fresh, "{PAGE} is not what the model does: {how}");
}
