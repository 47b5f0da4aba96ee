//! Storms that do not end: a thread that looks at how long the one that runs has been at it.

use std::process::abort;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A storm that is under way.
pub struct Running {
    pub since: Instant,
    pub failure: Box<dyn Fn(&str) + Send>,
}

/// The storm that is watched, if any.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Option<Running>>>);

impl Watch {
    /// Ends the process when a storm takes longer than `limit`: its threads cannot be stopped.
    pub fn new(limit: Duration) -> Self {
        let watch = Self::default();
        let watched = watch.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_secs(1));
                let running = watched.0.lock().expect("nobody panics with it");
                if let Some(storm) = &*running
                    && storm.since.elapsed() > limit
                {
                    (storm.failure)(&format!("it has not ended after {} s", limit.as_secs()));
                    abort();
                }
            }
        });
        watch
    }

    /// Runs a storm, with `failure` to report that it does not end.
    pub fn over<R>(&self, failure: Box<dyn Fn(&str) + Send>, storm: impl FnOnce() -> R) -> R {
        self.set(Some(Running { since: Instant::now(), failure }));
        let result = storm();
        self.set(None);
        result
    }

    fn set(&self, running: Option<Running>) {
        *self.0.lock().expect("nobody panics with it") = running;
    }
}
