//! Large folios: how many pages a fault maps, and that the books balance whatever operations do to
//! a part of a folio (a storm whose books do not balance is an error).

use faultstorm::mm::fault::Kind;
use faultstorm::storm::StormCounts;
use faultstorm::workload::{Until, Workload};

use crate::ask::{Ask, entries, parse, shipped_text, xeon};

const SIZES: [(&str, u64); 2] = [("16KiB", 4), ("64KiB", 16)];

/// A heap of so many KiB in which writes map folios of this size, and operations on it.
fn heap(kib: u64, folio: &str, ops: &[&str]) -> Workload {
    let ops: String = ops.iter().map(|op| format!("[[op]]\n{op}\n")).collect();
    parse(&format!(
        "summary = \"x\"\n[[vma]]\nname = \"heap\"\nsize = \"{kib}KiB\"\nfolio = \"{folio}\"\n{ops}"
    ))
}

const WRITE: &str = "touch = { vma = \"heap\", access = \"write\" }";

#[test]
fn a_write_fault_maps_all_pages_of_its_folio() {
    for (folio, pages) in SIZES {
        let workload = heap(16 << 10, folio, &[WRITE]);
        for entry in entries(&workload) {
            for threads in [1, 2, 5] {
                let counts = Ask::new(&workload, threads, Until::Rounds(3)).on_host(entry).counts;
                let faults = 3 * 4096 / pages;
                assert_eq!((counts.touches, counts.faults), (3 * 4096, faults), "{}", entry.name);
                assert_eq!((counts.mapped, counts.pages_mapped), (faults, 3 * 4096));
                assert_eq!(counts.by_kind[Kind::AnonWrite as usize], faults);
            }
        }
    }
}

/// Reads map the first page of each table. Of 64KiB folios the first is not whole then, and the
/// last does not fit.
#[test]
fn single_pages_are_mapped_where_a_folio_has_no_room() {
    let read = "touch = { vma = \"heap\", access = \"read\", order = \"one-per-table\" }";
    let workload = heap(2048 + 20, "64KiB", &[read, WRITE]);
    let kind = |counts: &StormCounts, kind: Kind| counts.by_kind[kind as usize];
    for entry in entries(&workload) {
        let counts = Ask::new(&workload, 1, Until::Rounds(2)).on_host(entry).counts;
        assert_eq!(kind(&counts, Kind::AnonRead), 2 * 2, "{}", entry.name);
        assert_eq!(kind(&counts, Kind::WpCopy), 2 * 2, "{}: {counts:?}", entry.name);
        assert_eq!(kind(&counts, Kind::AnonWrite), 2 * (15 + 31 + 4), "{}", entry.name);
    }
}

/// A page that is dropped is a single page when it is written again. The folio goes with its last
/// page, after which a fault maps a folio again.
#[test]
fn a_folio_lives_until_its_last_page_is_dropped() {
    let drop =
        |length: &str| format!("madvise_dontneed = {{ vma = \"heap\", length = \"{length}\" }}");
    for (length, again) in [("4KiB", 1), ("64KiB", 1), ("60KiB", 15)] {
        let workload = heap(64, "64KiB", &[WRITE, &drop(length), WRITE]);
        for entry in entries(&workload) {
            let counts = Ask::new(&workload, 1, Until::Rounds(2)).on_host(entry).counts;
            assert_eq!(counts.faults, 2 * (1 + again), "{}, {length}", entry.name);
        }
    }
}

/// Shipped storms of anonymous memory, with large folios: every operation meets parts of folios.
#[test]
fn the_books_balance_under_every_operation() {
    for name in [
        "dontneed-storm",
        "mprotect-storm",
        "mremap-storm",
        "fork-storm",
        "mmap-munmap-storm",
        "stack-growth",
    ] {
        let workload = parse(&shipped_text(name).replace("[[vma]]", "[[vma]]\nfolio = \"64KiB\""));
        for entry in entries(&workload) {
            let storm = Ask::new(&workload, 3, Until::Faults(60)).in_model(entry, &xeon());
            let counts = storm.counts;
            assert!(counts.pages_mapped > counts.mapped, "{name} under {}", entry.name);
        }
        Ask::new(&workload, 3, Until::Faults(60)).on_host(entries(&workload).next().unwrap());
    }
}
