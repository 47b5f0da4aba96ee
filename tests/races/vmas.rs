//! Races about VMAs: found, locked, detached, reused.

use crate::script::{ANON, END, Script, Step, TABLE};
use crate::shipped::{all_balance, all_stand};
use crate::twins::pointer::Pointer;
use crate::twins::refcnt::{self, Refcnt};
use crate::twins::vma_lock::{self, VmaLocked};
use crate::verdict::{Twins, balances, stands};
use faultstorm::mm::point;

/// R5: a VMA is freed and reused for another range between lookup and lock.
pub fn r5_a_vma_is_not_taken_for_another(twins: &mut Twins) {
    let writer = &[Step::Munmap(0, 8), Step::Mmap(3 * TABLE, 3 * TABLE + 8), Step::Reclaim];
    let points = [
        point::VMA_FOUND,
        point::BEFORE_VMA_LOCK,
        point::VMA_LOCKED,
        point::AFTER_LOOKUP,
        point::AFTER_PAGE_ALLOC,
        point::BEFORE_EXIT_PUT,
    ];
    let race = |held_at| Script::at(held_at, ANON, &[Step::Write(0)], writer);
    points.iter().for_each(|held_at| drop(all_stand(&race(*held_at))));
    // The other VMA has no `anon_vma`, which a write would notice.
    let read = Script::at(point::BEFORE_VMA_LOCK, ANON, &[Step::Read(0)], writer);
    stands::<Refcnt<{ refcnt::SOUND }>>(&read);
    twins.caught::<Refcnt<{ refcnt::NO_BOUNDS_CHECK }>>(
        "bounds not checked after the reference, VMA reused: pte without a VMA",
        &read,
        "a pte at",
    );
    // It is the same VMA, but with other bounds.
    let split = &[Step::Munmap(8, 2 * TABLE)];
    let script = Script::at(point::BEFORE_VMA_LOCK, ANON, &[Step::Write(9)], split);
    all_stand(&script);
    twins.caught::<Refcnt<{ refcnt::NO_BOUNDS_CHECK }>>(
        "bounds not checked after the reference, VMA split: the same",
        &script,
        "a pte at",
    );
    stands::<VmaLocked<{ vma_lock::SOUND }>>(&script);
    twins.caught::<VmaLocked<{ vma_lock::NO_BOUNDS_CHECK }>>(
        "bounds not checked after the lock, VMA split: the same",
        &script,
        "a pte at",
    );
    // It is still in memory, but no longer in the tree.
    let gone = &[Step::Munmap(0, 2 * TABLE)];
    let script = Script::at(point::BEFORE_VMA_LOCK, ANON, &[Step::Write(0)], gone);
    all_stand(&script);
    stands::<VmaLocked<{ vma_lock::SOUND }>>(&script);
    twins.caught::<VmaLocked<{ vma_lock::NO_DETACHED_CHECK }>>(
        "`detached` not checked after the lock: table without a VMA",
        &script,
        "a page table",
    );
}

/// A VMA is freed and reused although a core has announced that it uses it.
pub fn hazard_pointers_keep_a_vma(twins: &mut Twins) {
    let writer = &[Step::Munmap(0, 8), Step::Mmap(3 * TABLE, 3 * TABLE + 8)];
    for held_at in [point::AFTER_COPY, point::AFTER_PAGE_ALLOC, point::BEFORE_PTL] {
        let script = Script::at(held_at, ANON, &[Step::Write(0)], writer);
        all_stand(&script);
        stands::<Pointer<true>>(&script);
    }
    let script = Script::at(point::AFTER_PAGE_ALLOC, ANON, &[Step::Write(0)], writer);
    twins.caught::<Pointer<false>>(
        "munmap does not check pointers: pte without a VMA",
        &script,
        "a pte at",
    );
}

/// R13: a VMA is found before it is finished.
pub fn r13_a_fault_waits_for_a_vma_to_be_finished(twins: &mut Twins) {
    let fault = &[Step::Write(4 * TABLE + 1), Step::Read(4 * TABLE)];
    let turns = || vec![(0, point::AFTER_TREE_STORE), (1, END)];
    let mremap = Script::turns(turns(), ANON, vec![&[Step::Mremap(0, 8, 4 * TABLE)], fault]);
    all_stand(&mremap);
    stands::<Refcnt<{ refcnt::SOUND }>>(&mremap);
    twins.caught::<Refcnt<{ refcnt::NEW_UNLOCKED }>>(
        "new VMA not locked: a lost pte in rss",
        &mremap,
        "rss in pages",
    );
    let mmap = &[Step::Mmap(4 * TABLE, 5 * TABLE)];
    all_stand(&Script::turns(turns(), ANON, vec![mmap, fault]));
}

/// R14: facts about a VMA from before its lock are no longer true.
pub fn r14_nothing_is_concluded_before_the_lock(twins: &mut Twins) {
    // The same range, but the new VMA has no `anon_vma`.
    let again = &[Step::Munmap(0, 2 * TABLE), Step::Mmap(0, 2 * TABLE)];
    for held_at in [point::VMA_FOUND, point::BEFORE_VMA_LOCK, point::AFTER_LOOKUP] {
        all_stand(&Script::at(held_at, ANON, &[Step::Write(0)], again));
    }
    let script = Script::at(point::BEFORE_VMA_LOCK, ANON, &[Step::Write(0)], again);
    stands::<Refcnt<{ refcnt::SOUND }>>(&script);
    twins.caught::<Refcnt<{ refcnt::FIELDS_FIRST }>>(
        "fields read before the lock: anonymous page without `anon_vma`",
        &script,
        "without anon_vma",
    );
}

/// R16: VMAs are released in the middle of a writer's work.
pub fn r16_vmas_stay_locked_until_the_writer_is_done(twins: &mut Twins) {
    let fault = &[Step::Write(4 * TABLE + 1)];
    let turns = vec![(0, point::AFTER_TREE_STORE), (1, END)];
    let script = Script::turns(turns, ANON, vec![&[Step::Mremap(0, 8, 4 * TABLE)], fault]);
    all_stand(&script);
    stands::<Refcnt<{ refcnt::SOUND }>>(&script);
    twins.caught::<Refcnt<{ refcnt::UNLOCKS_EARLY }>>(
        "`mm_lock_seq` raised with the tree: a lost pte in rss",
        &script,
        "rss in pages",
    );
}

/// R26: a reader gets a VMA's lock after a writer has taken the VMA and released that lock.
pub fn r26_who_comes_behind_a_writer_finds_that_out(twins: &mut Twins) {
    let turns = vec![
        (0, point::BEFORE_VMA_LOCK),
        (1, point::AFTER_INVALIDATE),
        (0, point::BEFORE_PTL),
        (1, END),
        (0, END),
    ];
    let protect = &[Step::Mprotect(0, 2 * TABLE, false)];
    let script = Script::turns(turns, ANON, vec![&[Step::Write(0)], protect]);
    all_balance(&script);
    balances::<VmaLocked<{ vma_lock::SOUND }>>(&script);
    twins.caught::<VmaLocked<{ vma_lock::NO_SEQ_CHECK }>>(
        "`mm_lock_seq` not checked after the lock: writable pte",
        &script,
        "a writable pte",
    );
    balances::<Refcnt<{ refcnt::SOUND }>>(&script);
    twins.caught::<Refcnt<{ refcnt::NO_SEQ_CHECK }>>(
        "`mm_lock_seq` not checked after the reference: the same",
        &script,
        "a writable pte",
    );
}

/// R26: a writer that detaches a VMA waits for a reader that came too late.
pub fn r26_detaching_waits_for_readers(twins: &mut Twins) {
    let munmap = &[Step::Munmap(0, 2 * TABLE), Step::Reclaim];
    for held_at in [point::VMA_LOCKED, point::AFTER_LOOKUP, point::BEFORE_EXIT_PUT] {
        all_stand(&Script::at(held_at, ANON, &[Step::Write(0)], munmap));
    }
    // The reader enters after the writer has locked the VMA, and before it detaches the VMA.
    let turns = vec![
        (0, point::BEFORE_VMA_LOCK),
        (1, point::AFTER_INVALIDATE),
        (0, point::VMA_LOCKED),
        (1, END),
        (0, END),
        (2, END),
    ];
    let again = &[Step::Munmap(0, 2 * TABLE), Step::Mmap(0, 2 * TABLE)];
    let last = &[Step::Munmap(0, 2 * TABLE)];
    let script = Script::turns(turns, ANON, vec![&[Step::Write(0)], again, last]);
    all_stand(&script);
    stands::<Refcnt<{ refcnt::SOUND }>>(&script);
    twins.caught::<Refcnt<{ refcnt::DETACHES_AT_ONCE }>>(
        "detaching does not wait for readers: reference count below zero",
        &script,
        "below zero",
    );
}
