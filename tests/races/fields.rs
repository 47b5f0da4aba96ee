//! Races about the fields of a VMA, and the conclusions of a fault from them.

use crate::script::{ANON, END, FILE, Maps, Script, Shape, Step, TABLE};
use crate::shipped::all_stand;
use crate::twins::file::{self, FileRead};
use crate::twins::refcnt::{self, Refcnt};
use crate::twins::reference::{self, Referenced};
use crate::twins::sequence::Sequence;
use crate::twins::speculative::{self, Twin};
use crate::verdict::{Twins, stands};
use faultstorm::mm::page_cache::PageState;
use faultstorm::mm::point;

/// R6: fields that were read apart do not belong together.
pub fn r6_fields_belong_together(twins: &mut Twins) {
    let grown = Shape { mapped: (TABLE, 2 * TABLE), ..FILE };
    let before = &[Step::Write(TABLE + 1)];
    let expand = &[Step::Expand(2 * TABLE, TABLE / 2)];
    let read = &[Step::Read(TABLE + 88)];
    let torn = Script { before, ..Script::at(point::BEFORE_PGOFF, grown, read, expand) };
    all_stand(&torn);
    stands::<Twin<{ speculative::SOUND }>>(&torn);
    twins.caught::<Twin<{ speculative::LATE_SAMPLE }>>(
        "count sampled after the copy: wrong page of the file",
        &torn,
        "page of the file at",
    );
    // A split, and a change of flags.
    for writer in [&[Step::Munmap(TABLE + 100, 2 * TABLE)] as &[_], &[Step::Mprotect(0, 99, false)]]
    {
        all_stand(&Script::at(point::BEFORE_PGOFF, FILE, &[Step::Write(0)], writer));
    }
}

/// R22: two writers at a time under one sequence count.
pub fn r22_two_writers_of_a_vma_are_noticed(twins: &mut Twins) {
    // munmap invalidates the VMA and zaps it.
    let turns = vec![(0, point::AFTER_LOOKUP), (1, point::TABLE_ZAPPED), (0, END)];
    let alone = Script::turns(turns, ANON, vec![&[Step::Write(0)], &[Step::Munmap(0, 8)]]);
    all_stand(&alone);
    stands::<Sequence<true>>(&alone);
    twins.caught::<Sequence<false>>(
        "an ordinary count, munmap alone: pte without a VMA",
        &alone,
        "a pte at",
    );
    // mremap does the same, and writes to the new VMA; truncate zaps at the same time.
    let turns = vec![
        (0, point::AFTER_LOOKUP),
        (1, point::TABLE_ZAPPED),
        (2, point::TABLE_ZAPPED),
        (0, END),
    ];
    let (mremap, truncate) = (&[Step::Mremap(0, 8, 4 * TABLE)], &[Step::Truncate(4)]);
    let both = Script::turns(turns, FILE, vec![&[Step::Read(0)], mremap, truncate]);
    all_stand(&both);
    stands::<Sequence<true>>(&both);
    twins.caught::<Sequence<false>>(
        "an ordinary count, mremap during truncate: the same",
        &both,
        "a pte at",
    );
}

/// R24: fault-around reaches beyond the VMA, its table, or the file.
pub fn r24_fault_around_stops_at_every_end(twins: &mut Twins) {
    let around = Shape { around: 4, ..FILE };
    let short = Shape { mapped: (0, 8), ..around };
    let reads = &[Step::Read(2)];
    let ends = Script::at(END, short, reads, &[Step::Read(5)]);
    all_stand(&ends);
    stands::<Twin<{ speculative::SOUND }>>(&ends);
    twins.caught::<Twin<{ speculative::UNCLAMPED }>>(
        "end of the VMA ignored: pte without a VMA",
        &ends,
        "a pte at",
    );
    // A window that is wider than a table: pages after its end would wrap to its start.
    let wide = Shape { around: 10, mapped: (TABLE / 2, 2 * TABLE), ..FILE };
    let last = &[Step::Read(TABLE - 1)];
    let wide = Script { before: &[], ..Script::at(END, wide, last, &[]) };
    all_stand(&wide);
    stands::<FileRead<{ file::SOUND }>>(&wide);
    twins.caught::<FileRead<{ file::NO_TABLE_END }>>(
        "end of the table ignored: the same",
        &wide,
        "a pte at",
    );
    // The last window of a table.
    all_stand(&Script::at(point::PTL_HELD, around, last, &[Step::Truncate(TABLE - 3)]));
    for held_at in [point::BEFORE_PTL, point::PTL_HELD] {
        let writers = [
            &[Step::Truncate(3)] as &[_],
            &[Step::Truncate(1)],
            &[Step::Munmap(4, 2 * TABLE)],
            &[Step::Mprotect(4, 9, false)],
        ];
        for writer in writers {
            all_stand(&Script::at(held_at, around, reads, writer));
        }
    }
}

/// A fault sleeps for I/O, and its VMA is another one when it wakes: the range was unmapped, and
/// mapped again to other pages of the file.
pub fn slept_faults_ask_again(twins: &mut Twins) {
    let io_ns = 3 * crate::play::TURN_NS;
    let absent = Shape { io_ns, maps: Maps::File(PageState::Absent), ..FILE };
    let remap = &[Step::Munmap(0, 8), Step::MmapShifted(0, 8, 64), Step::Reclaim];
    for touch in [&[Step::Read(0)], &[Step::Write(0)]] {
        let script = Script::at(END, absent, touch, remap);
        let script = Script { before: &[Step::Write(600)], ..script };
        all_stand(&script);
        stands::<Referenced<{ reference::SOUND }>>(&script);
        stands::<Refcnt<{ refcnt::SOUND }>>(&script);
    }
    let script = Script::at(END, absent, &[Step::Read(0)], remap);
    twins.caught::<Referenced<{ reference::NO_CHECK }>>(
        "`detached` not checked: wrong page of the file",
        &script,
        "page of the file at",
    );
    // Memory of the VMA is used again before the fault wakes.
    let reuse = &[Step::Munmap(0, 2 * TABLE), Step::Reclaim, Step::Mmap(0, 2 * TABLE)];
    let turns = [0, 1, 0, 0, 0, 2].map(|core| (core, END)).to_vec();
    let cores = vec![&[Step::Read(0)] as &[_], reuse, &[Step::Munmap(0, 2 * TABLE)]];
    let script = Script::turns(turns, absent, cores);
    all_stand(&script);
    stands::<Referenced<{ reference::SOUND }>>(&script);
    twins.caught::<Referenced<{ reference::FREES_EARLY }>>(
        "VMA freed although the fault has a reference: the count goes below zero",
        &script,
        "below zero",
    );
}
