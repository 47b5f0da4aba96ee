//! Writers that find little left of what they take: what was freed before waits for readers.

use faultstorm::machine::host::{Cores, Host, enter};
use faultstorm::mm::addr::{PAGE_BYTES, Vaddr};
use faultstorm::mm::frames::Arena;
use faultstorm::mm::layout::Linux7_2;
use faultstorm::mm::vma::{Mapping, flag};
use faultstorm::mm::writer::Writer;
use faultstorm::mm::{Config, Core};
use faultstorm::strategy::{
    Hazard, MmapLock, Space, SpeculativeVma, SrcuFaults, Strategy, VmRefcnt, VmaRefcount,
};
use std::ops::Range;

const BASE: u64 = 1 << 30;
/// More pieces than the tree has nodes to take them out of at once.
const PAGES: u64 = 600;
/// Less than one operation on all pieces takes.
const VMAS_SPARE: u32 = 70;

fn addr(page: u64) -> Vaddr {
    Vaddr(BASE + page * PAGE_BYTES)
}

fn range(from: u64, to: u64) -> Range<Vaddr> {
    addr(from)..addr(to)
}

/// Splits a mapping into pages, moves it and changes it as a whole, again and again, and unmaps
/// it in one operation.
fn operations_on_all_pieces<S: Strategy<Host>>() {
    let cores = Cores::new(1);
    let _core = enter(&cores, 0);
    let config = Config {
        cores: 1,
        nodes: [0].into(),
        lru: true,
        memcg_depth: 1,
        rss: true,
        pgtables_bytes: true,
        // So low that much is told, which the books look at.
        stat_threshold: Some(3),
        no_zone_lock: false,
        no_pmd_lock: false,
        split_pmd_locks: true,
        frames: 64,
        tables: 64,
        vmas: PAGES as u32 + VMAS_SPARE,
        entry_prefetch: false,
        real_body: false,
        source_may_change: true,
        pages_move: true,
    };
    let arena = Arena::new(1).expect("a page");
    let space = Space::<Host, S>::new(config, arena, Vec::new());
    let mut core = Core::new(&*space, 0);
    let mut writer = Writer::new(&*space, &space, &mut core);
    let (start, end, pgoff) = (addr(0), addr(PAGES), addr(0).page());
    let flags = flag::WRITE;
    let whole = Mapping { start, end, flags, file: None, pgoff, fault_around_order: 0 };
    assert!(writer.mmap(&whole));
    (0..PAGES).step_by(2).for_each(|page| {
        assert!(writer.mprotect(&range(page, page + 1), false));
    });
    let (mut here, mut there) = (0, 2 * PAGES);
    for turn in 0..6 {
        assert!(writer.mremap(&range(here, here + PAGES), addr(there)));
        (here, there) = (there, here);
        assert!(writer.mprotect(&range(here, here + PAGES), turn % 2 == 0));
    }
    assert!(writer.munmap(&range(here, here + PAGES)));
    space.check_books(&core).expect("the books balance");
}

#[test]
fn an_operation_waits_for_the_vmas_that_it_needs() {
    operations_on_all_pieces::<MmapLock<Linux7_2>>();
    operations_on_all_pieces::<VmaRefcount>();
    operations_on_all_pieces::<SpeculativeVma<false>>();
    operations_on_all_pieces::<Hazard>();
    operations_on_all_pieces::<SrcuFaults<false>>();
    operations_on_all_pieces::<VmRefcnt>();
}
