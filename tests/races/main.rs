//! Races between faults and writers, one by one, on the cores of the model: a core is held
//! at a point of the code while others go on, so the order is the test's. Each race is
//! played under every strategy, and in a broken twin that the books must catch.
//!
//! Numbers are those of the catalogue in ARCHITECTURE.md, "Races".

mod script;
mod shipped;
mod twins;

use faultstorm::machine::model::Model;
use faultstorm::mm::point;
use script::{Script, Step, TABLE, play};
use shipped::all_stand;
use twins::{Deaf, Twin};

/// The twin with `STEP` is caught, and what catches it says `what`.
#[track_caller]
fn caught<const STEP: u32>(script: &Script, what: &str) {
    let said = play::<Model, Twin<STEP>>(script).expect_err("a broken twin is caught");
    assert!(said.contains(what), "{said}");
}

/// The twin with `STEP` comes to the point, and stands.
#[track_caller]
fn stands<const STEP: u32>(script: &Script) {
    assert_eq!(play::<Model, Twin<STEP>>(script), Ok(true));
}

/// A write to page 0, whose table and `anon_vma` are there, against a writer.
const fn write(held_at: usize, writer: &'static [Step]) -> Script {
    let before = &[Step::Write(1)];
    Script { maps_file: false, before, held_at, fault: &[Step::Write(0)], writer }
}

/// R1: a page table is published after those of its range were freed.
#[test]
fn r1_no_table_is_left_behind() {
    let script = Script {
        fault: &[Step::Write(TABLE)],
        ..write(point::AFTER_TABLE_ALLOC, &[Step::Munmap(TABLE, 2 * TABLE)])
    };
    all_stand(&script);
    stands::<{ twins::TABLE_CHECK }>(&script);
    caught::<{ twins::NO_TABLE_CHECK }>(&script, "a page table");
}

/// R2: a table is freed under a walker that takes no lock.
#[test]
fn r2_tables_outlast_their_walkers() {
    let script = write(point::BEFORE_PTL, &[Step::Munmap(0, 2 * TABLE), Step::Reclaim]);
    all_stand(&script);
    stands::<{ twins::SOUND }>(&script);
    caught::<{ twins::NO_SECTION }>(&script, "is not freed");
}

/// R3: a pte is stored after its slot was zapped.
#[test]
fn r3_nothing_is_mapped_behind_a_zap() {
    let script = write(point::BEFORE_PTL, &[Step::Munmap(0, 8)]);
    all_stand(&script);
    stands::<{ twins::SOUND }>(&script);
    caught::<{ twins::NO_SECOND_CHECK }>(&script, "a pte at");
}

/// R4: who spins for ptl with interrupts off does not answer the shootdown of its holder.
#[test]
fn r4_nobody_spins_for_ptl_with_interrupts_off() {
    let script = write(point::BEFORE_PTL, &[Step::Mremap(0, 8, 4 * TABLE)]);
    all_stand(&script);
    stands::<{ twins::INTERRUPTS_OFF }>(&script);
    caught::<{ twins::SPINS }>(&script, "whose interrupts are off");
}

/// R5: a VMA is freed and becomes another's between lookup and lock.
#[test]
fn r5_a_vma_is_not_taken_for_another() {
    let writer = &[Step::Munmap(0, 8), Step::Mmap(3 * TABLE, 3 * TABLE + 8), Step::Reclaim];
    for held_at in [point::AFTER_LOOKUP, point::BEFORE_EXIT_PUT, point::AFTER_PAGE_ALLOC] {
        all_stand(&write(held_at, writer));
    }
}

/// R10: a write fault that began before mprotect took the right to write.
#[test]
fn r10_mprotect_leaves_no_writable_pte() {
    let script = write(point::BEFORE_PTL, &[Step::Mprotect(0, 8, false)]);
    all_stand(&script);
    all_stand(&Script { held_at: point::AFTER_PAGE_ALLOC, ..script });
    stands::<{ twins::SOUND }>(&script);
    caught::<{ twins::NO_SECOND_CHECK }>(&script, "a writable pte");
}

/// R11: truncate takes a page away that a fault has found.
#[test]
fn r11_truncate_leaves_nothing_mapped() {
    let points = [point::FOLIO_GOT_REF, point::FOLIO_LOCKED, point::BEFORE_PTL, point::PTL_HELD];
    for held_at in points {
        for fault in [&[Step::Read(0)], &[Step::Write(0)]] {
            let script = write(held_at, &[Step::Truncate(0)]);
            all_stand(&Script { maps_file: true, fault, ..script });
        }
    }
}

/// R12: a translation is used after its page was freed.
#[test]
fn r12_no_stale_translation_is_used() {
    // A page in the batch of another core is not freed by who zaps it.
    let before = &[Step::Write(1), Step::DrainLru];
    let fault = &[Step::Write(0), Step::Read(1)];
    let writer = &[Step::Dontneed(1, 2)];
    let script = Script { before, fault, ..write(point::AFTER_PAGE_ALLOC, writer) };
    all_stand(&script);
    stands::<{ twins::SOUND }>(&script);
    let said = play::<Deaf, Twin<{ twins::SOUND }>>(&script).expect_err("nobody answers");
    assert!(said.contains("after that was freed"), "{said}");
    all_stand(&Script { writer: &[Step::Fork], ..script });
}

/// R13: a VMA is found before it is finished.
#[test]
fn r13_a_fault_waits_for_a_vma_to_be_finished() {
    all_stand(&write(point::AFTER_PAGE_ALLOC, &[Step::Munmap(0, 8), Step::Mmap(0, 8)]));
}

/// R18: madvise frees an empty table, of which no count tells.
#[test]
fn r18_no_pte_is_stored_in_a_table_that_is_gone() {
    let script = write(point::BEFORE_PTL, &[Step::Dontneed(0, TABLE)]);
    all_stand(&script);
    stands::<{ twins::SOUND }>(&script);
    caught::<{ twins::NO_PMD_CHECK }>(&script, "rss in pages");
}

/// R26: a writer that detaches a VMA waits for a reader that came too late.
#[test]
fn r26_detaching_waits_for_readers() {
    for held_at in [point::AFTER_LOOKUP, point::BEFORE_EXIT_PUT] {
        all_stand(&write(held_at, &[Step::Munmap(0, 2 * TABLE), Step::Reclaim]));
    }
}
