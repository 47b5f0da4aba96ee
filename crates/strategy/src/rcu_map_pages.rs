//! RCU alone if nothing sleeps, a reference on the VMA if something may: the scheme that
//! Wilcox outlined in twelve steps (linux-mm, 2021-04-08). It was never built.
//!
//! *Fault:* the VMA is found under RCU; anonymous pages, and the cached pages around a read
//! of a file (`->map_pages`), are mapped under RCU too, tables included. If the mapping
//! asks for no pages around, the window is one page: step 5 of the outline is unconditional
//! (`should_fault_around` in `mm/memory.c` is a rule of the kernel as it is). Nothing that
//! other cores read is written before the pte. All else takes a reference on the VMA first
//! and calls `->fault`, as does what the fast path could not do: a page that is not there at
//! once, a first `anon_vma`, a copy of a mapped page. *Writers* never change a VMA but put a
//! new one in its place, and free tables under the lock of the parent. *Collision:* the fault
//! falls back to mmap_lock.
//!
//! Gaps of the outline, and how they are filled here:
//!
//! - *What a fault checks before it publishes*: nothing is said but that VMAs are
//!   immutable. Here `detached`, a word of the VMA, which its writer sets before it takes
//!   any lock of its pages, and which the fault asks about under ptl.
//! - *Tables that are allocated beside a writer* may outlive the VMA (Zijlstra in the same
//!   thread: "solvable, but it did need a bit of care"). Here `detached` is asked about
//!   under the lock of the parent table, which is also taken to free a table.
//! - *Order*: tables are allocated before the VMA is looked up, so also for addresses
//!   without one. Here the lookup comes first.
//! - *GFP flags* ("handwave"): those that do not sleep, for tables and for frames; if
//!   none is free, the fault goes on with a reference. So an anonymous write need not drop
//!   RCU, allocate and retry, as the author suggests for it.
//! - *ptl* is waited for: RCU is preemptible, and a spinlock may be taken under it. No
//!   holder of ptl waits for readers of RCU or, with interrupts on, for this core.
//! - *`->fault` with a reference held* through the I/O: `rcu-map-pages:hold` does so. The
//!   reference keeps the VMA, and the VMA its file, so two mappings of one file do not meet on
//!   the file's count. Whoever drops the last reference frees the VMA and puts the file, so
//!   the file may be open after munmap has returned. A writer does not wait: after the I/O the
//!   fault asks about `detached` again. Without `:hold` the reference is dropped for I/O, the
//!   file pinned, and the fault done again, as everywhere since 5.1.
//! - *The file* of a VMA that is being unmapped may be closed under the fast path: pages
//!   are taken by their own reference and checked under their lock, and files and inodes
//!   are freed after a grace period.
//!
//! One read section spans the attempt, even if a reference would do: nothing in it sleeps.

use super::{AfterRcu, Attached, ByRcu, CountedVmas, FoundVma, Scheme, Space, Strategy, Traits};
use machine::Machine;
use mm::fault::{self, Access, Fallback, FaultRequest, Outcome, Stop};
use mm::kernel::Linux5_12;
use mm::vma::VmaFields;
use mm::{Core, locked, point, stage};
use sync::rcu::ReadSection;

/// See the module. `HOLDS`: a fault keeps its reference while it waits for a page.
pub struct RcuMapPages<const HOLDS: bool>;

/// Whether a fault is tried under RCU alone: anonymous memory, and a read of a file with the
/// cached pages around it.
#[inline(always)]
fn is_fast(vma: &impl VmaFields, access: Access) -> bool {
    vma.file().is_none() || access == Access::Read
}

/// Steps 9 to 12 of the outline. Out of line, to keep the fast path small.
#[inline(never)]
fn with_reference<M: Machine, const HOLDS: bool>(
    space: &Space<M, RcuMapPages<HOLDS>>,
    core: &mut Core<M>,
    mut request: FaultRequest,
    vma: FoundVma<'_, M, RcuMapPages<HOLDS>>,
    mut section: ReadSection,
) -> Result<Outcome, Stop> {
    let reference = space.words.get(vma.id).ok_or(Fallback::VmaLockMiss)?;
    M::mark(stage::LOCK);
    let found = Attached::<M, _, AfterRcu<HOLDS>>::new(vma);
    let result = loop {
        match fault::handle(space, core, request, &found) {
            Err(Stop::Wait) if HOLDS => {
                drop(section);
                let waited = space.wait(core);
                section = core.read_section();
                request = request.after_wait();
                if waited.is_err() {
                    break Err(Stop::Oom);
                }
                core.note_attempt();
            }
            result => break result,
        }
    };
    space.words.put(space, core, vma.loaded(), reference);
    drop(section);
    match result {
        // Here and not in `after`, which would not know that the fault has waited.
        Err(Stop::Fallback(reason)) if HOLDS && request.has_waited() => {
            core.note_fallback(reason);
            Ok(locked::fault(space, core, request))
        }
        result => result,
    }
}

const TRAITS: Traits = Traits {
    shared_writes: "0; with a reference 2",
    sleeps: "no: drops the reference for I/O",
    allocates_tables: "yes",
    falls_back: "writer of the VMA",
    writers_pay: "a new VMA for each change",
};

impl Scheme for RcuMapPages<false> {
    const NAME: &'static str = "rcu-map-pages";
    const SUMMARY: &'static str = "RCU where nothing sleeps, a reference on the VMA elsewhere";
    const WHO: &'static str = "Wilcox 2021, an outline";
    const TRAITS: Traits = TRAITS;
}

impl Scheme for RcuMapPages<true> {
    const NAME: &'static str = "rcu-map-pages:hold";
    const SUMMARY: &'static str = "the same, and the reference is held over I/O";
    const WHO: &'static str = "Wilcox 2021, as outlined";
    const TRAITS: Traits = Traits {
        sleeps: "yes, with its reference",
        writers_pay: "a new VMA for each change; files are put after munmap",
        ..TRAITS
    };
}

impl<M: Machine, const HOLDS: bool> Strategy<M> for RcuMapPages<HOLDS> {
    type Layout = Linux5_12;
    type Words = CountedVmas<M, HOLDS>;

    #[inline(always)]
    fn attempt(
        space: &Space<M, Self>,
        core: &mut Core<M>,
        request: FaultRequest,
    ) -> Result<Outcome, Stop> {
        let section = core.read_section();
        let vma = space.find_vma(request.addr).ok_or(Fallback::Unmapped)?;
        M::mark(stage::LOOKUP);
        M::point(point::AFTER_LOOKUP);
        if !fault::allows(&vma, request.access()) {
            return Err(Fallback::AccessError.into());
        }
        if is_fast(&vma, request.access()) {
            let found = Attached::<M, _, ByRcu>::new(vma);
            let result = fault::handle(space, core, request, &found);
            if matches!(result, Ok(_) | Err(Stop::Fallback(Fallback::VmaLockAbort))) {
                return result;
            }
        }
        with_reference(space, core, request, vma, section)
    }
}
