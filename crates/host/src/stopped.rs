//! Stops of the whole process: `SIGSTOP`, or Ctrl-Z in a shell.
//!
//! A process is not told of its stop, but when it goes on (`SIGCONT`). Time passes meanwhile, so a
//! rate that was being measured is too low, and a thread only seems to be stuck.

use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

extern "C" fn goes_on(_: libc::c_int) {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// Counts the stops of the process from here on.
pub fn install() {
    let handler: extern "C" fn(libc::c_int) = goes_on;
    // SAFETY: the action is zeroed but for what is set, which is valid for all its fields. The
    // handler only adds to an atomic number, as a handler may at any moment.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        // A system call that the stop interrupted is restarted, as without a handler.
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGCONT, &action, std::ptr::null_mut());
    }
}

/// Returns how often the process has gone on after a stop.
///
/// # Ordering
///
/// Relaxed: the number publishes no other data.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};

    #[test]
    fn it_is_noticed_that_the_process_goes_on() {
        install();
        let before = count();
        kill_process(getpid(), Signal::CONT).expect("it is this process");
        while count() == before {
            std::thread::yield_now();
        }
        assert_eq!(count(), before + 1);
    }
}
