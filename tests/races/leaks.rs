//! Races about resources of an attempt that ends before its fault does.

use crate::script::{ANON, END, FILE, Maps, NEWEST, Script, Shape, Step, TABLE};
use crate::shipped::all_stand;
use crate::twins::file::{self, FileRead};
use crate::twins::refcnt::{self, Refcnt};
use crate::verdict::{Twins, stands};
use faultstorm::mm::fault::Fallback;
use faultstorm::mm::page_cache::PageState;
use faultstorm::mm::point;

const ABSENT: Shape = Shape { maps: Maps::File(PageState::Absent), ..FILE };
const SHARED: Shape = Shape { maps: Maps::Shared(PageState::Cached), ..FILE };

/// Returns, for each reason to fall back, a race in which some strategy has that reason.
fn reasons() -> Vec<(Fallback, Script)> {
    use Fallback as F;
    let write = |held_at, writer| Script::at(held_at, ANON, &[Step::Write(0)], writer);
    let after = |writer: &'static [Step], space, touch: &'static [Step]| {
        let turns = vec![(0, point::BEFORE_UNLOCK), (1, END)];
        Script::turns(turns, space, vec![writer, touch])
    };
    let touch = |space, touch: &'static [Step]| Script::at(END, space, touch, &[]);
    let protect: &[_] = &[Step::Mprotect(0, 8, false)];
    let busy = Script::turns(
        vec![(0, point::PTL_HELD), (1, END)],
        ANON,
        vec![&[Step::Write(0)], &[Step::Write(2)]],
    );
    vec![
        (F::Odd, after(protect, ANON, &[Step::Write(9)])),
        (F::Unmapped, touch(ANON, &[Step::Read(3 * TABLE)])),
        (F::NoSpeculate, touch(SHARED, &[Step::Write(0)])),
        (F::VmaCopy, write(point::AFTER_COPY, protect)),
        (
            F::AccessError,
            Script::at(END, ANON, &[Step::Mprotect(0, 8, false), Step::Write(0)], &[]),
        ),
        (F::Pud, Script { before: &[], ..touch(ANON, &[Step::Read(0)]) }),
        (F::Pmd, touch(ANON, &[Step::Write(TABLE)])),
        (F::AnonVma, Script { before: &[Step::Read(1)], ..touch(ANON, &[Step::Write(0)]) }),
        (F::PteMapLockSeq1, write(point::AFTER_PAGE_ALLOC, protect)),
        (
            F::PteMapLockPmd,
            Script { space: NEWEST, ..write(point::BEFORE_PTL, &[Step::Dontneed(0, TABLE)]) },
        ),
        (F::PteMapLockPtl, busy),
        (F::PteMapLockSeq2, write(point::BEFORE_PTL, protect)),
        (F::Fault, touch(ABSENT, &[Step::Read(0)])),
        (F::VmaLockMiss, write(point::VMA_FOUND, &[Step::Munmap(0, 2 * TABLE)])),
        (F::VmaLockAbort, write(point::VMA_FOUND, protect)),
        (F::VmaLockRetry, touch(ABSENT, &[Step::Read(0)])),
    ]
}

/// R21: an attempt that falls back keeps a resource.
pub fn r21_who_falls_back_gives_everything_back(twins: &mut Twins) {
    let reasons = reasons();
    let all: Vec<_> = reasons.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(all, Fallback::ALL);
    for (reason, script) in reasons {
        let played = all_stand(&script);
        let having = |p: &crate::play::Played| p.attempts.fallbacks[reason as usize] > 0;
        assert!(played.iter().any(|(_, played)| having(played)), "nobody has {reason:?}");
    }
    let script = Script::at(END, ABSENT, &[Step::Read(0)], &[Step::Munmap(0, 8)]);
    stands::<Refcnt<{ refcnt::SOUND }>>(&script);
    twins.caught::<Refcnt<{ refcnt::LEAKS }>>(
        "reference kept: a writer sleeps for ever",
        &script,
        "sleeps until somebody wakes it",
    );
    let read = &[Step::Read(0)];
    let busy = Script { before: &[], ..Script::at(point::FOLIO_LOCKED, FILE, read, read) };
    stands::<FileRead<{ file::SOUND }>>(&busy);
    twins.caught::<FileRead<{ file::KEEPS_PAGE }>>(
        "page kept after it has become another one (as in the series of 2021): `_refcount`",
        &busy,
        "_refcount of frame",
    );
}

/// R23: however a fault ends, it holds no lock after that, and has released none twice: writers of
/// the whole space continue.
pub fn r23_whichever_way_a_fault_ends_it_holds_nothing(twins: &mut Twins) {
    const WRITERS: &[Step] = &[
        Step::Dontneed(0, 2 * TABLE),
        Step::Mprotect(0, 9, false),
        Step::Munmap(0, 2 * TABLE),
        Step::Mmap(0, 2 * TABLE),
    ];
    let few = Shape { frames: 4, ..ANON };
    let ends = [
        (ANON, &[Step::Write(0), Step::Write(0)] as &[_]),
        (ANON, &[Step::Write(3 * TABLE), Step::Read(3 * TABLE)]),
        (few, &[Step::Write(0), Step::Write(2), Step::Write(3), Step::Write(4)]),
        (FILE, &[Step::Truncate(4), Step::Read(5), Step::Write(5)]),
        (ABSENT, &[Step::Read(0), Step::Write(2), Step::Write(0)]),
        (SHARED, &[Step::Write(0), Step::Read(2), Step::Write(2)]),
    ];
    for (space, fault) in ends {
        all_stand(&Script::at(END, space, fault, WRITERS));
    }
    let other = &[Step::Write(0), Step::Munmap(0, 2 * TABLE)];
    all_stand(&Script::at(point::AFTER_PAGE_ALLOC, ANON, &[Step::Write(0)], other));
    let waits = Script::at(END, ABSENT, &[Step::Read(0)], WRITERS);
    stands::<Refcnt<{ refcnt::SOUND }>>(&waits);
    twins.caught::<Refcnt<{ refcnt::PUTS_TWICE }>>(
        "reference dropped twice: below zero",
        &waits,
        "below zero",
    );
    twins.caught::<Refcnt<{ refcnt::LEAKS }>>(
        "reference never dropped: a writer sleeps for ever",
        &waits,
        "sleeps until somebody wakes it",
    );
    let read = &[Step::Read(0)];
    let busy = Script { before: &[], ..Script::at(point::FOLIO_LOCKED, FILE, read, read) };
    twins.caught::<FileRead<{ file::UNLOCKS_TWICE }>>(
        "mmap_lock dropped twice in a wait for a page: below zero",
        &busy,
        "below zero",
    );
    twins.caught::<FileRead<{ file::KEEPS_LOCK }>>(
        "mmap_lock never dropped there: its count",
        &busy,
        "mmap_lock.count",
    );
    stands::<FileRead<{ file::SOUND }>>(&busy);
}
