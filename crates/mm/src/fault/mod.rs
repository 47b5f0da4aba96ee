//! The body of a page fault, common to all strategies: one function for each kind.
//!
//! A strategy finds and protects the VMA, then calls [`handle`] with a
//! [`Protection`] that says what it allows and what must be checked again before
//! anything is published.

mod allowed;
mod anon;
mod any;
mod cow;
mod file;
pub mod folio;
mod large;
mod map_pages;
mod noticed;
mod numa;
mod outcome;
mod protection;
mod request;
mod shared;
mod walk;
mod wp;

pub use self::allowed::{MapPages, Waits};
pub use self::noticed::{NoticesWriters, Noticing};
pub use self::outcome::{End, Fallback, Kind, Outcome, Stop};
pub use self::protection::Protection;
pub use self::request::{Access, FaultRequest};
pub use self::walk::{PteSlot, Walk};

use self::any::AnyProtection;
use super::vma::{VmaFields, flag};
use super::{Core, Mm, stage};
use crate::LaidOut;
use crate::kernel::{Field, Layout};
use machine::Machine;

/// Attempts a fault until it ends. After an attempt that did not end it, `after` ends it in another
/// way, or returns the request of the next attempt.
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
/// The reason why this attempt cannot end the fault. Nothing is held or published then.
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
    if mm.kernel().rules.rss_by_task && mm.config.rss {
        core.rss.note_fault(&mm.rss, &mm.waiters);
    }
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
    if mm.config.numa_scans
        && let Some(outcome) = numa::hint(mm, mm.pgd_in(pgd), core, request, protection)?
    {
        return Ok(outcome);
    }
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

/// Returns true if a VMA allows an access.
#[inline(always)]
pub fn allows(vma: &(impl VmaFields + ?Sized), access: Access) -> bool {
    access == Access::Read || vma.flags() & flag::WRITE != 0
}
