//! A fault holds a page and waits for memory, memory waits for writeback, and writeback waits for
//! the page: therefore a table is allocated before a page is locked (Lespinasse's patch to
//! `__do_fault`, April 2021; comment in `do_fault_around`).

use crate::play::play;
use crate::script::{END, FILE, Maps, Script, Shape, Step, TABLE};
use crate::shipped::stand;
use crate::twins::file::{self, FileRead};
use crate::twins::machines::Short;
use crate::twins::steps::Other;
use crate::verdict::Twins;
use faultstorm::mm::page_cache::PageState;

/// All orders in which a fault, reclaim and writeback can begin.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Touches page `TABLE`, whose page table is missing; the upper tables exist.
const READ: &[Step] = &[Step::Other(Other::MemoryIsShort), Step::Read(TABLE)];
const WRITE: &[Step] = &[Step::Other(Other::MemoryIsShort), Step::Write(TABLE)];

fn race(order: [usize; 3], space: Shape, fault: &'static [Step]) -> Script {
    let reclaim = &[Step::Other(Other::Reclaim)];
    let write_back = &[Step::Other(Other::WriteBack(TABLE))];
    let turns = order.map(|core| (core, END)).to_vec();
    let before = &[Step::Read(0)];
    Script { before, ..Script::turns(turns, space, vec![fault, reclaim, write_back]) }
}

pub fn reclaim_waits_for_no_fault_that_waits_for_it(_: &mut Twins) {
    let around = Shape { around: 4, ..FILE };
    let shared = Shape { maps: Maps::Shared(PageState::Cached), ..FILE };
    for order in ORDERS {
        let script = race(order, FILE, READ);
        stand::<Short>(&script);
        let sound = play::<Short, FileRead<{ file::SOUND }>>(&script);
        assert!(sound.is_ok(), "{sound:?}");
    }
    for (space, fault) in [(around, READ), (FILE, WRITE), (shared, WRITE)] {
        stand::<Short>(&race(ORDERS[0], space, fault));
        stand::<Short>(&race(ORDERS[5], space, fault));
    }
}

pub fn reclaim_deadlocks_where_the_page_is_locked_first(twins: &mut Twins) {
    let script = race(ORDERS[0], FILE, READ);
    let error = twins.caught_in::<Short, FileRead<{ file::PAGE_FIRST }>>(
        "page locked before the table exists: deadlock, which names reclaim",
        &script,
        "deadlock: ",
    );
    let named = ["spins on reclaim (reclaimed)", "spins on reclaim (written_back)"];
    for what in named {
        assert!(error.contains(what), "{error}");
    }
    assert!(error.contains("core 2") && error.contains("sleeps"), "{error}");
}
