//! Races about files and their pages.

use crate::play::{TURN_NS, play};
use crate::script::{END, FILE, FILE_PAGES, Maps, Script, Shape, Step, TABLE};
use crate::shipped::{all, all_stand};
use crate::twins::file::{self, FileRead};
use crate::twins::refcnt::{self, Refcnt};
use crate::twins::steps::Other;
use crate::verdict::{Twins, stands};
use faultstorm::machine::model::Model;
use faultstorm::mm::kernel::{LINUX_5_12, LINUX_6_2, Linux6_2};
use faultstorm::mm::page_cache::PageState;
use faultstorm::mm::point;
use faultstorm::strategy::{MmapLock, VmRefcnt};

/// A writer that needs more VMAs than exist, unless those that it frees come back.
const REMAPS: &[Step] = &[
    Step::Munmap(0, 2 * TABLE),
    Step::Mmap(0, 2 * TABLE),
    Step::Munmap(0, 2 * TABLE),
    Step::Mmap(0, 2 * TABLE),
    Step::Munmap(0, 2 * TABLE),
    Step::Mmap(0, 2 * TABLE),
    Step::Munmap(0, 2 * TABLE),
    Step::Mmap(0, 2 * TABLE),
];

/// R8: the file of a VMA is open after munmap has returned. The schemes that defer it are known.
pub fn r8_files_are_put_when_munmap_returns(twins: &mut Twins) {
    const READ: &[Step] = &[Step::Read(0)];
    const WRITE: &[Step] = &[Step::Write(0)];
    // As published, SRCU's callback puts the file; who drops the last reference does, if faults
    // hold references over I/O. A read of a cached page takes no reference.
    let srcu = ["srcu", "srcu:tables"];
    let all_of_them = ["srcu", "srcu:tables", "rcu-map-pages:hold"];
    let holds: [(_, _, &[&str]); 4] = [
        (point::AFTER_LOOKUP, READ, &srcu),
        (point::AFTER_COPY, READ, &srcu),
        (point::FOLIO_GOT_REF, READ, &srcu),
        (point::FOLIO_GOT_REF, WRITE, &all_of_them),
    ];
    for (held_at, touch, defer) in holds {
        let munmap = &[Step::Munmap(0, 2 * TABLE), Step::FilesArePut];
        let rows = all::<Model>(&Script::at(held_at, FILE, touch, munmap));
        let violate: Vec<_> = rows.iter().filter(|(_, row)| row.is_err()).collect();
        for (name, row) in &violate {
            let said = row.as_ref().expect_err("it is one of those");
            assert!(said.contains("f_ref of file 0: 2, but opener and VMAs: 1"), "{name}: {said}");
        }
        let names: Vec<_> = violate.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, defer, "at {held_at}");
    }
    twins.found("`srcu`, `srcu:tables` and `rcu-map-pages:hold` themselves: count of the file");
}

/// R11: truncate removes a page that a fault has found.
pub fn r11_truncate_leaves_nothing_mapped(twins: &mut Twins) {
    let points = [point::FOLIO_GOT_REF, point::FOLIO_LOCKED, point::BEFORE_PTL, point::PTL_HELD];
    for held_at in points {
        for fault in [&[Step::Read(0)], &[Step::Write(0)]] {
            all_stand(&Script::at(held_at, FILE, fault, &[Step::Truncate(0)]));
        }
    }
    let read = Script::at(point::FOLIO_GOT_REF, FILE, &[Step::Read(0)], &[Step::Truncate(0)]);
    stands::<FileRead<{ file::SOUND }>>(&Script { before: &[], ..read.clone() });
    twins.caught::<FileRead<{ file::NO_RECHECK }>>(
        "no check under the page's lock: pte after the end of the file",
        &Script { before: &[], ..read },
        "ends before it",
    );
    // A private copy is made after the ptes were zapped, and before the page is removed.
    let truncate =
        |again: &'static [Step]| Script::at(point::FOLIO_LOCKED, FILE, &[Step::Write(9)], again);
    let twice = truncate(&[Step::Other(Other::Truncate(4, true))]);
    stands::<MmapLock<Linux6_2>>(&twice);
    let once = truncate(&[Step::Other(Other::Truncate(4, false))]);
    twins.caught::<MmapLock<Linux6_2>>("ptes zapped only once: the same", &once, "ends before it");
}

/// A fault that waits for a page, and finds after the wait that it has gone again, waits for it
/// with mmap_lock held. If it dropped the lock each time, it might never end with writers that
/// never stop.
pub fn a_fault_drops_its_lock_for_a_page_once() {
    let absent = Shape { maps: Maps::File(PageState::Absent), ..FILE };
    let goes_and_comes = &[Step::Truncate(0), Step::Truncate(FILE_PAGES)];
    let script = Script::at(point::FOLIO_GOT_REF, absent, &[Step::Read(0)], goes_and_comes);
    all_stand(&script);
    let played = play::<Model, MmapLock<Linux6_2>>(&script).expect("it stands");
    assert!(played.held, "the page is there when the fault comes back, and goes then");
    // Two for the write before, two for the read.
    assert_eq!(played.attempts.attempts, 4);
}

/// A fault that has waited for the lock of a cached page under the VMA's lock may drop mmap_lock
/// too, once; a fault that has waited for a page that was not cached may not.
pub fn only_a_major_fault_has_tried() {
    let goes_and_comes = &[Step::Truncate(0), Step::Truncate(FILE_PAGES)];
    let attempts = |state, turns: &[usize]| {
        let turns =
            turns.iter().map(|core| (*core, if *core == 0 { point::FOLIO_GOT_REF } else { END }));
        let shape = Shape { maps: Maps::File(state), ..FILE };
        let cores = vec![&[Step::Read(0)] as &[_], goes_and_comes];
        let script = Script { before: &[], ..Script::turns(turns.collect(), shape, cores) };
        let played = play::<Model, VmRefcnt>(&script).expect("it stands");
        assert!(played.held, "the page is there when the fault comes back, and goes then");
        played.attempts.attempts
    };
    // Under the VMA's lock, and twice under mmap_lock.
    assert_eq!(attempts(PageState::Locked, &[0, 0, 1]), 3);
    // The second wait keeps mmap_lock.
    assert_eq!(attempts(PageState::Absent, &[0, 1]), 2);
}

/// Truncate waits for a fault that reads a page in, also if that page stays, by `invalidate_lock`.
pub fn truncate_waits_for_who_reads_in() {
    let io_ns = 3 * TURN_NS;
    let absent = Shape { io_ns, maps: Maps::File(PageState::Absent), ..FILE };
    let writer_ns = |kernel| {
        let shape = Shape { kernel: Some(kernel), ..absent };
        let script = Script::at(END, shape, &[Step::Read(0)], &[Step::Truncate(FILE_PAGES - 8)]);
        let played = play::<Model, MmapLock<Linux6_2>>(&Script { before: &[], ..script });
        played.expect("it stands").ns[1]
    };
    assert!(writer_ns(&LINUX_5_12) < TURN_NS, "{}", writer_ns(&LINUX_5_12));
    assert!(writer_ns(&LINUX_6_2) > io_ns - 2 * TURN_NS, "{}", writer_ns(&LINUX_6_2));
}

/// R25: a writer waits as long as a fault waits for a page.
pub fn r25_writers_do_not_wait_for_io(twins: &mut Twins) {
    let io_ns = 3 * TURN_NS;
    let absent = Shape { io_ns, maps: Maps::File(PageState::Absent), ..FILE };
    let script = Script::at(END, absent, &[Step::Read(0)], &[Step::Munmap(0, 8)]);
    let script = Script { before: &[Step::Write(1)], ..script };
    for (name, played) in all_stand(&script) {
        assert!(played.ns[0] > io_ns && played.ns[1] < TURN_NS, "{name}: {:?}", played.ns);
    }
    let sound = play::<Model, Refcnt<{ refcnt::SOUND }>>(&script).expect("it stands");
    assert!(sound.ns[1] < TURN_NS, "{:?}", sound.ns);
    twins.is_late::<Refcnt<{ refcnt::SLEEPS }>>(
        "reference kept through the I/O: the writer's time",
        &script,
        io_ns - 2 * TURN_NS,
    );
}

/// R25: memory that a writer has freed comes back only after a fault has its page, if the fault
/// sleeps in a section that protects the memory: the grace period of SRCU lasts as long.
pub fn r25_grace_periods_of_srcu_last_as_long_as_io(_: &mut Twins) {
    let io_ns = 3 * TURN_NS;
    let absent = Shape { io_ns, maps: Maps::File(PageState::Absent), vmas: 4, ..FILE };
    let script = Script::at(END, absent, &[Step::Read(0)], REMAPS);
    let script = Script { before: &[Step::Write(1)], ..script };
    let late = all_stand(&script).into_iter().filter(|(_, played)| played.ns[1] > TURN_NS);
    let late: Vec<_> = late.map(|(name, played)| (name, played.ns[1] / TURN_NS)).collect();
    assert_eq!(late, [("srcu", 2), ("srcu:tables", 2)], "in turns");
}
