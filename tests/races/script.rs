//! Scripts: the work of the cores in a race, its order, and the space.

use crate::twins::steps::Other;
use faultstorm::machine::Machine;
use faultstorm::mm::addr::{PAGE_BYTES, Vaddr};
use faultstorm::mm::fault::{Access, End, FaultRequest};
use faultstorm::mm::frames::Arena;
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::{Kernel, LINUX_7_2};
use faultstorm::mm::page_cache::{File, PageState};
use faultstorm::mm::vma::{Mapping, flag};
use faultstorm::mm::{Config, Core};
use faultstorm::strategy::{Space, Strategy};
use std::ops::Range;

/// Pages per page table; the first page of a script begins one.
pub const TABLE: u64 = 512;
const BASE: u64 = 1 << 30;
/// Pages of the mapping at the start.
const PAGES: u64 = 2 * TABLE;
/// Pages of the file: it ends inside the mapping.
pub const FILE_PAGES: u64 = TABLE + 128;
/// Largest number of traps of one touch; a touch that traps more often never ends.
const TRAPS_MAX: usize = 16;
/// Turn of a core that is held at no point: it continues as far as it can.
pub const END: usize = usize::MAX;

/// A step of a core. Pages are counted from the start of the mapping.
#[derive(Clone, Copy)]
pub enum Step {
    Read(u64),
    Write(u64),
    Mmap(u64, u64),
    /// As `Mmap`, with pages of the file that begin this much later.
    MmapShifted(u64, u64, u64),
    Munmap(u64, u64),
    Mprotect(u64, u64, bool),
    Dontneed(u64, u64),
    Mremap(u64, u64, u64),
    Truncate(u64),
    /// The VMA that ends at the first page grows down to the second.
    Expand(u64, u64),
    Fork,
    /// Frees the objects that wait for readers, as far as these have left.
    Reclaim,
    /// Moves folios from the core's batch to their list.
    DrainLru,
    /// Checks that files have the references of their opener and of VMAs, and no others.
    FilesArePut,
    /// A step that no writer of the crate does.
    Other(Other),
}

/// A race. First core 0 does its steps in `before` alone. Then cores have turns; in each turn one
/// core continues until it reaches a point. In the end all continue to their end.
#[derive(Clone)]
pub struct Script {
    pub space: Shape,
    pub before: &'static [Step],
    /// Steps of each core.
    pub cores: Vec<&'static [Step]>,
    /// Turns: a core, and the point up to which it continues.
    pub turns: Vec<(usize, usize)>,
}

/// The space of a script.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Pages that are mapped at the start.
    pub mapped: (u64, u64),
    /// Memory that is mapped.
    pub maps: Maps,
    /// Log2 of the pages that a read fault maps around.
    pub around: u8,
    /// Time of a read of a page that is not cached.
    pub io_ns: u64,
    /// Frames, including those of the page cache.
    pub frames: usize,
    /// Number of VMAs that fit in memory.
    pub vmas: u32,
    /// Kernel; `None`: the scheme's own.
    pub kernel: Option<&'static Kernel>,
}

/// Memory of a mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Maps {
    Anon,
    /// A private mapping of a file with pages in this state.
    File(PageState),
    /// A shared mapping of such a file.
    Shared(PageState),
}

impl Maps {
    fn pages(self) -> Option<PageState> {
        match self {
            Self::Anon => None,
            Self::File(state) | Self::Shared(state) => Some(state),
        }
    }
}

/// Anonymous memory.
pub const ANON: Shape = Shape {
    mapped: (0, PAGES),
    maps: Maps::Anon,
    around: 0,
    io_ns: 1000,
    frames: 256,
    vmas: 80,
    kernel: None,
};
/// Anonymous memory in the newest kernel, whose madvise frees tables that it has emptied.
pub const NEWEST: Shape = Shape { kernel: Some(&LINUX_7_2), ..ANON };
/// A private mapping of a cached file.
pub const FILE: Shape =
    Shape { maps: Maps::File(PageState::Cached), frames: FILE_PAGES as usize + 256, ..ANON };

impl Script {
    /// Holds a core at a point in its steps; then another does its own, until it is done or must
    /// wait.
    pub fn at(
        held_at: usize,
        space: Shape,
        held: &'static [Step],
        meanwhile: &'static [Step],
    ) -> Self {
        Self::turns(vec![(0, held_at), (1, END)], space, vec![held, meanwhile])
    }

    /// Gives cores these turns, after core 0 has written to page 1.
    pub fn turns(turns: Vec<(usize, usize)>, space: Shape, cores: Vec<&'static [Step]>) -> Self {
        Self { space, before: &[Step::Write(1)], cores, turns }
    }
}

pub fn addr(page: u64) -> Vaddr {
    Vaddr(BASE + page * PAGE_BYTES)
}

fn range(from: u64, to: u64) -> Range<Vaddr> {
    addr(from)..addr(to)
}

fn mapping(shape: &Shape, (from, to): (u64, u64), shift: u64) -> Mapping {
    let file = shape.maps.pages().map(|_| 0);
    let pgoff = shift + if file.is_some() { from } else { addr(from).page() };
    let shared = if matches!(shape.maps, Maps::Shared(_)) { flag::SHARED } else { 0 };
    let flags = flag::WRITE | flag::SPECULATE | shared;
    let fault_around_order = shape.around;
    Mapping { start: addr(from), end: addr(to), flags, file, pgoff, fault_around_order }
}

pub fn space<M: Machine, S: Strategy<M>>(shape: &Shape, cores: usize) -> Space<M, S> {
    let config = Config {
        cores,
        cpus: cores,
        nodes: (0..cores).map(|core| core % 2).collect(),
        lru: true,
        memcg_depth: 1,
        rss: true,
        pgtables_bytes: true,
        // Low, so that many counts are passed on, which the books then check.
        stat_threshold: Some(3),
        no_zone_lock: false,
        no_pmd_lock: false,
        split_pmd_locks: true,
        frames: shape.frames,
        large_folios: Box::default(),
        tables: 24,
        vmas: shape.vmas,
        // One slab: a freed VMA is the next to be taken.
        mapped_vmas: shape.vmas,
        entry_prefetch: false,
        kernel: shape.kernel,
        real_body: true,
        source_may_change: true,
        pages_move: true,
        rights_change: true,
        prefaults: false,
        numa_scans: false,
    };
    let arena = Arena::new(1).expect("a page");
    let state = shape.maps.pages();
    let file = || {
        File::new(0, FILE_PAGES, std::slice::from_ref(&(0..FILE_PAGES)), cores, vec![shape.io_ns])
    };
    let space = Space::<M, S>::new(config, arena, state.map(|_| file()).into_iter().collect());
    let mut core = Core::new(&*space, 0);
    if let Some(state) = state {
        (0..FILE_PAGES).for_each(|page| space.populate(&mut core, 0, page, state));
    }
    let made = space.writer(&mut core).mmap(&mapping(shape, shape.mapped, 0));
    assert!(made, "nothing is mapped before");
    core.retire(&*space);
    space
}

fn touch<M: Machine, S: Strategy<M>>(
    space: &Space<M, S>,
    core: &mut Core<M>,
    page: u64,
    access: Access,
) {
    for _ in 0..TRAPS_MAX {
        if space.translate(core, addr(page), access).is_ok() {
            return;
        }
        let end = S::fault(space, core, FaultRequest::new(addr(page), access)).end();
        if matches!(end, End::Segv | End::Sigbus | End::Oom) {
            return;
        }
    }
    panic!("a touch of page {page} does not end");
}

pub fn perform<M: Machine, S: Strategy<M>>(
    shape: &Shape,
    space: &Space<M, S>,
    core: &mut Core<M>,
    step: Step,
) {
    let mut writer = space.writer(core);
    let done = match step {
        Step::Read(page) => return touch(space, core, page, Access::Read),
        Step::Write(page) => return touch(space, core, page, Access::Write),
        Step::Reclaim => {
            space.words.reclaim(space, core);
            return (0..64).for_each(|_| core.flush_deferred());
        }
        Step::DrainLru => return core.drain_lru(space),
        Step::FilesArePut => {
            return space.check_file_references().unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        Step::Other(other) => return other.perform(space, core),
        Step::Mmap(from, to) => writer.mmap(&mapping(shape, (from, to), 0)),
        Step::MmapShifted(from, to, by) => writer.mmap(&mapping(shape, (from, to), by)),
        Step::Munmap(from, to) => writer.munmap(&range(from, to)),
        Step::Mprotect(from, to, writable) => writer.mprotect(&range(from, to), writable),
        Step::Dontneed(from, to) => writer.madvise_dontneed(&range(from, to)),
        Step::Mremap(from, end, to) => writer.mremap(&range(from, end), addr(to)),
        Step::Truncate(pages) => writer.truncate(0, pages),
        Step::Expand(end, start) => writer.expand_stack(addr(end), addr(start)),
        Step::Fork => writer.fork(),
    };
    assert!(done, "a writer of a script has something to do");
}
