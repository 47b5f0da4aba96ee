//! `docs/internals/kernel-sequences.md`: the accesses of one fault of each kind, as `explain`
//! prints them, and beside them the functions of the kernel that make them.

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

/// Functions by the line that they access, the access, its field, and the line before; the first
/// row that fits counts. Empty: any. All are of Linux 7.2 if no release is named.
const FUNCTIONS: &[(&str, &str, &str, &str, &str)] = &[
    ("mm.mmap_lock", "prefetch", "", "", "`exc_page_fault`: `prefetchw` (until 6.15)"),
    ("", "", "pgd", "", "`__handle_mm_fault`: `pgd_offset`"),
    ("", "", "mmap_lock.count", "", "`mmap_read_trylock`, `down_read`; at the end `up_read`"),
    ("", "load", "mmap_lock.owner", "", "`rwsem_set_reader_owned`; since 6.17 also `up_read`"),
    ("", "", "mmap_lock.owner", "", "`rwsem_set_reader_owned`"),
    ("", "", "mm_mt.ma_root", "", "`mas_walk`: `mas_start`"),
    ("mt.node", "", "", "", "`mas_walk`: `mtree_range_walk`"),
    ("", "", "mm_users", "", "`do_user_addr_fault` of the series of 2021"),
    ("", "", "mmap_seq", "", "`mmap_seq_read_start`, `mmap_seq_read_check` of the series of 2021"),
    ("", "", "mm_lock_seq", "", "`vma_start_read`; for `mm-seq` `mmap_lock_speculate_try_begin`"),
    ("vma.", "", "vm_refcnt", "", "`vma_start_read`; at the end `vma_end_read`"),
    ("vma_lock", "", "", "", "6.12 `vma_start_read`: `down_read_trylock`; at the end `up_read`"),
    ("vma.", "", "vm_lock", "", "6.12 `vma_start_read`: `vma->vm_lock`"),
    ("vma.", "", "vm_lock.owner", "", "6.12 `vma_start_read`: `rwsem_set_reader_owned`"),
    ("vma.", "", "vm_lock_seq", "", "`vma_start_read`"),
    ("vma.", "", "vm_mm", "", "`vma_start_read`"),
    ("vma.", "", "detached", "", "6.12 `lock_vma_under_rcu`"),
    ("vma.vm_sequence", "", "", "", "none: the scheme's"),
    ("mm.mm_seq", "", "", "", "none: the scheme's"),
    ("percpu.hazard", "", "", "", "none: the scheme's"),
    ("srcu.", "", "", "", "`srcu_read_lock`; at the end `srcu_read_unlock`"),
    ("vma.", "", "anon_vma", "", "`vmf_anon_prepare`"),
    ("vma.", "", "vm_flags", "", "`access_error`, `do_fault`"),
    ("vma.", "", "fault_around_order", "", "`do_read_fault`: `should_fault_around`"),
    ("vma.", "", "vm_pgoff", "", "`__handle_mm_fault`: `linear_page_index`"),
    ("vma.", "", "vm_file", "", "`handle_pte_fault`: `vma_is_anonymous` (by `vm_ops`)"),
    ("vma.", "", "", "mt.node", "`find_vma`; a walk under RCU need not look"),
    ("vma.", "", "", "vma.vm_file", "`__handle_mm_fault`: `linear_page_index`"),
    ("vma.", "", "", "inode.", "`do_fault_around`: `vma_pages`"),
    ("vma.", "", "", "zone.", "`__handle_mm_fault`: `linear_page_index`"),
    ("vma.", "", "", "", "`lock_vma_under_rcu`: bounds"),
    ("zone.lock", "", "", "", "`get_page_from_freelist`: `zone->flags`"),
    ("zone.vm_stat", "", "", "", "`zone_watermark_fast`"),
    ("page_table.entries", "store", "", "", "`set_pte_at`, `set_ptes`"),
    ("page_table.entries", "", "", "ptdesc.ptl", "`pmd_same`; `vmf_pte_changed`: the pte"),
    ("page_table.entries", "", "", "", "`__handle_mm_fault`, `handle_pte_fault`: an entry"),
    ("ptdesc.ptl", "store", "", "", "`pte_unmap_unlock`"),
    ("ptdesc.ptl", "", "", "", "`pte_offset_map_lock`"),
    ("folio", "store", "", "", "`folio_add_new_anon_rmap`, and the allocation"),
    ("folio", "", "_mapcount", "", "`folio_add_file_rmap_ptes`"),
    (
        "folio",
        "",
        "_refcount",
        "xa.node",
        "`filemap_get_entry`, `next_uptodate_folio`: `folio_try_get`",
    ),
    ("folio", "", "_refcount", "percpu.", "`folio_add_lru_vma`: `folio_get`"),
    ("folio", "", "_refcount", "", "`folio_put`"),
    ("folio", "", "mapping", "", "`filemap_fault`, `next_uptodate_folio`: `folio->mapping`"),
    ("folio", "", "", "xa.node", "`filemap_fault`, `next_uptodate_folio`: `folio_trylock`"),
    ("folio", "", "", "", "`folio_unlock`"),
    ("node.vm_stat", "", "", "", "`lruvec_stat_mod_folio`: `per_cpu_nodestats`"),
    ("mm.rss_stat", "", "", "", "`add_mm_counter`: `percpu_counter_add_batch`"),
    ("percpu.rss_stat", "", "", "", "`add_mm_counter`: `percpu_counter_add_batch`"),
    ("inode.i_size", "", "", "", "`filemap_map_pages`, `filemap_fault`: `i_size_read`"),
    ("mapping.i_pages", "", "", "", "`xas_start`"),
    ("xa.node", "", "", "folio", "`xas_next_entry`, `xas_reload`"),
    ("xa.node", "", "", "", "`xas_load`, `xas_next_entry`"),
    ("file.f_mapping", "", "", "", "`filemap_map_pages`, `filemap_fault`: `file->f_mapping`"),
    ("file.f_ref", "", "", "", "`do_async_mmap_readahead`, `filemap_map_pages`: `mmap_miss`"),
];

/// Returns the function of the kernel that makes an access after one to line `before`.
fn function(before: &str, line: &str, op: &str, field: &str) -> &'static str {
    let fits = |row: &&(&str, &str, &str, &str, &str)| {
        line.starts_with(row.0)
            && (row.1.is_empty() || row.1 == op)
            && (row.2.is_empty() || row.2 == field)
            && before.starts_with(row.3)
    };
    let row = FUNCTIONS.iter().find(fits);
    row.unwrap_or_else(|| panic!("{line}, {op} {field} after {before}: which function is it?")).4
}

/// Accesses one after the other to one line, by one function.
struct Group {
    line: &'static str,
    function: &'static str,
    accesses: Vec<(&'static str, &'static str)>,
}

impl Group {
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
        weighted_threads: 2,
        real_body: true,
        entry_prefetch: false,
        kernel: None,
        seed: 1,
        warmup_ns: 0,
        until: Until::Faults(1000),
        executor: Executor::Model(ModelExecutor {
            machine: &machine.parameters,
            places: &[0, 1].map(|agent| Place { agent, socket: 0 }),
            trace: Some(Some(kind)),
        }),
    });
    storm.unwrap_or_else(|error| panic!("{error}")).model.expect("the model ran it").traced
}

fn groups(traced: &[Traced]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // The line of the last access, and the other line before it.
    let (mut before, mut last) = ("", "");
    for step in traced {
        let op = match step.step {
            Step::Load => "load",
            Step::Store => "store",
            Step::Rmw => "rmw",
            Step::Prefetch => "prefetch",
            Step::Spin | Step::Work(_) => continue,
        };
        let (line, word) = step.at.expect("an access has a line");
        let field = if op == "prefetch" { "the line" } else { line.words[word] };
        let other = if line.name == last { before } else { last };
        let function = function(other, line.name, op, field);
        let is_next = |group: &&mut Group| (group.line, group.function) == (line.name, function);
        match groups.last_mut().filter(is_next) {
            Some(group) => group.accesses.push((op, field)),
            None => groups.push(Group { line: line.name, function, accesses: vec![(op, field)] }),
        }
        if line.name != last {
            (before, last) = (last, line.name);
        }
    }
    groups
}

fn rows(groups: &[Group]) -> String {
    let mut text = "| line | accesses | kernel |\n|---|---|---|\n".to_owned();
    for group in groups {
        let _ = writeln!(text, "| {} | {} | {} |", group.line, group.text(), group.function);
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

const HEAD: &str = "\
<!-- From tests/docs/sequences.rs: UPDATE_REFERENCE=1 cargo test --test docs -->

# A fault beside the kernel's own

The accesses of one fault in the model, as `faultstorm explain STRATEGY` prints them, and the
functions of Linux 7.2 that make them (`mm/memory.c`, `mm/mmap_lock.c`, `mm/filemap.c`,
`lib/maple_tree.c`, `include/linux/mmap_lock.h`). Consecutive accesses of a function to a line
are one row. Accesses to the core's own lists and stacks are left out, here as in the model.

## Under the lock of the VMA (`vm-refcnt`, 7.2)
";

fn page() -> String {
    let mut text = HEAD.to_owned();
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
