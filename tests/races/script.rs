//! Scripts: what the cores of a race do, in which order, and the space that they do it in.

use crate::twins::steps::Other;
use faultstorm::machine::Machine;
use faultstorm::mm::addr::{PAGE_BYTES, Vaddr};
use faultstorm::mm::fault::{Access, End, Request};
use faultstorm::mm::frames::Arena;
use faultstorm::mm::hooks::Hooks;
use faultstorm::mm::kernel::{Kernel, LINUX_7_2};
use faultstorm::mm::page_cache::{File, PageState};
use faultstorm::mm::vma::{Mapping, flag};
use faultstorm::mm::{Config, Core};
use faultstorm::strategy::{Space, Strategy};
use std::ops::Range;

/// Pages under one page table; the first page of a script begins one.
pub const TABLE: u64 = 512;
const BASE: u64 = 1 << 30;
/// Pages of the mapping at first.
const PAGES: u64 = 2 * TABLE;
/// Pages of the file: it ends inside the mapping.
pub const FILE_PAGES: u64 = TABLE + 128;
/// A touch that traps more often never ends.
const TRAPS_MAX: usize = 16;
/// The turn of a core that is held at no point: it goes on as far as it can.
pub const END: usize = usize::MAX;

/// What a core does. Pages are counted from the start of the mapping.
#[derive(Clone, Copy)]
pub enum Step {
    Read(u64),
    Write(u64),
    Mmap(u64, u64),
    /// The same, of pages of the file that begin so many further on.
    MmapShifted(u64, u64, u64),
    Munmap(u64, u64),
    Mprotect(u64, u64, bool),
    Dontneed(u64, u64),
    Mremap(u64, u64, u64),
    Truncate(u64),
    /// The VMA that ends at the first page begins at the second.
    Expand(u64, u64),
    Fork,
    /// What waits for readers to leave is freed, as far as they have left.
    Reclaim,
    /// Folios leave the core's batch for their list.
    DrainLru,
    /// Files have the references of their opener and of VMAs, and no others.
    FilesArePut,
    /// What no writer of the crate does.
    Other(Other),
}

/// A race. Core 0 does alone what comes before; then cores have turns, in each of which one
/// goes on until it comes to a point; then all go on to their end.
#[derive(Clone)]
pub struct Script {
    pub space: Shape,
    pub before: &'static [Step],
    /// What each core does.
    pub cores: Vec<&'static [Step]>,
    /// Cores, and the point up to which each goes on.
    pub turns: Vec<(usize, usize)>,
}

/// The space of a script.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Pages that are mapped at first.
    pub mapped: (u64, u64),
    /// What is mapped.
    pub maps: Maps,
    /// Log2 of the pages that a read fault maps around.
    pub around: u8,
    /// How long a read of a page takes that is not cached.
    pub io_ns: u64,
    /// Frames, those of the page cache among them.
    pub frames: usize,
    /// VMAs that there are memory for.
    pub vmas: u32,
    /// The kernel; `None`: the one in which a scheme stands.
    pub kernel: Option<&'static Kernel>,
}

/// What a mapping maps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Maps {
    Anon,
    /// A file, privately, whose pages are like this.
    File(PageState),
    /// The same, shared.
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
/// The same in the newest kernel, whose madvise frees tables that it has emptied.
pub const NEWEST: Shape = Shape { kernel: Some(&LINUX_7_2), ..ANON };
/// A private mapping of a file that is cached.
pub const FILE: Shape =
    Shape { maps: Maps::File(PageState::Cached), frames: FILE_PAGES as usize + 256, ..ANON };

impl Script {
    /// A core comes to a point in what it does; then another does something, until it is
    /// done or has to wait.
    pub fn at(
        held_at: usize,
        space: Shape,
        held: &'static [Step],
        meanwhile: &'static [Step],
    ) -> Self {
        Self::turns(vec![(0, held_at), (1, END)], space, vec![held, meanwhile])
    }

    /// Cores have these turns, after core 0 has written to page 1.
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
        // So low that much is told, which the books look at.
        stat_threshold: Some(3),
        no_zone_lock: false,
        no_pmd_lock: false,
        split_pmd_locks: true,
        frames: shape.frames,
        tables: 24,
        vmas: shape.vmas,
        // One slab: what is freed is taken next.
        mapped_vmas: shape.vmas,
        entry_prefetch: false,
        kernel: shape.kernel,
        real_body: true,
        source_may_change: true,
        pages_move: true,
        rights_change: true,
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
        let end = S::fault(space, core, Request::new(addr(page), access)).end();
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
