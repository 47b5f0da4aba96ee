//! Durations on the command line: `100ms`, `1.5s`, `80us`.

use std::fmt;
use std::str::FromStr;

/// A time in nanoseconds, written as in workload files: a number and `ns`, `us`,
/// `ms` or `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub u64);

/// Units with their nanoseconds, the largest first.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000), ("ns", 1)];

/// What is wrong with a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NanosError {
    /// Not a number in front of the unit.
    #[error("'{0}' is not a duration: write a number and a unit, as '100ms' or '1.5s'")]
    NotADuration(String),
    /// A number without a unit, or with another one.
    #[error("'{0}' has no unit of time: write '{1}ns', '{1}us', '{1}ms' or '{1}s'")]
    Unit(String, String),
    /// A fraction of a nanosecond.
    #[error("'{0}' is finer than a nanosecond")]
    TooFine(String),
    /// More than 584 years.
    #[error("'{0}' is too long")]
    TooLong(String),
}

impl FromStr for Nanos {
    type Err = NanosError;

    fn from_str(text: &str) -> Result<Nanos, NanosError> {
        let not_a_duration = || NanosError::NotADuration(text.into());
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(not_a_duration());
        }
        let Some(&(_, unit_ns)) = UNITS.iter().find(|(name, _)| *name == unit.trim()) else {
            return Err(NanosError::Unit(text.into(), number.into()));
        };
        let fraction = fraction.trim_end_matches('0');
        // No unit has more than nine digits behind the point.
        let Some(scale) = 10u64.checked_pow(fraction.len() as u32).filter(|s| unit_ns % s == 0)
        else {
            return Err(NanosError::TooFine(text.into()));
        };
        let fraction_ns = fraction.parse().unwrap_or(0) * (unit_ns / scale);
        whole
            .parse::<u64>()
            .ok()
            .and_then(|whole| whole.checked_mul(unit_ns)?.checked_add(fraction_ns))
            .map(Nanos)
            .ok_or_else(|| NanosError::TooLong(text.into()))
    }
}

/// In the largest unit of which it is a whole number: `1500ms`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, unit_ns)| self.0.is_multiple_of(*unit_ns));
        let (name, unit_ns) = whole.expect("every time is a whole number of ns");
        write!(f, "{}{name}", self.0 / unit_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(text: &str) -> u64 {
        text.parse::<Nanos>().unwrap_or_else(|e| panic!("{text}: {e}")).0
    }

    fn error(text: &str) -> String {
        text.parse::<Nanos>().expect_err(text).to_string()
    }

    #[test]
    fn numbers_with_units() {
        assert_eq!(ns("100ms"), 100_000_000);
        assert_eq!(ns("0s"), 0);
        assert_eq!(ns("1.5s"), 1_500_000_000);
        assert_eq!(ns("0.25us"), 250);
        assert_eq!(ns("2.0ns"), 2);
        assert_eq!(ns("7 us"), 7000);
        assert_eq!(ns("1.000000000000000s"), 1_000_000_000);
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        assert!(error("100").contains("write '100ns', '100us', '100ms' or '100s'"));
        assert!(error("3min").contains("'3min' has no unit of time"));
        assert!(error("soon").contains("'soon' is not a duration"));
        assert!(error("").contains("is not a duration"));
        assert!(error("-1s").contains("is not a duration"));
        assert!(error("1.s").contains("is not a duration"));
        assert!(error("1.2.3s").contains("is not a duration"));
        assert!(error("1.5ns").contains("finer than a nanosecond"));
        assert!(error("0.0000000001s").contains("finer than a nanosecond"));
        assert!(error("1.00000000000000000000001s").contains("finer than a nanosecond"));
        assert!(error("18446744074s").contains("too long"));
        assert!(error("99999999999999999999ns").contains("too long"));
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        for (text, shown) in [("1.5s", "1500ms"), ("60s", "60s"), ("1001ns", "1001ns")] {
            let nanos: Nanos = text.parse().unwrap();
            assert_eq!(nanos.to_string(), shown);
            assert_eq!(shown.parse(), Ok(nanos));
        }
        assert_eq!(Nanos(0).to_string(), "0s");
    }
}
