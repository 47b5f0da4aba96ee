//! The fault under mmap_lock, held for reading: what every strategy falls back to.
//!
//! The kernel's path before 6.4, and of every kernel since when nothing else works:
//! the lock excludes all writers over the whole fault, so nothing is checked again.
//! For I/O it pins the file, drops the lock, waits, and does the fault again.

use super::fault::{
    self, Access, End, Fallback, Kind, Outcome, Protection, PteSlot, Request, Stop, Walk,
};
use super::vma::{VmaFields, VmaRef};
use super::{Core, Mm, stage};
use crate::LaidOut;
use crate::kernel::{Layout, Loaded};
use machine::Machine;

/// A VMA that no writer can change: mmap_lock is held for reading, or the VMA's own lock.
pub struct Held<'a, M: Machine, L: Layout = Loaded> {
    vma: VmaRef<'a, M, L>,
    mmap_locked: bool,
}

impl<'a, M: Machine, L: Layout> Held<'a, M, L> {
    /// A VMA under mmap_lock, held for reading or for writing.
    #[inline(always)]
    pub(super) fn by_mmap_lock(vma: VmaRef<'a, M, L>) -> Self {
        Self { vma, mmap_locked: true }
    }

    /// A VMA whose own lock is held.
    #[inline(always)]
    pub fn by_its_lock(vma: VmaRef<'a, M, L>) -> Self {
        Self { vma, mmap_locked: false }
    }
}

impl<'v, M: Machine, L: Layout> Protection<M> for Held<'v, M, L> {
    type Vma = VmaRef<'v, M, L>;

    #[inline(always)]
    fn allocates_tables(&self) -> bool {
        true
    }

    #[inline(always)]
    fn waits(&self) -> bool {
        true
    }

    /// Under the VMA's own lock a rule of the kernel.
    #[inline(always)]
    fn check_fault(&self) -> Result<(), Fallback> {
        match self.mmap_locked || self.vma.rules().vma_lock_fault {
            true => Ok(()),
            false => Err(Fallback::VmaLockRetry),
        }
    }

    #[inline(always)]
    fn vma(&self) -> &VmaRef<'v, M, L> {
        &self.vma
    }

    /// Under the VMA's own lock mmap_lock is tried just for this: another VMA's `anon_vma`
    /// may be shared (Linux 6.10 and later, `mm/memory.c`, `__vmf_anon_prepare`).
    #[cold]
    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback> {
        let may_try = self.mmap_locked || self.vma.rules().vma_lock_anon_vma;
        let lock = (!self.mmap_locked && may_try).then(|| mm.mmap_lock().try_read());
        if !may_try || matches!(lock, Some(None)) {
            return Err(Fallback::AnonVma);
        }
        mm.prepare_anon_vma(self.vma);
        Ok(())
    }

    #[inline(always)]
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback> {
        Ok(walk.lock(mm))
    }
}

/// Whether a fault may lock this VMA (`mm/memory.c`, `lock_vma_under_rcu`): a rule of the kernel.
///
/// # Errors
/// A reason to fall back.
#[inline(always)]
pub fn may_lock<M: Machine, L: Layout>(vma: VmaRef<'_, M, L>) -> Result<(), Fallback> {
    let rules = vma.rules();
    if !rules.vma_lock_files && vma.file().is_some() {
        return Err(Fallback::VmaLockAbort);
    }
    if !rules.vma_lock_anon_vma && vma.file().is_none() && !vma.has_anon_vma() {
        return Err(Fallback::AnonVma);
    }
    Ok(())
}

/// Handles a fault under mmap_lock from beginning to end.
#[inline]
pub fn fault<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: Request,
) -> Outcome {
    fault_by::<M, L, false>(mm, core, request)
}

/// The same; `BLIND`: mmap_lock is taken by [`RwSem::read_blind`].
///
/// [`RwSem::read_blind`]: sync::rwsem::RwSem::read_blind
#[inline(always)]
pub fn fault_by<M: Machine, L: Layout, const BLIND: bool>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    mut request: Request,
) -> Outcome {
    loop {
        core.note_attempt();
        match attempt::<M, L, BLIND>(mm, core, request) {
            Ok(outcome) => return outcome,
            Err(Stop::Wait) => {
                request = request.after_wait();
                if mm.wait(core).is_err() {
                    return failed(request, End::Oom);
                }
            }
            Err(Stop::NoTable) => {
                if mm.wait_for_table(core).is_err() {
                    return failed(request, End::Oom);
                }
            }
            Err(Stop::Oom) => return failed(request, End::Oom),
            Err(Stop::Fallback(reason)) => unreachable!("nothing is behind mmap_lock: {reason:?}"),
        }
    }
}

#[inline(always)]
fn attempt<M: Machine, L: Layout, const BLIND: bool>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: Request,
) -> Result<Outcome, Stop> {
    let lock = if BLIND { mm.mmap_lock().read_blind() } else { mm.mmap_lock().read_carefully() };
    // Not needed under the lock; every strategy pays for a read section alike. Entered
    // behind the lock: whoever sleeps for it would hold up all that is to be freed.
    let mut section = core.read_section();
    M::mark(stage::LOCK);
    let vma = mm.find_vma(request.addr);
    M::mark(stage::LOOKUP);
    let result = match vma {
        Some(vma) if fault::allows(&vma, request.access()) => loop {
            match fault::handle(mm, core, request, &Held::by_mmap_lock(vma)) {
                // The lock is dropped for a page once (`fault_flag_allow_retry_first`): what
                // was waited for can be gone again, as long as writers come in between.
                Err(Stop::Wait) if request.has_waited() => {
                    drop(section);
                    if mm.wait(core).is_err() {
                        return Ok(failed(request, End::Oom));
                    }
                    section = core.read_section();
                }
                result => break result,
            }
        },
        _ => Ok(failed(request, End::Segv)),
    };
    drop(section);
    drop(lock);
    M::mark(stage::UNLOCK);
    result
}

/// A fault that maps nothing, under the kind that its access alone tells.
pub fn failed(request: Request, end: End) -> Outcome {
    let kind = match request.access() {
        Access::Read => Kind::AnonRead,
        Access::Write => Kind::AnonWrite,
    };
    Outcome::new(kind, end)
}

/// What a strategy does with an attempt of its own that did not end the fault: waits,
/// or does the fault under mmap_lock.
///
/// # Errors
/// The request with which the strategy tries again, where it has waited.
#[cold]
pub fn after<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: Request,
    stop: Stop,
) -> Result<Outcome, Request> {
    match stop {
        Stop::Wait => match mm.wait(core) {
            Ok(()) => Err(request.after_wait()),
            Err(_) => Ok(failed(request, End::Oom)),
        },
        Stop::NoTable => match mm.wait_for_table(core) {
            Ok(()) => Err(request),
            Err(_) => Ok(failed(request, End::Oom)),
        },
        Stop::Fallback(reason) => {
            core.note_fallback(reason);
            Ok(fault(mm, core, request))
        }
        Stop::Oom => Ok(failed(request, End::Oom)),
    }
}

/// What follows an attempt under a VMA's own lock that did not end the fault (Linux 7.2
/// `arch/x86/mm/fault.c`, `do_user_addr_fault`): whoever waited for a page has dropped the
/// lock, and goes on under mmap_lock, which it then keeps where it waits again. (The kernel
/// keeps it only where the first wait was for a read.) `None`: the VMA was replaced, or a
/// table was waited for, and the tree is to be walked again.
#[cold]
pub fn after_vma_lock<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: Request,
    stop: Stop,
) -> Option<Outcome> {
    if stop == Stop::Fallback(Fallback::VmaLockMiss) {
        core.note_fallback(Fallback::VmaLockMiss);
        return None;
    }
    match after(mm, core, request, stop) {
        Ok(outcome) => Some(outcome),
        Err(_) if stop == Stop::NoTable => None,
        Err(again) => {
            core.note_fallback(Fallback::VmaLockRetry);
            Some(fault(mm, core, again))
        }
    }
}
