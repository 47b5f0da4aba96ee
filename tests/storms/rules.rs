//! What faults and writers do by the rules of their kernel or outline, counted in the model.

use faultstorm::machine::LineName;
use faultstorm::mm::fault::Kind;
use faultstorm::storm::{ModelStorm, Storm};
use faultstorm::strategy::find;
use faultstorm::workload::Until;

use crate::ask::{Ask, parse, shipped, xeon};

/// A storm of one thread that has a mapping of 16 pages for itself.
fn alone(strategy: &str, ops: &[&str]) -> Storm {
    let ops: String = ops.iter().map(|op| format!("[[op]]\n{op}\n")).collect();
    let workload = parse(&format!(
        "summary = \"x\"\n[[vma]]\nname = \"v\"\nsize = \"64KiB\"\nscope = \"per-thread\"\n{ops}"
    ));
    let entry = find(strategy).expect("it is in the table");
    Ask::new(&workload, 1, Until::Rounds(1)).in_model(entry, &xeon()).storm
}

const READ: &str = "touch = { vma = \"v\", access = \"read\" }";
const WRITE: &str = "touch = { vma = \"v\", access = \"write\" }";
const PROTECT: &str = "mprotect = { vma = \"v\", prot = \"read\" }";
const ALLOW: &str = "mprotect = { vma = \"v\", prot = \"read-write\" }";

/// Shootdowns, faults, and copies among them.
fn counts(storm: &Storm) -> [u64; 3] {
    let copies = storm.counts.by_kind[Kind::WpCopy as usize];
    [storm.shootdowns.count, storm.counts.faults, copies]
}

#[test]
fn mprotect_shoots_down_where_a_page_has_lost_or_gained_a_right() {
    for strategy in ["mmap-lock", "mmap-lock:6.2", "rcu-map-pages", "vm-refcnt"] {
        let of = |ops: &[&str]| counts(&alone(strategy, ops));
        assert_eq!(of(&[PROTECT, ALLOW]), [0, 0, 0], "{strategy}: nothing is mapped");
        assert_eq!(of(&[READ, PROTECT, ALLOW]), [0, 16, 0], "{strategy}: the zero page");
        // A copy of the zero page shoots down by itself.
        assert_eq!(of(&[READ, PROTECT, ALLOW, WRITE]), [16, 32, 16], "{strategy}");
        assert_eq!(of(&[WRITE, PROTECT]), [1, 16, 0], "{strategy}");
        // Pages that nobody shares may be written at once.
        assert_eq!(of(&[WRITE, PROTECT, ALLOW, WRITE]), [2, 16, 0], "{strategy}");
    }
}

/// A page that a child has is no longer exclusive, until a write finds it alone again.
#[test]
fn mprotect_gives_no_right_to_what_a_child_shares() {
    let of = |ops: &[&str]| counts(&alone("vm-refcnt", ops));
    // One shootdown of the fork, one for each copy; the ptes have lost the right already.
    let forked = [WRITE, "fork = {}", PROTECT, ALLOW, WRITE];
    assert_eq!(of(&forked), [1 + 16, 32, 16]);
}

/// Step 5 of the outline is not asked whether the mapping maps pages around.
#[test]
fn rcu_map_pages_needs_no_reference_for_a_cached_page() {
    let workload = parse(
        "summary = \"x\"\n[[file]]\nname = \"f\"\nsize = \"1MiB\"\n[[vma]]\nname = \"v\"\n\
         size = \"1MiB\"\nfile = \"f\"\nfault_around_order = 0\n[[op]]\n\
         touch = { vma = \"v\", access = \"read\" }\n",
    );
    let storm = |strategy: &str| {
        let entry = find(strategy).expect("it is in the table");
        Ask::new(&workload, 4, Until::Rounds(1)).in_model(entry, &xeon())
    };
    let references = |storm: &ModelStorm| {
        let lines = storm.accounts.0.iter().filter(|(line, _)| line.name == "vma.vm_refcnt");
        lines.map(|(_, line)| line.writes).sum::<u64>()
    };
    let found = storm("rcu-map-pages");
    assert_eq!(references(&found), 0);
    assert_eq!(found.storm.counts.by_kind[Kind::FileRead as usize], 256);
    assert!(references(&storm("vma-refcount")) >= 2 * 256);
}

/// A reader looks at the owner before it stores its name, and in some kernels again when it
/// leaves, to take it back.
#[test]
fn a_reader_loads_the_owner_that_it_stores() {
    let workload = shipped("huge-anon-read");
    let lock = |strategy: &str| {
        let entry = find(strategy).expect("it is in the table");
        let storm = Ask::new(&workload, 1, Until::Faults(500)).in_model(entry, &xeon());
        let named = |line: &&(&LineName, _)| line.0.name == "mm.mmap_lock";
        let account = &storm.accounts.0.iter().find(named).expect("the lock is taken").1;
        let faults = storm.storm.counts.faults;
        (account.reads / faults, account.writes / faults)
    };
    // The count is loaded, raised and lowered, and the owner is on its line.
    assert_eq!(lock("mmap-lock"), (1 + 2, 2 + 2), "Linux 7.2");
    assert_eq!(lock("mmap-lock:6.2").1, 2 + 1);
}

/// `detached` is not on the line of the count, which another fault has written meanwhile.
#[test]
fn a_fault_has_the_line_of_a_vma_count_twice() {
    let workload = shipped("huge-anon-read");
    let entry = find("vma-refcount").expect("it is in the table");
    let storm = Ask::new(&workload, 16, Until::Faults(200)).in_model(entry, &xeon());
    let named = |line: &&(&LineName, _)| line.0.name == "vma.vm_refcnt";
    let account = &storm.accounts.0.iter().find(named).expect("it is taken").1;
    assert_eq!(account.reads, storm.storm.counts.faults, "once, before it is raised");
}
