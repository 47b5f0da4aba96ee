//! The user's request to end: Ctrl-C, `SIGTERM`, `SIGHUP`.
//!
//! A command that has nothing to save ends at once. One that has [defers](defer) the end: storms
//! stop, the document is written, and the process exits by itself. It has [`GRACE`] for that,
//! since it may wait for a disk, or for a terminal that nobody reads; then, or on a second signal,
//! the process is ended.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use base::exit::Exit;

/// Time from the first signal to the end of the process, at the latest.
pub const GRACE: Duration = Duration::from_millis(900);

/// Time that the hooks have before the process ends without them.
const HOOKS_TIME: Duration = Duration::from_millis(80);

static IS_REQUESTED: AtomicBool = AtomicBool::new(false);
static IS_DEFERRED: AtomicBool = AtomicBool::new(false);
static HOOKS: Mutex<Vec<(u64, When, Action)>> = Mutex::new(Vec::new());

type Action = Box<dyn Fn() + Send>;

/// The moment at which a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After the first signal, if the end is deferred.
    Requested,
    /// Before the process is ended.
    Ended,
}

/// Runs an action on a signal, until it is dropped.
#[derive(Debug)]
pub struct Hook(u64);

impl Hook {
    /// Registers `action`, which must not block.
    pub fn new(when: When, action: impl Fn() + Send + 'static) -> Hook {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        hooks().push((number, when, Box::new(action)));
        Hook(number)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        hooks().retain(|(number, ..)| *number != self.0);
    }
}

fn hooks() -> std::sync::MutexGuard<'static, Vec<(u64, When, Action)>> {
    // A hook that panics leaves the list whole.
    HOOKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over Ctrl-C, `SIGTERM` and `SIGHUP` for the whole process, also if they were ignored:
/// under `nohup`, too, a lost terminal ends the run. `SIGXFSZ` is ignored, so that a file that
/// may not grow is an error of its write.
///
/// The handler runs on its own thread, which inherits the caller's affinity: install it before
/// any thread is pinned.
///
/// # Errors
///
/// If a handler is already installed, or the system refuses one.
pub fn install() -> Result<(), ctrlc::Error> {
    // SAFETY: to ignore a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    ctrlc::set_handler(|| {
        if !IS_DEFERRED.load(Ordering::Relaxed) || IS_REQUESTED.swap(true, Ordering::Relaxed) {
            end();
        }
        // Without a thread for it the next signal ends the process.
        let _ = thread::Builder::new().name("deadline".into()).spawn(|| {
            thread::sleep(GRACE);
            end();
        });
        run_hooks(When::Requested);
        say("interrupted: the run ends (again: at once)\n");
    })
}

/// Defers the end of the process, for a command that has results to save.
pub fn defer() {
    IS_DEFERRED.store(true, Ordering::Relaxed);
}

/// True if the user asked for the end.
///
/// # Ordering
///
/// Relaxed: the flag publishes no other data.
#[inline]
pub fn is_requested() -> bool {
    IS_REQUESTED.load(Ordering::Relaxed)
}

/// Ends the process with [`Exit::Interrupted`], after the hooks. Flushes nothing, since that may
/// block.
fn end() -> ! {
    let (done, is_done) = std::sync::mpsc::channel();
    let hooks = thread::Builder::new().spawn(move || {
        run_hooks(When::Ended);
        let _ = done.send(());
    });
    if hooks.is_ok() {
        let _ = is_done.recv_timeout(HOOKS_TIME);
    }
    // SAFETY: it ends the process, and runs no code of ours.
    unsafe { libc::_exit(i32::from(Exit::Interrupted.code())) }
}

fn run_hooks(at: When) {
    hooks().iter().filter(|(_, when, _)| *when == at).for_each(|(.., action)| action());
}

/// Writes a message to standard error if that does not block.
fn say(message: &str) {
    let stderr = std::io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0) {
        let _ = rustix::io::write(stderr.as_fd(), message.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_hook_runs_at_its_moment_until_it_is_dropped() {
        let count = Arc::new(AtomicU64::new(0));
        let seen = count.clone();
        let add = move || {
            seen.fetch_add(1, Ordering::Relaxed);
        };
        let hook = Hook::new(When::Requested, add);
        run_hooks(When::Ended);
        assert_eq!(count.load(Ordering::Relaxed), 0);
        run_hooks(When::Requested);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        drop(hook);
        run_hooks(When::Requested);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
