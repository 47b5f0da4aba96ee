//! Races about page tables and their entries.

use crate::script::{ANON, END, FILE, NEWEST, Script, Shape, Step, TABLE};
use crate::shipped::all_stand;
use crate::twins::machines::Deaf;
use crate::twins::refcnt::{self, Refcnt};
use crate::twins::reference::{self, Referenced};
use crate::twins::speculative::{self, Twin};
use crate::twins::steps::Other;
use crate::verdict::{Twins, balances, stands};
use faultstorm::mm::point;
use faultstorm::strategy::MmapLock;

type Locked = MmapLock<faultstorm::mm::kernel::Linux6_2>;

/// A write to page 0, whose table and `anon_vma` exist, against a writer.
fn write(held_at: usize, writer: &'static [Step]) -> Script {
    Script::at(held_at, ANON, &[Step::Write(0)], writer)
}

/// R1: a page table is published after those of its range were freed.
pub fn r1_no_table_is_left_behind(twins: &mut Twins) {
    let munmap = &[Step::Munmap(TABLE, 2 * TABLE)];
    let script = Script::at(point::AFTER_TABLE_ALLOC, ANON, &[Step::Write(TABLE)], munmap);
    all_stand(&script);
    stands::<Twin<{ speculative::TABLE_CHECK }>>(&script);
    twins.caught::<Twin<{ speculative::NO_TABLE_CHECK }>>(
        "`speculative` with tables, no check: table without a VMA",
        &script,
        "a page table",
    );
    stands::<Referenced<{ reference::SOUND }>>(&script);
    twins.caught::<Referenced<{ reference::NO_TABLE_CHECK }>>(
        "`vma-refcount`, no check: the same",
        &script,
        "a page table",
    );
}

/// R2: a table is freed under a walker that takes no lock.
pub fn r2_tables_outlast_their_walkers(twins: &mut Twins) {
    let script = write(point::BEFORE_PTL, &[Step::Munmap(0, 2 * TABLE), Step::Reclaim]);
    all_stand(&script);
    stands::<Twin<{ speculative::SOUND }>>(&script);
    twins.caught::<Twin<{ speculative::NO_SECTION }>>(
        "no read section: poisoned table",
        &script,
        "is not freed",
    );
}

/// R3: a pte is stored after its slot was zapped.
pub fn r3_nothing_is_mapped_behind_a_zap(twins: &mut Twins) {
    let script = write(point::BEFORE_PTL, &[Step::Munmap(0, 8)]);
    all_stand(&script);
    stands::<Twin<{ speculative::SOUND }>>(&script);
    twins.caught::<Twin<{ speculative::NO_SECOND_CHECK }>>(
        "count not checked under ptl: pte without a VMA",
        &script,
        "a pte at",
    );
    stands::<Referenced<{ reference::SOUND }>>(&script);
    twins.caught::<Referenced<{ reference::NO_CHECK }>>(
        "`detached` not checked under ptl: the same",
        &script,
        "a pte at",
    );
    // The check is there, but its condition changes too late.
    twins.caught::<Referenced<{ reference::DETACHES_LATE }>>(
        "`detached` set after the zap: the same",
        &during_zap(),
        "a pte at",
    );
    stands::<Referenced<{ reference::SOUND }>>(&during_zap());
    all_stand(&during_zap());
}

/// The fault reaches its pte after the slot was zapped, but before the writer is done.
fn during_zap() -> Script {
    let turns = vec![(0, point::BEFORE_PTL), (1, point::TABLE_ZAPPED), (0, END)];
    Script::turns(turns, ANON, vec![&[Step::Write(0)], &[Step::Munmap(0, 8)]])
}

/// R4: a core that spins for ptl with interrupts off does not answer the shootdown of the holder.
pub fn r4_nobody_spins_for_ptl_with_interrupts_off(twins: &mut Twins) {
    let script = write(point::BEFORE_PTL, &[Step::Mremap(0, 8, 4 * TABLE)]);
    all_stand(&script);
    stands::<Twin<{ speculative::INTERRUPTS_OFF }>>(&script);
    twins.caught::<Twin<{ speculative::SPINS }>>(
        "waits for ptl: deadlock",
        &script,
        "whose interrupts are off",
    );
}

/// R10: a write fault began before mprotect removed the right to write.
pub fn r10_mprotect_leaves_no_writable_pte(twins: &mut Twins) {
    let script = write(point::BEFORE_PTL, &[Step::Mprotect(0, 8, false)]);
    all_stand(&script);
    all_stand(&write(point::AFTER_PAGE_ALLOC, &[Step::Mprotect(0, 8, false)]));
    stands::<Twin<{ speculative::SOUND }>>(&script);
    twins.caught::<Twin<{ speculative::NO_SECOND_CHECK }>>(
        "count not checked under ptl: that pte",
        &script,
        "a writable pte",
    );
    stands::<Refcnt<{ refcnt::SOUND }>>(&script);
    twins.caught::<Refcnt<{ refcnt::DOES_NOT_WAIT }>>(
        "a writer of `vm-refcnt` that does not wait for readers: the same",
        &script,
        "a writable pte",
    );
    twins.caught::<Referenced<{ reference::NO_CHECK }>>(
        "`detached` not checked under ptl: the same",
        &script,
        "a writable pte",
    );
}

/// R12: a translation is used after its page was freed.
pub fn r12_no_stale_translation_is_used(twins: &mut Twins) {
    let fault = &[Step::Write(0), Step::Read(1)];
    // A page in another core's batch is not freed by the core that zaps it.
    let before = &[Step::Write(1), Step::DrainLru];
    let script = Script::at(point::AFTER_PAGE_ALLOC, ANON, fault, &[Step::Dontneed(1, 2)]);
    let script = Script { before, ..script };
    all_stand(&script);
    stands::<Twin<{ speculative::SOUND }>>(&script);
    twins.caught_in::<Deaf, Twin<{ speculative::SOUND }>>(
        "a machine whose shootdowns reach nobody: use after free",
        &script,
        "after that was freed",
    );
    all_stand(&Script::at(point::AFTER_PAGE_ALLOC, ANON, fault, &[Step::Fork]));
}

const STACK: Shape = Shape { mapped: (TABLE, 2 * TABLE), ..ANON };

/// R17: a stack grows while the range below it is unmapped with the lock held for reading.
pub fn r17_a_stack_does_not_grow_beside_a_munmap(twins: &mut Twins) {
    let turns = vec![(0, point::BEFORE_FREE_TABLES), (1, END)];
    // Of other pages, so that it is not merged with the stack.
    let before = &[Step::MmapShifted(0, TABLE, 7), Step::Write(1), Step::Write(TABLE + 1)];
    let race = |grow| {
        let turns = turns.clone();
        Script { before, ..Script::turns(turns, STACK, vec![&[Step::Munmap(0, TABLE)], grow]) }
    };
    all_stand(&race(&[Step::Expand(2 * TABLE, TABLE / 2), Step::Write(TABLE / 2)]));
    twins.caught::<Locked>(
        "grows under the lock for reading: pte in a freed table, in rss",
        &race(&[Step::Other(Other::ExpandUnlocked(2 * TABLE, TABLE / 2))]),
        "rss in pages",
    );
}

/// R18: madvise frees an empty table, and no sequence count shows that.
pub fn r18_no_pte_is_stored_in_a_table_that_is_gone(twins: &mut Twins) {
    let script = write(point::BEFORE_PTL, &[Step::Dontneed(0, TABLE)]);
    let script = Script { space: NEWEST, ..script };
    all_stand(&script);
    stands::<Twin<{ speculative::SOUND }>>(&script);
    twins.caught::<Twin<{ speculative::NO_PMD_CHECK }>>(
        "pmd not checked under ptl: rss",
        &script,
        "rss in pages",
    );
}

/// R19, as far as it can happen here: a table is moved while another core zaps through the file's
/// map, or frees empty tables.
pub fn r19_a_table_that_moves_is_found_in_one_place(twins: &mut Twins) {
    for other in [&[Step::Truncate(4)] as &[_], &[Step::Dontneed(0, 2 * TABLE)]] {
        for held_at in [point::AFTER_TREE_STORE, point::AFTER_DETACH, point::BEFORE_FREE_TABLES] {
            let before: &[_] = &[Step::Write(1), Step::Read(6)];
            let mremap = &[Step::Mremap(0, TABLE, 4 * TABLE)];
            let turns = vec![(0, held_at), (1, END)];
            all_stand(&Script { before, ..Script::turns(turns, FILE, vec![mremap, other]) });
        }
    }
    balances::<Locked>(&moved_behind_truncate(true));
    twins.caught::<Locked>(
        "a truncate that goes through VMAs backwards, the file's map not locked: pte after the \
         end of the file",
        &moved_behind_truncate(false),
        "ends before it",
    );
}

/// A table moves to a place that a truncate has already passed, and again when the truncate passes
/// a second time.
fn moved_behind_truncate(locks: bool) -> Script {
    let (moves, zapped) = ((0, point::AFTER_TREE_STORE), (1, point::TABLE_ZAPPED));
    // First the truncate finds the new VMA, another and the old one; the second time the newer one
    // first.
    let turns = vec![moves, zapped, moves, zapped, zapped, zapped, (0, END), (1, END)];
    let twice = &[Step::Mremap(0, TABLE, 4 * TABLE), Step::Mremap(4 * TABLE, 5 * TABLE, 8 * TABLE)];
    let truncate: &[_] = match locks {
        true => &[Step::Other(Other::TruncateBackwards(4, true))],
        false => &[Step::Other(Other::TruncateBackwards(4, false))],
    };
    Script { before: &[Step::Read(6)], ..Script::turns(turns, FILE, vec![twice, truncate]) }
}
