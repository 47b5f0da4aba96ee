//! Touches of addresses that are not mapped, or not for that access: they end in a signal, which
//! here steps over the instruction and counts.
//!
//! So a touch is always the same instruction, known by its bytes and its register. A signal
//! from anywhere else goes to its former handler.

use super::super::StormError;
use std::cell::Cell;
use std::sync::OnceLock;

/// Touches that ended in a signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Missed {
    /// Nothing mapped there, or not for this access.
    pub segv: u64,
    /// After the end of the file.
    pub sigbus: u64,
}

thread_local! {
    /// Without a destructor and made by the compiler, so a handler may use it.
    static MISSED: Cell<Missed> = const { Cell::new(Missed { segv: 0, sigbus: 0 }) };
}

/// Touches of the calling thread that have ended in a signal so far.
#[inline(always)]
pub(super) fn missed() -> Missed {
    MISSED.get()
}

/// True if a touch that ends in a signal can be stepped over on this machine.
pub(super) const CAN_STEP_OVER: bool = cfg!(target_arch = "x86_64");

/// Loads a byte.
///
/// # Safety
/// Nobody holds a reference to it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn load(address: u64) {
    // SAFETY: it reads a byte that no Rust object is in; if it cannot, the handler
    // steps over it.
    unsafe {
        std::arch::asm!(
            "mov al, byte ptr [rdi]", in("rdi") address, out("al") _,
            options(nostack, preserves_flags, readonly)
        );
    }
}

/// Stores a byte, which is 0 as in will-it-scale.
///
/// # Safety
/// No Rust object is there.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn store(address: u64) {
    // SAFETY: it writes a byte that no Rust object is in; if it cannot, the handler
    // steps over it.
    unsafe {
        std::arch::asm!(
            "mov byte ptr [rdi], 0", in("rdi") address,
            options(nostack, preserves_flags)
        );
    }
}

/// Loads a byte.
///
/// # Safety
/// It is mapped, and no Rust reference to it exists.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) unsafe fn load(address: u64) {
    let byte = std::ptr::with_exposed_provenance::<u8>(address as usize);
    // SAFETY: as the caller says.
    std::hint::black_box(unsafe { byte.read_volatile() });
}

/// Stores a byte.
///
/// # Safety
/// It is mapped, and no Rust object is there.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(super) unsafe fn store(address: u64) {
    let byte = std::ptr::with_exposed_provenance_mut::<u8>(address as usize);
    // SAFETY: as the caller says.
    unsafe { byte.write_volatile(0) };
}

/// Takes the signals over, once for the process.
pub(super) fn install() -> Result<(), StormError> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    INSTALLED.get_or_init(take_over).clone().map_err(StormError::Machine)
}

#[cfg(not(target_arch = "x86_64"))]
fn take_over() -> Result<(), String> {
    Ok(())
}

#[cfg(target_arch = "x86_64")]
use self::x86_64::take_over;

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::MISSED;
    use crate::plan::BASE;
    use libc::{
        REG_RDI, REG_RIP, SIGBUS, SIGSEGV, c_int, c_void, sigaction, siginfo_t, ucontext_t,
    };
    use std::mem::zeroed;
    use std::ptr::{null, null_mut};
    use std::sync::OnceLock;

    /// `mov al, byte ptr [rdi]`.
    const LOAD: &[u8] = &[0x8a, 0x07];
    /// `mov byte ptr [rdi], 0`.
    const STORE: &[u8] = &[0xc6, 0x07, 0x00];

    /// The former handlers of SIGSEGV and SIGBUS.
    static BEFORE: OnceLock<[sigaction; 2]> = OnceLock::new();

    pub(super) fn take_over() -> Result<(), String> {
        let mut before = Vec::new();
        for signal in [SIGSEGV, SIGBUS] {
            // SAFETY: zeroes are a valid `sigaction`, and the call only writes it.
            let mut old: sigaction = unsafe { zeroed() };
            // SAFETY: without a new action it only asks.
            if unsafe { sigaction(signal, null(), &mut old) } != 0 {
                return Err(format!("cannot ask for signal {signal}"));
            }
            before.push(old);
        }
        let before = <[sigaction; 2]>::try_from(before).unwrap_or_else(|_| unreachable!("two"));
        BEFORE.get_or_init(|| before);
        for signal in [SIGSEGV, SIGBUS] {
            // SAFETY: zeroes are a valid `sigaction`: no flags, an empty mask.
            let mut new: sigaction = unsafe { zeroed() };
            new.sa_sigaction = handle as *const () as usize;
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // SAFETY: the handler has the form that SA_SIGINFO asks for, and does only what
            // a handler may.
            if unsafe { sigaction(signal, &new, null_mut()) } != 0 {
                return Err(format!("cannot take over signal {signal}"));
            }
        }
        Ok(())
    }

    extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel hands over both, for as long as the handler runs.
        let (address, registers) = unsafe {
            let context = &mut *context.cast::<ucontext_t>();
            ((*info).si_addr() as u64, &mut context.uc_mcontext.gregs)
        };
        let register = |number: c_int| registers[number as usize] as u64;
        if address >= BASE && address == register(REG_RDI) {
            let at = std::ptr::with_exposed_provenance::<u8>(register(REG_RIP) as usize);
            // SAFETY: the instruction was being executed, so its bytes can be read; the next
            // page is read only if the first two are those of a longer one.
            let is =
                |bytes: &[u8]| bytes.iter().enumerate().all(|(n, b)| unsafe { *at.add(n) == *b });
            let known = [LOAD, STORE].into_iter().find(|bytes| is(bytes));
            if let Some(bytes) = known {
                registers[REG_RIP as usize] += bytes.len() as i64;
                let mut missed = MISSED.get();
                if signal == SIGSEGV {
                    missed.segv += 1
                } else {
                    missed.sigbus += 1
                }
                MISSED.set(missed);
                return;
            }
        }
        // The instruction is done again, and its signal goes to the former handler.
        if let Some(before) = BEFORE.get() {
            let old = &before[usize::from(signal == SIGBUS)];
            // SAFETY: it was the action before.
            unsafe { sigaction(signal, old, null_mut()) };
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn touches_of_nothing_are_stepped_over_and_counted() {
        install().unwrap();
        let before = missed();
        // Far above everything that a test maps, and below the end of the address space.
        let nowhere = (1 << 46) - (1 << 30) + 4096;
        // SAFETY: nothing is there.
        unsafe {
            load(nowhere);
            store(nowhere);
        }
        let found = missed();
        assert_eq!((found.segv - before.segv, found.sigbus), (2, before.sigbus));
    }
}
