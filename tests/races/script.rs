//! Scripts: what the cores of a race do, and the space that they do it in.

use faultstorm::machine::Machine;
use faultstorm::machine::model::{self, Halt, Place, World};
use faultstorm::machines;
use faultstorm::mm::addr::{PAGE_BYTES, Vaddr};
use faultstorm::mm::fault::{Access, End, Request};
use faultstorm::mm::frames::Arena;
use faultstorm::mm::page_cache::{File, PageState};
use faultstorm::mm::vma::{Mapping, flag};
use faultstorm::mm::writer::Writer;
use faultstorm::mm::{Config, Core};
use faultstorm::strategy::{Space, Strategy};
use std::ops::Range;
use std::rc::Rc;

/// Pages under one page table; the first page of a script begins one.
pub const TABLE: u64 = 512;
const BASE: u64 = 1 << 30;
/// Pages of the mapping, and of the file where it maps one.
const PAGES: u64 = 2 * TABLE;
/// How long the fault is held: longer than any writer takes that nobody stops.
const HELD_NS: u64 = 10_000_000;
/// A touch that traps more often never ends.
const TRAPS_MAX: usize = 16;

/// What a core does. Pages are counted from the start of the mapping.
#[derive(Clone, Copy)]
pub enum Step {
    Read(u64),
    Write(u64),
    Mmap(u64, u64),
    Munmap(u64, u64),
    Mprotect(u64, u64, bool),
    Dontneed(u64, u64),
    Mremap(u64, u64, u64),
    Truncate(u64),
    Fork,
    /// What waits for readers to leave is freed, as far as they have left.
    Reclaim,
    /// Folios leave the core's batch for their list.
    DrainLru,
}

/// A race: core 0 faults and is held at a point; meanwhile core 1 writes, until it is done
/// or has to wait; core 2 releases core 0.
#[derive(Clone, Copy)]
pub struct Script {
    pub maps_file: bool,
    /// What core 0 does before.
    pub before: &'static [Step],
    /// Where it is held in what it does then.
    pub held_at: usize,
    pub fault: &'static [Step],
    pub writer: &'static [Step],
}

fn addr(page: u64) -> Vaddr {
    Vaddr(BASE + page * PAGE_BYTES)
}

fn range(from: u64, to: u64) -> Range<Vaddr> {
    addr(from)..addr(to)
}

fn mapping(script: &Script, from: u64, to: u64) -> Mapping {
    let file = script.maps_file.then_some(0);
    let pgoff = if script.maps_file { from } else { addr(from).page() };
    let flags = flag::WRITE | flag::SPECULATE;
    Mapping { start: addr(from), end: addr(to), flags, file, pgoff, fault_around_order: 0 }
}

fn space<M: Machine, S: Strategy<M>>(script: &Script, cores: usize) -> Space<M, S> {
    let config = Config {
        cores,
        nodes: (0..cores).map(|core| core % 2).collect(),
        lru: true,
        memcg_depth: 1,
        rss: true,
        pgtables_bytes: true,
        split_pmd_locks: true,
        frames: 4096,
        tables: 256,
        vmas: 64,
        entry_prefetch: false,
        real_body: true,
        source_may_change: true,
        pages_move: true,
    };
    let arena = Arena::new(1).expect("a page");
    let files =
        if script.maps_file { vec![File::new(0, PAGES, 64, cores, vec![1000])] } else { vec![] };
    let cached = if script.maps_file { PAGES } else { 0 };
    let space = Space::<M, S>::new(config, arena, files);
    let mut core = Core::new(&*space, PAGES as usize);
    (0..cached).for_each(|page| space.populate(&mut core, 0, page, PageState::Cached));
    assert!(Writer::new(&*space, &space, &mut core).mmap(&mapping(script, 0, PAGES)));
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

fn perform<M: Machine, S: Strategy<M>>(
    script: &Script,
    space: &Space<M, S>,
    core: &mut Core<M>,
    step: Step,
) {
    let mut writer = Writer::new(&**space, space, core);
    let done = match step {
        Step::Read(page) => return touch(space, core, page, Access::Read),
        Step::Write(page) => return touch(space, core, page, Access::Write),
        Step::Reclaim => return (0..64).for_each(|_| core.flush_deferred()),
        Step::DrainLru => return core.drain_lru(space),
        Step::Mmap(from, to) => writer.mmap(&mapping(script, from, to)),
        Step::Munmap(from, to) => writer.munmap(&range(from, to)),
        Step::Mprotect(from, to, writable) => writer.mprotect(&range(from, to), writable),
        Step::Dontneed(from, to) => writer.madvise_dontneed(&range(from, to)),
        Step::Mremap(from, end, to) => writer.mremap(&range(from, end), addr(to)),
        Step::Truncate(pages) => writer.truncate(0, pages),
        Step::Fork => writer.fork(),
    };
    assert!(done, "a writer of a script has something to do");
}

/// What core `number` does; whether core 0 was held.
fn play_core<M: Machine, S: Strategy<M>>(
    script: &Script,
    space: &Space<M, S>,
    number: usize,
) -> Result<bool, String> {
    let mut core = Core::new(&**space, PAGES as usize);
    let mut all = |steps: &[Step]| {
        steps.iter().for_each(|step| perform(script, space, &mut core, *step));
    };
    if number == 0 {
        all(script.before);
        model::hold(0, script.held_at);
    }
    model::meet(0);
    let held = number > 0 && model::wait_until_held(0);
    match number {
        0 => {
            all(script.fault);
            // Under some strategies it does not come to the point.
            model::release(0);
        }
        1 => all(script.writer),
        _ => {
            M::sleep_ns(HELD_NS);
            model::release(0);
        }
    }
    model::meet(0);
    model::pause(true);
    let translations = space.check_translations(&mut core);
    core.forget_translations();
    core.end_child(&**space);
    core.retire(&**space);
    translations.map(|()| held)
}

/// Plays a race in machine `M`, whose lines are the model's. `Ok`: the books balance;
/// whether the fault came to its point.
pub fn play<M: Machine, S: Strategy<M>>(script: &Script) -> Result<bool, String> {
    const CORES: usize = 3;
    let machine = machines::Machine::find("xeon-icelake-2s").unwrap_or_else(|_| panic!("shipped"));
    let shape = machine.parameters.shape;
    let place = |agent| Place { agent, socket: shape.socket(agent) };
    let places: Vec<Place> = (0..CORES as u16).map(place).collect();
    let world = World::new(&machine.parameters, &places);
    let _here = world.enter();
    let space = Rc::new(space::<M, S>(script, CORES));
    let ran = {
        let (space, script) = (space.clone(), *script);
        world.run(move |core| play_core(&script, &space, core))
    };
    let ends = ran.map_err(|halt| {
        // Cores that were given up still refer to it.
        std::mem::forget(space.clone());
        said(halt)
    })?;
    let held = ends.into_iter().collect::<Result<Vec<_>, _>>()?.contains(&true);
    let mut core = Core::new(&**space, 0);
    space.check_books(&core)?;
    space.exit(&*space, &mut core);
    core.retire(&**space);
    space.check_all_free(&core)?;
    Ok(held)
}

fn said(halt: Halt) -> String {
    match halt {
        Halt::Deadlock(cores) => format!("deadlock: {}", cores.join("; ")),
        Halt::Stacks(error) => error.to_string(),
        Halt::Panicked { core, payload } => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("?");
            format!("core {core} panicked: {text}")
        }
    }
}
