//! Numbers as text, with units. ASCII throughout: tables end up in mails.

use document::run::RatedEvent;

/// Returns three significant digits: `0.0123`, `1.23`, `12.3`, `1230`.
pub(crate) fn digits(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size == 0.0 => "0".to_owned(),
        _ if size < 0.0005 => format!("{value:.0e}"),
        _ if size < 0.09995 => format!("{value:.4}"),
        _ if size < 9.995 => format!("{value:.2}"),
        _ if size < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Returns a rate per second: `12.3 M/s`.
pub(crate) fn rate(per_s: f64) -> String {
    let (value, unit) =
        scaled(per_s, &[(999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (999.5, 1e3, "k")]);
    format!("{} {unit}/s", digits(value))
}

/// Returns a rate with what it is of: `12.3 M/s` are faults, `275 k mmap/s` operations.
pub(crate) fn rate_of(counted: &RatedEvent, per_s: f64) -> String {
    let text = rate(per_s);
    match counted {
        RatedEvent::Faults => text,
        RatedEvent::Op(name) => format!("{} {name}/s", text.trim_end_matches("/s").trim_end()),
    }
}

/// Returns the heading of rates: `faults per second`, `mmap/s`.
pub(crate) fn per_second(counted: &RatedEvent) -> String {
    match counted {
        RatedEvent::Faults => "faults per second".to_owned(),
        RatedEvent::Op(name) => format!("{name}/s"),
    }
}

/// Returns a time given in nanoseconds: `123 ns`, `1.23 us`.
pub(crate) fn nanoseconds(ns: f64) -> String {
    let (value, unit) =
        scaled(ns, &[(999.5e6, 1e9, "s"), (999.5e3, 1e6, "ms"), (999.5, 1e3, "us")]);
    match unit {
        "" => format!("{value:.0} ns"),
        unit => format!("{} {unit}", digits(value)),
    }
}

/// Returns a time with all its digits and no space: `20us`, `1.5ms`.
pub(crate) fn exact_time(ns: f64) -> String {
    let (value, unit) = scaled(ns, &[(1e9, 1e9, "s"), (1e6, 1e6, "ms"), (1e3, 1e3, "us")]);
    format!("{value}{}", if unit.is_empty() { "ns" } else { unit })
}

/// Returns a count of bytes: `32.0 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const KIB: f64 = 1024.0;
    let steps =
        [(KIB.powi(3), KIB.powi(3), "GiB"), (KIB.powi(2), KIB.powi(2), "MiB"), (KIB, KIB, "KiB")];
    let (value, unit) = scaled(count as f64, &steps);
    match unit {
        "" => format!("{count} bytes"),
        unit => format!("{} {unit}", digits(value)),
    }
}

fn scaled<'a>(value: f64, steps: &[(f64, f64, &'a str)]) -> (f64, &'a str) {
    let step = steps.iter().find(|(from, _, _)| value.abs() >= *from);
    step.map_or((value, ""), |(_, unit, name)| (value / unit, name))
}

/// Returns a ratio: `0.012x`, `0.93x`, `12.3x`.
pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 0.0005 => format!("{}x", digits(ratio)),
        ratio if ratio < 0.0995 => format!("{ratio:.3}x"),
        ratio if ratio < 9.995 => format!("{ratio:.2}x"),
        ratio if ratio < 99.95 => format!("{ratio:.1}x"),
        ratio => format!("{ratio:.0}x"),
    }
}

/// Returns a share as a percentage: `97.1%`, `100%`.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        value if value >= 99.95 => format!("{value:.0}%"),
        value => format!("{value:.1}%"),
    }
}

/// Returns how far an interval reaches to either side: `+-1.2%`.
pub(crate) fn spread(share: f64) -> String {
    format!("+-{}", percent(share))
}

/// Returns transfers per fault, with their points one below the other unless they are small.
pub(crate) fn transfers(per_fault: f64) -> String {
    match per_fault {
        small if small < 0.0005 => digits(small),
        _ => format!("{per_fault:.3}"),
    }
}

/// Returns throughput over that at fewer threads: `1.96x`, `0.052x`.
pub(crate) fn growth(ratio: f64) -> String {
    if ratio < 0.0995 { times(ratio) } else { format!("{ratio:.2}x") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let found: Vec<String> =
            [0.0, 0.0123, 0.1, 0.999, 1.0, 9.99, 9.999, 12.34, 99.97, 1234.0].map(digits).into();
        let expected =
            ["0", "0.0123", "0.10", "1.00", "1.00", "9.99", "10.0", "12.3", "100", "1234"];
        assert_eq!(found, expected);
        assert_eq!(digits(0.00001), "1e-5");
    }

    #[test]
    fn numbers_carry_their_unit() {
        assert_eq!(rate(12_345_678.0), "12.3 M/s");
        assert_eq!(rate(999_600.0), "1.00 M/s");
        assert_eq!(rate(321.0), "321 /s");
        assert_eq!(nanoseconds(123.0), "123 ns");
        assert_eq!(nanoseconds(1_234.0), "1.23 us");
        assert_eq!(nanoseconds(80e6), "80.0 ms");
        assert_eq!([20e3, 1.5e6, 2e9, 7.0].map(exact_time), ["20us", "1.5ms", "2s", "7ns"]);
        assert_eq!(bytes(32 << 30), "32.0 GiB");
        assert_eq!(bytes(12), "12 bytes");
        assert_eq!(percent(0.9714), "97.1%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(spread(0.0123), "+-1.2%");
        assert_eq!(times(1e-7), "1e-7x");
        assert_eq!([0.0123, 0.926, 12.34, 123.4].map(times), ["0.012x", "0.93x", "12.3x", "123x"]);
    }
}
