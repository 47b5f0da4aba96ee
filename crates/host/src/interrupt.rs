//! Ctrl-C and `SIGTERM`: the run ends at the next boundary, or at once when asked twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::exit::Exit;

/// Whether the user has asked the run to end. Clones see the same request.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes over Ctrl-C, `SIGTERM` and `SIGHUP` for the whole process. The first sets
    /// the flag and says so on standard error; the second exits at once with
    /// [`Exit::Interrupted`].
    ///
    /// This holds for signals that were ignored before, too: under `nohup` a lost
    /// terminal ends the run at the next boundary.
    ///
    /// The handler runs on a thread of its own, which inherits the affinity of the
    /// caller: install it before pinning anything.
    ///
    /// # Errors
    ///
    /// Where a handler is already installed, or the system refuses one.
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

    /// Whether the run should end at the next boundary.
    ///
    /// # Ordering
    ///
    /// Relaxed: the flag publishes nothing but itself.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Asks the run to end; says whether it had been asked before.
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
