//! The kernel's events of a storm, if they are recorded.

use super::super::Recording;
use host::Roots;
use host::events::{EventCounts, PerfEvents};
use std::sync::{Mutex, PoisonError};

/// Counts of events, or why there are none; `None` if none were asked for.
pub type RecordedEvents = Option<Result<EventCounts, String>>;

/// Events of a thread.
pub(super) struct ThreadEvents(Option<Result<PerfEvents, String>>);

/// Events of all threads together.
#[derive(Default)]
pub(super) struct EventsSum(Mutex<RecordedEvents>);

impl ThreadEvents {
    /// Those of the calling thread, off.
    pub fn open(recording: Recording) -> Self {
        Self((recording == Recording::Lines).then(|| PerfEvents::open(&Roots::default())))
    }

    /// Counts from here.
    pub fn on(&mut self) {
        if let Some(Ok(events)) = &mut self.0
            && let Err(error) = events.enable()
        {
            self.0 = Some(Err(failed(&error)));
        }
    }

    /// Returns the counts.
    pub fn read(self) -> RecordedEvents {
        Some(self.0?.and_then(|mut events| events.read().map_err(|error| failed(&error))))
    }
}

impl EventsSum {
    /// Adds a thread's: what one lacks all lack.
    pub fn add(&self, own: RecordedEvents) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sum = match (sum.take(), own) {
            (Some(Ok(others)), Some(Ok(own))) => Some(Ok(others.plus(&own))),
            (Some(Err(why)), _) | (_, Some(Err(why))) => Some(Err(why)),
            (others, own) => others.or(own),
        };
    }

    /// Returns the sum so far.
    pub fn get(&self) -> RecordedEvents {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn failed(error: &std::io::Error) -> String {
    format!("the kernel's events failed: {error}")
}
