//! The body of a page fault, common to all strategies: one function for each kind.
//!
//! A strategy finds and protects the VMA, then calls [`handle`] with a
//! [`Protection`] that says what it allows and what must be checked again before
//! anything is published.

mod anon;
mod any;
mod cow;
mod file;
pub mod folio;
mod map_pages;
mod outcome;
mod shared;
mod walk;
mod wp;

pub use self::outcome::{End, Fallback, Kind, Outcome, Stop};
pub use self::walk::{PteSlot, Walk};

use self::any::AnyProtection;
use super::addr::Vaddr;
use super::vma::{VmaFields, flag};
use super::{Core, Mm, stage};
use crate::LaidOut;
use crate::kernel::{Field, Layout};
use machine::Machine;

/// Load or store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
}

/// A touch that trapped. Two scalars, so that it is passed in registers: through
/// memory, narrow stores followed by one wide load cost the faults more than a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRequest {
    /// Where.
    pub addr: Vaddr,
    flags: u8,
}

// As `FAULT_FLAG_WRITE` and `FAULT_FLAG_TRIED` of the kernel.
const WRITE: u8 = 1;
const TRIED: u8 = 1 << 1;

impl FaultRequest {
    /// The first attempt of a touch.
    #[inline(always)]
    pub fn new(addr: Vaddr, access: Access) -> Self {
        Self { addr, flags: if access == Access::Write { WRITE } else { 0 } }
    }

    /// How the page was touched.
    #[inline(always)]
    pub fn access(self) -> Access {
        if self.flags & WRITE != 0 { Access::Write } else { Access::Read }
    }

    /// Whether an attempt has waited for the page already.
    #[inline(always)]
    pub fn has_waited(self) -> bool {
        self.flags & TRIED != 0
    }

    /// The attempt after one that waited for the page.
    pub fn after_wait(self) -> Self {
        Self { flags: self.flags | TRIED, ..self }
    }
}

/// Whether a read fault in a file maps what is cached (`->map_pages`) before it asks for its
/// page alone (`->fault`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapPages {
    /// Where the mapping maps pages around (Linux 7.2 `mm/memory.c`, `should_fault_around`).
    Around,
    /// Also where the window is one page, and the page alone is not asked for.
    Only,
    /// It has been tried.
    Never,
}

/// What a strategy allows a fault to do, and what it checks again.
///
/// The contract that makes an attempt without mmap_lock sound: a writer stores the
/// word that [`check_table`](Self::check_table) and [`lock_pte`](Self::lock_pte)
/// look at *before* it takes any lock of its zap; the fault looks at it *after* it
/// has that lock. If it is unchanged, the writer takes the lock later and undoes
/// what the fault has done.
pub trait Protection<M: Machine> {
    /// Where the fields of the VMA are read.
    type Vma: VmaFields + ?Sized;

    /// The VMA.
    fn vma(&self) -> &Self::Vma;

    /// Whether missing page tables may be allocated; else a fault that needs one falls
    /// back.
    fn allocates_tables(&self) -> bool;

    /// Whether the fault may wait for a page (having dropped the protection); else a
    /// page that is not there at once makes it fall back.
    fn waits(&self) -> bool;

    /// Whether a read fault in a file maps what is cached first.
    #[inline(always)]
    fn map_pages(&self) -> MapPages {
        MapPages::Around
    }

    /// Whether a table may be published; called with the lock of its parent held.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_table(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Whether the file may be called (`->fault`, `->map_pages`).
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_file(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Whether `->fault` may be called, which brings a page that `->map_pages` did not find.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_fault(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Whether a page that is mapped may be copied, and the copy put in its place.
    ///
    /// # Errors
    /// A reason to fall back.
    fn check_copy(&self) -> Result<(), Fallback> {
        Ok(())
    }

    /// Gives the VMA an `anon_vma`.
    ///
    /// # Errors
    /// A reason to fall back.
    fn prepare_anon_vma(&self, mm: &Mm<M>) -> Result<(), Fallback>;

    /// Locks a pte such that it may be published; `None` where its table is gone.
    ///
    /// # Errors
    /// A reason to fall back.
    fn lock_pte<'a>(
        &self,
        mm: &'a Mm<M>,
        walk: Walk<'a, M>,
    ) -> Result<Option<PteSlot<'a, M>>, Fallback>;
}

/// Attempts a fault until it ends. After an attempt that did not end it, `after` ends it in
/// another way, or returns the request to try again with.
#[inline(always)]
pub fn retry<M: Machine>(
    core: &mut Core<M>,
    mut request: FaultRequest,
    attempt: impl Fn(&mut Core<M>, FaultRequest) -> Result<Outcome, Stop>,
    after: impl Fn(&mut Core<M>, FaultRequest, Stop) -> Result<Outcome, FaultRequest>,
) -> Outcome {
    loop {
        core.note_attempt();
        let result = attempt(core, request);
        M::mark(stage::UNLOCK);
        match result {
            Ok(outcome) => return outcome,
            Err(stop) => match after(core, request, stop) {
                Ok(outcome) => return outcome,
                Err(again) => request = again,
            },
        }
    }
}

/// Handles a fault in a VMA that `protection` has found and protects.
///
/// # Errors
/// Where this attempt cannot end the fault. Nothing is held or published then.
#[inline(always)]
pub fn handle<M, L, P>(
    mm: &LaidOut<M, L>,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
) -> Result<Outcome, Stop>
where
    M: Machine,
    L: Layout,
    P: Protection<M, Vma: Sized>,
{
    if M::IS_TIMED {
        by_kind(mm, mm.kernel().mm.pgd, core, request, protection)
    } else {
        by_kind::<M, dyn AnyProtection<'_, M> + '_>(
            mm,
            mm.kernel().mm.pgd,
            core,
            request,
            protection,
        )
    }
}

#[inline(always)]
fn by_kind<M, P>(
    mm: &Mm<M>,
    pgd: Field,
    core: &mut Core<M>,
    request: FaultRequest,
    protection: &P,
) -> Result<Outcome, Stop>
where
    M: Machine,
    P: Protection<M> + ?Sized,
{
    let vma = protection.vma();
    let write = request.access() == Access::Write;
    match (vma.file(), write) {
        (None, false) => anon::read(mm, mm.pgd_in(pgd), core, request, protection),
        (None, true) => anon::write(mm, mm.pgd_in(pgd), core, request, protection),
        (Some(file), false) => {
            file::read(mm, mm.pgd_in(pgd), core, request, protection, &mm.files[file])
        }
        (Some(file), true) if vma.flags() & flag::SHARED == 0 => {
            cow::write(mm, mm.pgd_in(pgd), core, request, protection, &mm.files[file])
        }
        (Some(file), true) => {
            shared::write(mm, mm.pgd_in(pgd), core, request, protection, &mm.files[file])
        }
    }
}

/// Whether a VMA allows an access.
#[inline(always)]
pub fn allows(vma: &(impl VmaFields + ?Sized), access: Access) -> bool {
    access == Access::Read || vma.flags() & flag::WRITE != 0
}
