//! Large folios: how many pages a fault maps, and that the books balance whatever operations do to
//! a part of a folio (a storm whose books do not balance is an error).

use faultstorm::mm::fault::Kind;
use faultstorm::storm::StormCounts;
use faultstorm::workload::{Until, Workload};

use crate::ask::{Ask, entries, of_model, parse, shipped_text, xeon};

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

/// A file of so many KiB in folios of 64KiB, mapped whole from `offset` on, and an operation on it.
fn file(mapping: &str, op: &str) -> Workload {
    parse(&format!(
        "summary = \"x\"\nreset = \"zap\"\n[[file]]\nname = \"data\"\nsize = \"4MiB\"\n\
         folio = \"64KiB\"\n[[vma]]\nname = \"map\"\nfile = \"data\"\n{mapping}\n[[op]]\n{op}\n"
    ))
}

const READ: &str = "touch = { vma = \"map\", access = \"read\" }";

/// A window of fault-around is what it was; a folio that reaches past it is mapped in part.
#[test]
fn fault_around_maps_what_a_window_has_of_a_folio() {
    for (mapping, pages, faults) in [
        ("size = \"4MiB\"", 1024, 64),
        ("size = \"4MiB\"\nfault_around_order = 3", 1024, 128),
        ("size = \"4MiB\"\nfault_around_order = 0", 1024, 1024),
        // Windows are aligned by address, and the file's folios begin elsewhere.
        ("size = \"2MiB\"\noffset = \"20KiB\"", 512, 32),
    ] {
        let workload = file(mapping, READ);
        for entry in entries(&workload) {
            for threads in [1, 2] {
                let counts = Ask::new(&workload, threads, Until::Rounds(2)).on_host(entry).counts;
                let found = (counts.faults, counts.pages_mapped);
                assert_eq!(found, (2 * faults, 2 * pages), "{}: {mapping}", entry.name);
            }
        }
    }
}

#[test]
fn pages_of_a_folio_are_copied_and_written_one_by_one() {
    let write = READ.replace("read", "write");
    for (sharing, kind) in [("private", Kind::PrivateWrite), ("shared", Kind::SharedWrite)] {
        let workload = file(&format!("size = \"4MiB\"\nsharing = \"{sharing}\""), &write);
        for entry in entries(&workload) {
            let counts = Ask::new(&workload, 2, Until::Rounds(2)).on_host(entry).counts;
            assert_eq!(counts.by_kind[kind as usize], 2 * 1024, "{}", entry.name);
            assert_eq!(counts.mapped, 2 * 1024, "{}", entry.name);
        }
    }
}

/// References and mapcount of a folio are taken once for all pages that a window has of it.
#[test]
fn a_folio_is_referenced_once_for_a_window() {
    let large = file("size = \"4MiB\"", READ);
    let mut single = large.clone();
    single.files[0].folio_pages = 1;
    let entry = entries(&large).find(|entry| entry.name == "mmap-lock").unwrap();
    let [of_pages, of_folios] = [&single, &large].map(|workload| {
        let storm = Ask::new(workload, 2, Until::Rounds(1)).in_model(entry, &xeon());
        let lines = &of_model(&storm).accounts.0;
        lines.iter().find(|(name, _)| name.name == "folio").expect("it is touched").1.writes
    });
    // For each of 16 pages lock, unlock, reference and mapcount. For a folio lock, unlock, three
    // of its references, and its mapcount; and the mapcount of each page.
    assert_eq!(of_pages, 1024 * 4);
    assert_eq!(of_folios, 1024 / 16 * 6 + 1024);
}

/// Parts of a file of large folios are unmapped, dropped, copied, protected and shared with a
/// child while others read and write.
#[test]
fn the_books_of_files_balance_under_every_operation() {
    let piece = "vma = \"map\", length = \"20KiB\"";
    for op in [
        format!("munmap = {{ {piece} }}\n[[op]]\ngroup = \"writer\"\nmmap = {{ {piece} }}"),
        format!("madvise_dontneed = {{ {piece} }}"),
        format!("mprotect = {{ {piece}, prot = \"read\" }}"),
        format!("mremap = {{ {piece} }}"),
        "fork = { every = \"20us\" }".to_owned(),
    ] {
        let group = |name: &str, op: &str| format!("[[op]]\ngroup = \"{name}\"\n{op}\n");
        let ops = group("touchers", READ)
            + &group("touchers", &READ.replace("read", "write"))
            + &group("writer", &op);
        let text = format!(
            "summary = \"x\"\n[[file]]\nname = \"data\"\nsize = \"4MiB\"\nfolio = \"64KiB\"\n\
             [[vma]]\nname = \"map\"\nfile = \"data\"\nsize = \"4MiB\"\n\
             [[group]]\nname = \"touchers\"\n[[group]]\nname = \"writer\"\nthreads = 1\n{ops}"
        );
        let workload = parse(&text);
        for entry in entries(&workload) {
            Ask::new(&workload, 2, Until::Faults(300)).in_model(entry, &xeon());
        }
        Ask::new(&workload, 2, Until::Faults(300)).on_host(entries(&workload).next().unwrap());
    }
}
