//! Panics of a storm as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::StormError;

/// Runs a storm. A panic outside of its threads, as in set-up or in the books, becomes its error,
/// so that the results of other storms are not lost.
pub(super) fn guarded<T>(storm: impl FnOnce() -> Result<T, StormError>) -> Result<T, StormError> {
    catch_unwind(AssertUnwindSafe(storm)).unwrap_or_else(|payload| {
        let (thread, message) = ("the storm itself".to_owned(), panic_message(&*payload));
        Err(StormError::Panicked { thread, message })
    })
}

/// Returns the message of a panic.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = text.or_else(|| payload.downcast_ref::<String>().cloned());
    message.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_error_of_its_storm() {
        let panics = || -> Result<(), StormError> { panic!("frame {} is lost", 7) };
        let error = guarded(panics).unwrap_err().to_string();
        assert_eq!(error, "thread 'the storm itself' panicked: frame 7 is lost");
        assert!(guarded(|| Ok(())).is_ok());
    }
}
