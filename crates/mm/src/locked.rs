//! The fault under mmap_lock, held for reading: every strategy falls back to it.
//!
//! It is the kernel's path before 6.4, and in later kernels if nothing else works. The lock
//! excludes all writers during the whole fault, so nothing is checked again. For I/O it pins the
//! file, drops the lock, waits, and does the fault again.

use super::fault::{
    self, Access, End, Fallback, FaultRequest, Kind, Outcome, Protection, PteSlot, Stop, Waits,
    Walk,
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
    /// Returns a VMA under mmap_lock, held for reading or for writing.
    #[inline(always)]
    pub(super) fn by_mmap_lock(vma: VmaRef<'a, M, L>) -> Self {
        Self { vma, mmap_locked: true }
    }

    /// Returns a VMA whose own lock is held.
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
    fn waits(&self) -> Waits {
        Waits::Unprotected
    }

    /// Under the VMA's own lock this is a rule of the kernel.
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

    /// Under the VMA's own lock mmap_lock is tried only for this: another VMA's `anon_vma` may be
    /// shared (Linux 6.10 and later, `mm/memory.c`, `__vmf_anon_prepare`).
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

/// Checks that a fault may lock this VMA (`mm/memory.c`, `lock_vma_under_rcu`), which is a rule of
/// the kernel.
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
    request: FaultRequest,
) -> Outcome {
    fault::retry(
        core,
        request,
        |core, request| attempt::<M, L, false>(mm, core, request),
        |core, request, stop| wait(mm, core, request, stop),
    )
}

/// One attempt at a fault under mmap_lock. `BLIND`: the lock is taken by
/// [`RwSem::read_blind`](sync::rwsem::RwSem::read_blind).
///
/// # Errors
/// The reason to stop. Nothing is held then.
#[inline(always)]
pub fn attempt<M: Machine, L: Layout, const BLIND: bool>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: FaultRequest,
) -> Result<Outcome, Stop> {
    let lock = if BLIND { mm.mmap_lock().read_blind() } else { mm.mmap_lock().read_carefully() };
    // Not needed under the lock, but every strategy pays for a read section alike. Entered after
    // the lock is taken: a core that sleeps for the lock in a section would delay all frees.
    let mut section = core.read_section();
    M::mark(stage::LOCK);
    let vma = mm.find_vma(request.addr);
    M::mark(stage::LOOKUP);
    let result = match vma {
        Some(vma) if fault::allows(&vma, request.access()) => loop {
            match fault::handle(mm, core, request, &Held::by_mmap_lock(vma)) {
                // The lock is dropped for a page only once (`fault_flag_allow_retry_first`):
                // writers in between could remove the page again and again.
                Err(Stop::Wait) if request.has_tried() => {
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
    result
}

/// Returns the outcome of a fault that maps nothing; its kind follows from the access alone.
pub fn failed(request: FaultRequest, end: End) -> Outcome {
    let kind = match request.access() {
        Access::Read => Kind::AnonRead,
        Access::Write => Kind::AnonWrite,
    };
    Outcome::new(kind, end)
}

/// Waits for the page or table that an attempt stopped for; nothing is held.
///
/// # Errors
/// The request of the next attempt.
#[cold]
fn wait<M: Machine>(
    mm: &Mm<M>,
    core: &mut Core<M>,
    request: FaultRequest,
    stop: Stop,
) -> Result<Outcome, FaultRequest> {
    let (waited, again) = match stop {
        Stop::Wait => (mm.wait(core).is_ok(), request.after_wait()),
        Stop::NoTable => (mm.wait_for_table(core).is_ok(), request),
        Stop::Oom => (false, request),
        Stop::Fallback(reason) => unreachable!("a fault under mmap_lock falls back: {reason:?}"),
    };
    if waited { Err(again) } else { Ok(failed(request, End::Oom)) }
}

/// Continues after an attempt without mmap_lock that did not end the fault: with a wait, or with
/// the fault under mmap_lock.
///
/// # Errors
/// The request of the next attempt, after a wait.
#[cold]
pub fn after<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: FaultRequest,
    stop: Stop,
) -> Result<Outcome, FaultRequest> {
    let Stop::Fallback(reason) = stop else { return wait(mm, core, request, stop) };
    core.note_fallback(reason);
    Ok(fault(mm, core, request))
}

/// Continues after an attempt under the VMA's own lock that did not end the fault (Linux 7.2
/// `arch/x86/mm/fault.c`, `do_user_addr_fault`). A fault that waited for a page has dropped the
/// lock; it goes on under mmap_lock. If it waits again it keeps that lock, but only if it first
/// waited for a page that was not cached (`VM_FAULT_MAJOR`; commit 46e714c729c8 of 6.8).
///
/// # Errors
/// The request of the next attempt: the VMA was replaced, or the fault waited for a table.
#[cold]
pub fn after_vma_lock<M: Machine, L: Layout>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: FaultRequest,
    stop: Stop,
) -> Result<Outcome, FaultRequest> {
    if stop == Stop::Fallback(Fallback::VmaLockMiss) {
        core.note_fallback(Fallback::VmaLockMiss);
        return Err(request);
    }
    let is_major = core.is_major();
    match after(mm, core, request, stop) {
        Err(again) if stop == Stop::Wait => {
            core.note_fallback(Fallback::VmaLockRetry);
            Ok(fault(mm, core, if is_major { again } else { again.not_tried() }))
        }
        ended_or_again => ended_or_again,
    }
}
