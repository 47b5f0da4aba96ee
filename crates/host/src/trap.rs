//! Cost of an empty page-fault exception: entry and return, and almost nothing between.
//!
//! On x86-64 a call into the legacy vsyscall page is such an exception. Nothing there can be
//! executed, so the fetch faults, and the kernel does itself what the call would have done:
//! `emulate_vsyscall` (arch/x86/entry/vsyscall/vsyscall_64.c), called by `do_user_addr_fault`
//! (arch/x86/mm/fault.c) before that function looks for a VMA or takes a lock. Of the three calls
//! `time` does least: it loads the seconds.
//!
//! The result is an upper bound of an empty exception, because the emulation also reads the return
//! address, asks seccomp, which runs its filters if there are any, and loads the time.

use super::Roots;
use super::clock::Clock;

/// Reason why the cost of an empty exception cannot be measured.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoTrap {
    /// Not x86-64.
    #[error("only x86-64 has an instruction that faults before the kernel looks for a VMA")]
    Architecture,
    /// `vsyscall=none`, or a sandbox without the page.
    #[error(
        "the kernel has no vsyscall page to call (/proc/self/maps): it was booted with \
         vsyscall=none; vsyscall=xonly has one"
    )]
    NoPage,
    /// `vsyscall=native` is possible (it was removed by commit 076ca272a14c, in 4.16).
    #[error("Linux {0} may run the vsyscall page without an exception: 4.16 is the first not to")]
    MayBeNative(String),
    /// Linear address space separation.
    #[error(
        "the CPU refuses fetches from the kernel's half by a protection fault (LASS), which is \
         not a page fault"
    )]
    Lass,
    /// A thread cannot be pinned to this CPU.
    #[error("a thread cannot be pinned to CPU {0}")]
    Pin(usize),
}

/// Calls the vsyscall page many times on each CPU in turn. Returns the nanoseconds of one call, for
/// each batch.
///
/// # Errors
/// If such a call is not an empty exception, or a CPU cannot be used.
pub fn costs_ns(clock: Clock, cpus: &[usize]) -> Result<Vec<f64>, NoTrap> {
    costs_where(&Roots::default(), clock, cpus)
}

#[cfg(not(target_arch = "x86_64"))]
fn costs_where(_: &Roots, _: Clock, _: &[usize]) -> Result<Vec<f64>, NoTrap> {
    Err(NoTrap::Architecture)
}

#[cfg(target_arch = "x86_64")]
use vsyscall::costs_where;

#[cfg(target_arch = "x86_64")]
mod vsyscall {
    use std::ptr;
    use std::thread;

    use super::super::{affinity, field, kernel_locks, text};
    use super::{Clock, NoTrap, Roots};

    /// Address of `time` in the vsyscall page (arch/x86/include/uapi/asm/vsyscall.h).
    const TIME: usize = 0xffff_ffff_ff60_0400;
    /// Calls in one batch, and batches on each CPU.
    const CALLS: u32 = 500;
    const BATCHES: usize = 41;

    type Time = unsafe extern "C" fn(*mut libc::time_t) -> libc::time_t;

    pub(super) fn costs_where(
        roots: &Roots,
        clock: Clock,
        cpus: &[usize],
    ) -> Result<Vec<f64>, NoTrap> {
        is_a_trap(roots)?;
        let on = |&cpu: &usize| {
            thread::scope(|scope| scope.spawn(|| batches(clock, cpu)).join())
                .expect("the calls do not panic")
        };
        Ok(cpus.iter().map(on).collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn batches(clock: Clock, cpu: usize) -> Result<Vec<f64>, NoTrap> {
        affinity::pin(cpu).map_err(|_| NoTrap::Pin(cpu))?;
        let batch = || {
            let from = clock.start();
            (0..CALLS).for_each(|_| exception());
            clock.delta_ns(from, clock.end()) / f64::from(CALLS)
        };
        // The first batch fills the caches.
        batch();
        Ok((0..BATCHES).map(|_| batch()).collect())
    }

    /// Calls `time` in the vsyscall page. Only if [`is_a_trap`] succeeds.
    fn exception() {
        let time = ptr::with_exposed_provenance::<()>(TIME);
        // SAFETY: the kernel handles a call of this address as the function that used to be there
        // would, by the C calling convention: old programs rely on it.
        let time = unsafe { std::mem::transmute::<*const (), Time>(time) };
        // SAFETY: with a null pointer `time` writes nothing.
        unsafe { time(ptr::null_mut()) };
    }

    /// Checks that the page can be called and that a call is a page fault.
    pub(super) fn is_a_trap(roots: &Roots) -> Result<(), NoTrap> {
        let maps = text(roots.proc.join("self/maps")).unwrap_or_default();
        let mut page = maps.lines().filter(|line| line.ends_with("[vsyscall]"));
        let executable = |line: &str| line.split(' ').nth(1).is_some_and(|may| may.contains('x'));
        if !page.any(executable) {
            return Err(NoTrap::NoPage);
        }
        let release = text(roots.proc.join("sys/kernel/osrelease")).unwrap_or_default();
        if kernel_locks::version(&release).is_none_or(|version| version < (4, 16)) {
            return Err(NoTrap::MayBeNative(release));
        }
        let cpuinfo = text(roots.proc.join("cpuinfo")).unwrap_or_default();
        let flags = field(&cpuinfo, "flags").unwrap_or_default();
        if flags.split(' ').any(|flag| flag == "lass") {
            return Err(NoTrap::Lass);
        }
        Ok(())
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::super::fixture::FakeMachine;
    use super::vsyscall::is_a_trap;
    use super::*;

    const XONLY: &str = "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]";

    fn found(maps: &str, release: &str, flags: &str) -> Result<(), NoTrap> {
        let cpuinfo = format!("processor\t: 0\nflags\t\t: fpu {flags}");
        let files = [
            ("proc/self/maps", maps),
            ("proc/sys/kernel/osrelease", release),
            ("proc/cpuinfo", &cpuinfo),
        ];
        is_a_trap(&FakeMachine::of(&files).roots())
    }

    #[test]
    fn a_call_is_a_trap_where_the_page_may_be_called_and_never_runs() {
        assert_eq!(found(XONLY, "6.18.0", "sse2"), Ok(()));
        assert_eq!(found(&XONLY.replace("--xp", "r-xp"), "4.16.0", ""), Ok(()));
        assert_eq!(found("7f00-7f01 r-xp 0 00:00 0    [vdso]", "6.18.0", ""), Err(NoTrap::NoPage));
        assert_eq!(found(XONLY, "6.19.0", "sse2 lass"), Err(NoTrap::Lass));
        let old = Err(NoTrap::MayBeNative("4.15.18".to_owned()));
        assert_eq!(found(XONLY, "4.15.18", ""), old);
    }

    #[test]
    fn every_batch_on_every_cpu_has_a_price() {
        let cpus = super::super::affinity::allowed_cpus().unwrap();
        match costs_ns(Clock::new(), &cpus) {
            Ok(costs) => {
                assert!(costs.len().is_multiple_of(cpus.len()) && costs.len() > cpus.len());
                // A call inside the program takes a nanosecond or two.
                assert!(costs.iter().all(|ns| *ns > 10.0), "{costs:?}");
            }
            Err(why) => assert_eq!(is_a_trap(&Roots::default()), Err(why)),
        }
    }
}
