//! A thread that watches for storms that do not end.

use std::process::abort;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A storm in progress.
pub struct Running {
    pub since: Instant,
    pub failure: Box<dyn Fn(&str) + Send>,
}

/// The storm that is watched, if any.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Option<Running>>>);

impl Watch {
    /// Ends the process if a storm takes longer than `limit`: its threads cannot be stopped.
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

    /// Runs a storm; `failure` reports that it does not end.
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
