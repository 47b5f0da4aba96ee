//! Writers and faults with few objects left: objects freed before wait for readers.

use faultstorm::machine::host::{Cores, Host, enter};
use faultstorm::mm::addr::{PAGE_BYTES, TABLE_SPAN, Vaddr};
use faultstorm::mm::fault::{Access, End, FaultRequest};
use faultstorm::mm::frames::Arena;
use faultstorm::mm::kernel::Linux7_2;
use faultstorm::mm::vma::{Mapping, flag};
use faultstorm::mm::{Config, Core};
use faultstorm::strategy::{
    HazardPointers, LockApart, MmapLock, PerVmaLock, RcuMapPages, Space, Speculative,
    SpeculativeVma, SrcuFaults, Strategy, VmRefcnt, VmaRefcount,
};
use std::ops::Range;

const BASE: u64 = 1 << 30;
/// More pieces than the tree has nodes to remove them at once.
const PAGES: u64 = 600;
/// Less than one operation on all pieces needs.
const VMAS_SPARE: u32 = 70;
/// Page tables: fewer than a core defers before it checks if any can be freed.
const TABLES: u32 = 20;

fn addr(page: u64) -> Vaddr {
    Vaddr(BASE + page * PAGE_BYTES)
}

fn range(from: u64, to: u64) -> Range<Vaddr> {
    addr(from)..addr(to)
}

/// Makes a space of one core with these numbers of page tables and VMAs.
fn space<S: Strategy<Host>>(tables: u32, vmas: u32) -> Space<Host, S> {
    let config = Config {
        cores: 1,
        cpus: 1,
        nodes: [0].into(),
        lru: true,
        memcg_depth: 1,
        rss: true,
        pgtables_bytes: true,
        // Low, so that many counts are passed on, which the books then check.
        stat_threshold: Some(3),
        no_zone_lock: false,
        no_pmd_lock: false,
        split_pmd_locks: true,
        frames: 64,
        large_folios: Box::default(),
        tables,
        vmas,
        mapped_vmas: 0,
        entry_prefetch: false,
        kernel: None,
        real_body: false,
        source_may_change: true,
        pages_move: true,
        rights_change: true,
        prefaults: false,
        numa_scans: false,
    };
    Space::new(config, Arena::new(1).expect("a page"), Vec::new())
}

/// Returns writable anonymous memory.
fn heap(start: Vaddr, end: Vaddr) -> Mapping {
    let (flags, pgoff) = (flag::WRITE, start.page());
    Mapping { start, end, flags, file: None, pgoff, fault_around_order: 0 }
}

/// Splits a mapping into pages, moves it and changes it as a whole, repeatedly, and unmaps it in
/// one operation.
fn operations_on_all_pieces<S: Strategy<Host>>() {
    let cores = Cores::new(1);
    let _core = enter(&cores, 0);
    let space = space::<S>(64, PAGES as u32 + VMAS_SPARE);
    let mut core = Core::new(&*space, 0);
    let mut writer = space.writer(&mut core);
    assert!(writer.mmap(&heap(addr(0), addr(PAGES))));
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
    operations_on_all_pieces::<HazardPointers>();
    operations_on_all_pieces::<SrcuFaults<false>>();
    operations_on_all_pieces::<VmRefcnt>();
}

/// Writes a page and frees its whole table, repeatedly; then writes to more tables than exist,
/// without freeing any.
fn faults_on_freed_tables<S: Strategy<Host>>() {
    let cores = Cores::new(1);
    let _core = enter(&cores, 0);
    let space = space::<S>(TABLES, VMAS_SPARE);
    let mut core = Core::new(&*space, 0);
    let (start, end) = (Vaddr(BASE), Vaddr(BASE + u64::from(TABLES) * TABLE_SPAN));
    assert!(space.writer(&mut core).mmap(&heap(start, end)));
    for turn in 0..20 * TABLES {
        let outcome = S::fault(&space, &mut core, FaultRequest::new(start, Access::Write));
        assert_eq!(outcome.end(), End::Mapped(1), "turn {turn}");
        let table = start..Vaddr(BASE + TABLE_SPAN);
        assert!(space.writer(&mut core).madvise_dontneed(&table));
    }
    let mut ends = (0..u64::from(TABLES)).map(|table| {
        let addr = Vaddr(BASE + table * TABLE_SPAN);
        S::fault(&space, &mut core, FaultRequest::new(addr, Access::Write)).end()
    });
    assert_eq!(ends.find(|end| *end != End::Mapped(1)), Some(End::Oom));
    core.retire(&*space);
    space.check_books(&core).expect("the books balance");
}

#[test]
fn a_fault_waits_for_the_tables_that_were_freed_and_for_no_others() {
    faults_on_freed_tables::<MmapLock<Linux7_2>>();
    faults_on_freed_tables::<VmaRefcount>();
    faults_on_freed_tables::<Speculative<0, true>>();
    faults_on_freed_tables::<SpeculativeVma<false>>();
    faults_on_freed_tables::<SrcuFaults<false>>();
    faults_on_freed_tables::<SrcuFaults<true>>();
    faults_on_freed_tables::<HazardPointers>();
    faults_on_freed_tables::<RcuMapPages<false>>();
    faults_on_freed_tables::<PerVmaLock<LockApart>>();
    faults_on_freed_tables::<VmRefcnt>();
}
