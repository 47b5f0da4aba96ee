//! Sizes and times with units: `"1GiB"`, `"80us"`.
//!
//! Sizes are in bytes, times in nanoseconds. Both are whole numbers, so that a printed value is
//! read back unchanged.

use super::limits::TIME_MAX_NS;
use std::fmt;

/// Units of sizes and their bytes, smallest first.
const SIZES: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
/// Units of times and their nanoseconds, smallest first.
const TIMES: [(&str, u64); 4] = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
/// Other spellings of these units.
const FOREIGN: [(&str, &str); 20] = [
    ("b", "B"),
    ("byte", "B"),
    ("bytes", "B"),
    ("k", "KiB"),
    ("kb", "KiB"),
    ("m", "MiB"),
    ("mb", "MiB"),
    ("g", "GiB"),
    ("gb", "GiB"),
    ("t", "TiB"),
    ("tb", "TiB"),
    ("nsec", "ns"),
    ("usec", "us"),
    ("µs", "us"),
    ("μs", "us"),
    ("msec", "ms"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
];

/// The reason why a text is not a size or a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnitError {
    /// The mistake, with the text in quotes.
    pub problem: String,
    /// The right form.
    pub help: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem, self.help)
    }
}

/// Returns the bytes of a text such as `4KiB`, `1.5GiB` or `0`.
///
/// # Errors
///
/// No number, no unit, a unit that is not one of `B`, `KiB`, `MiB`, `GiB` and
/// `TiB`, a part of a byte, or more than 64 bits hold.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    parse(text, &SIZES, "size")
}

/// Returns the nanoseconds of a text such as `80us`, `1.5ms` or `0`.
///
/// # Errors
///
/// No number, no unit, a unit that is not one of `ns`, `us`, `ms` and `s`, a
/// part of a nanosecond, or more than an hour.
pub fn parse_time(text: &str) -> Result<u64, UnitError> {
    match parse(text, &TIMES, "time")? {
        ns if ns <= TIME_MAX_NS => Ok(ns),
        _ => Err(UnitError {
            problem: format!("the time \"{text}\" is longer than an hour"),
            help: format!("write \"{}\" or less", print_time(TIME_MAX_NS)),
        }),
    }
}

/// Prints bytes in the largest unit that divides them: `1GiB`, `1536MiB`, `0B`.
pub fn print_size(bytes: u64) -> String {
    print(bytes, &SIZES)
}

/// Prints nanoseconds in the largest unit that divides them: `80us`, `1500us`, `0ns`.
pub fn print_time(ns: u64) -> String {
    print(ns, &TIMES)
}

/// Prints bytes rounded up to a tenth of the largest unit below them: `1.3GiB`. The exact value
/// cannot be read back.
pub fn approximate_size(bytes: u64) -> String {
    let (unit, factor) =
        SIZES.iter().rev().find(|(_, factor)| bytes >= *factor).unwrap_or(&SIZES[0]);
    let tenths = (u128::from(bytes) * 10).div_ceil(u128::from(*factor));
    if tenths.is_multiple_of(10) {
        format!("{}{unit}", tenths / 10)
    } else {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    }
}

fn print(value: u64, units: &[(&str, u64)]) -> String {
    let divides = |factor: &u64| value != 0 && value.is_multiple_of(*factor);
    let (unit, factor) =
        units.iter().rev().find(|(_, factor)| divides(factor)).unwrap_or(&units[0]);
    format!("{}{unit}", value / factor)
}

fn parse(text: &str, units: &[(&str, u64)], what: &str) -> Result<u64, UnitError> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit() && c != '.') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let fail = |problem: String, help: String| Err(UnitError { problem, help });
    let example = if what == "size" { "\"4KiB\" or \"1GiB\"" } else { "\"80us\" or \"50ms\"" };
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return fail(format!("\"{text}\" is not a {what}"), right_form(what, units, example));
    }
    let factor = match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() && number == "0" => 1,
        None if unit.is_empty() => {
            let help = format!("write {}", suggestions(number, units, what));
            return fail(format!("the {what} \"{text}\" has no unit"), help);
        }
        None => {
            let meant = near_unit(unit.trim(), units);
            let help = match meant {
                Some(meant) => format!("write \"{number}{meant}\""),
                None => right_form(what, units, example),
            };
            return fail(format!("unknown unit \"{unit}\" in the {what} \"{text}\""), help);
        }
    };
    let Some(value) = scale(number, factor) else {
        let smallest = if what == "size" { "a whole byte" } else { "a whole nanosecond" };
        let help = format!("a {what} is {smallest} or more, and less than 2^64 of them");
        return fail(format!("the {what} \"{text}\" cannot be held"), help);
    };
    Ok(value)
}

/// Returns `number * factor` if the product is a whole number of 64 bits.
fn scale(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let digits = u32::try_from(fraction.len()).ok()?;
    let fraction = u128::from(fraction.parse::<u64>().ok()?) * u128::from(factor);
    let divisor = 10_u128.checked_pow(digits)?;
    if !fraction.is_multiple_of(divisor) {
        return None;
    }
    whole.checked_add(u64::try_from(fraction / divisor).ok()?)
}

fn near_unit<'a>(unit: &str, units: &[(&'a str, u64)]) -> Option<&'a str> {
    let lower = unit.to_lowercase();
    let foreign = FOREIGN.iter().find(|(name, _)| *name == lower).map(|(_, meant)| *meant);
    let meant = |name: &str| name.to_lowercase() == lower || foreign == Some(name);
    units.iter().map(|(name, _)| *name).find(|name| meant(name))
}

fn right_form(what: &str, units: &[(&str, u64)], example: &str) -> String {
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    format!("a {what} is a number and one of the units {}: {example}", names.join(", "))
}

fn suggestions(number: &str, units: &[(&str, u64)], what: &str) -> String {
    // A large size without a unit is meant in bytes, as in other tools.
    if let (Ok(bytes), "size") = (number.parse::<u64>(), what)
        && bytes >= 1 << 20
    {
        return format!("\"{}\" for {bytes} bytes", print_size(bytes));
    }
    let forms: Vec<String> =
        units.iter().map(|(unit, _)| format!("\"{number}{unit}\"")).take(4).collect();
    let (last, first) = forms.split_last().expect("there are four units of each kind");
    format!("{} or {last}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("1.5KiB"), Ok(1536));
        assert_eq!(parse_size("0"), Ok(0));
        assert_eq!(parse_time("80us"), Ok(80_000));
        assert_eq!(parse_time("0.25s"), Ok(250_000_000));
    }

    #[test]
    fn refuses_and_shows_the_right_form() {
        let of = |text| parse_size(text).unwrap_err().to_string();
        assert_eq!(of("4KB"), "unknown unit \"KB\" in the size \"4KB\": write \"4KiB\"");
        assert_eq!(
            of("40"),
            "the size \"40\" has no unit: write \"40B\", \"40KiB\", \"40MiB\" or \"40GiB\""
        );
        assert!(of("-1KiB").starts_with("\"-1KiB\" is not a size"));
        assert!(of("").starts_with("\"\" is not a size"));
        assert!(of("1.3B").starts_with("the size \"1.3B\" cannot be held"));
        assert!(of("99999999TiB").starts_with("the size \"99999999TiB\" cannot be held"));
        assert!(parse_time("1.2.3ms").is_err());
        assert_eq!(parse_time("1 ms").unwrap_err().help, "write \"1ms\"");
    }

    #[test]
    fn a_large_bare_size_is_meant_in_bytes() {
        assert_eq!(
            parse_size("1073741824").unwrap_err().help,
            "write \"1GiB\" for 1073741824 bytes"
        );
    }

    #[test]
    fn rounds_up_for_reading() {
        assert_eq!(approximate_size(0), "0B");
        assert_eq!(approximate_size(1 << 30), "1GiB");
        assert_eq!(approximate_size((1 << 30) + 1), "1.1GiB");
    }

    proptest! {
        #[test]
        fn sizes_round_trip(bytes: u64) {
            prop_assert_eq!(parse_size(&print_size(bytes)), Ok(bytes));
        }

        #[test]
        fn times_round_trip(count in 0_u64..3600, unit in 0_usize..4) {
            let ns = count * TIMES[unit].1;
            prop_assert_eq!(parse_time(&print_time(ns)), Ok(ns));
        }

        #[test]
        fn never_panics(text: String) {
            let _ = (parse_size(&text), parse_time(&text));
        }
    }
}
