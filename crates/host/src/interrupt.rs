//! Ctrl-C and `SIGTERM`: the first ends the run after the current storm, the second at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::exit::Exit;

/// The user's request to end the run. All clones share it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes over Ctrl-C, `SIGTERM` and `SIGHUP` for the whole process. The first signal sets the
    /// flag and reports it on standard error; the second exits at once with [`Exit::Interrupted`].
    ///
    /// This includes signals that were ignored before: under `nohup`, too, a lost terminal ends the
    /// run after the current storm.
    ///
    /// The handler runs on its own thread, which inherits the caller's affinity: install it before
    /// any thread is pinned.
    ///
    /// # Errors
    ///
    /// If a handler is already installed, or the system refuses one.
    pub fn install() -> Result<Interrupt, ctrlc::Error> {
        let interrupt = Interrupt::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || {
            if handler.request() {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
            eprintln!("interrupted: the run ends after this storm (again: at once)");
        })?;
        Ok(interrupt)
    }

    /// True if the run should end after the current storm.
    ///
    /// # Ordering
    ///
    /// Relaxed: the flag publishes no other data.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Asks the run to end; returns true if that was already asked.
    fn request(&self) -> bool {
        self.requested.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_one_request_and_the_second_is_told_apart() {
        let interrupt = Interrupt::default();
        let seen_elsewhere = interrupt.clone();
        assert!(!seen_elsewhere.requested());
        assert!(!interrupt.request());
        assert!(seen_elsewhere.requested());
        assert!(interrupt.request());
    }
}
