//! Numbers and lines for people. ASCII throughout: tables end up in mails.

use std::fmt::Write;

use super::Style;
use document::run::RatedEvent;

/// Colours by meaning, as ANSI attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Bold,
    Good,
    Bad,
    Doubt,
    Faint,
}

/// Returns the text as it stands, or in ink where the style has colour.
pub(super) fn paint(style: Style, ink: Ink, text: &str) -> String {
    let code = match ink {
        Ink::Plain => return text.to_owned(),
        Ink::Bold => "1",
        Ink::Good => "32",
        Ink::Bad => "31",
        Ink::Doubt => "33",
        Ink::Faint => "2",
    };
    match style.color && !text.trim().is_empty() {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// Returns three significant digits: `0.0123`, `1.23`, `12.3`, `1230`.
pub(super) fn digits(value: f64) -> String {
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
pub(super) fn rate(per_s: f64) -> String {
    let (value, unit) =
        scaled(per_s, &[(999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (999.5, 1e3, "k")]);
    format!("{} {unit}/s", digits(value))
}

/// Returns a rate with what it is of: `12.3 M/s` are faults, `275 k mmap/s` operations.
pub(super) fn rate_of(counted: &RatedEvent, per_s: f64) -> String {
    let text = rate(per_s);
    match counted {
        RatedEvent::Faults => text,
        RatedEvent::Op(name) => format!("{} {name}/s", text.trim_end_matches("/s").trim_end()),
    }
}

/// Returns the heading of rates: `faults per second`, `mmap/s`.
pub(super) fn per_second(counted: &RatedEvent) -> String {
    match counted {
        RatedEvent::Faults => "faults per second".to_owned(),
        RatedEvent::Op(name) => format!("{name}/s"),
    }
}

/// Returns a time given in nanoseconds: `123 ns`, `1.23 us`.
pub(super) fn nanoseconds(ns: f64) -> String {
    let (value, unit) =
        scaled(ns, &[(999.5e6, 1e9, "s"), (999.5e3, 1e6, "ms"), (999.5, 1e3, "us")]);
    match unit {
        "" => format!("{value:.0} ns"),
        unit => format!("{} {unit}", digits(value)),
    }
}

/// Returns a count of bytes: `32.0 GiB`.
pub(super) fn bytes(count: u64) -> String {
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
pub(super) fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 0.0005 => format!("{}x", digits(ratio)),
        ratio if ratio < 0.0995 => format!("{ratio:.3}x"),
        ratio if ratio < 9.995 => format!("{ratio:.2}x"),
        ratio if ratio < 99.95 => format!("{ratio:.1}x"),
        ratio => format!("{ratio:.0}x"),
    }
}

/// Returns a share as a percentage: `97.1%`, `100%`.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        value if value >= 99.95 => format!("{value:.0}%"),
        value => format!("{value:.1}%"),
    }
}

/// Returns the text in ink, filled with spaces to the right up to `width`.
pub(super) fn left(style: Style, ink: Ink, text: &str, width: usize) -> String {
    let fill = width.saturating_sub(text.chars().count());
    paint(style, ink, text) + &" ".repeat(fill)
}

/// Returns the text in ink, filled with spaces to the left up to `width`.
pub(super) fn right(style: Style, ink: Ink, text: &str, width: usize) -> String {
    let fill = width.saturating_sub(text.chars().count());
    " ".repeat(fill) + &paint(style, ink, text)
}

/// Returns the text cut to `width`, with `..` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(2)).chain("..".chars()).collect(),
        false => text.to_owned(),
    }
}

/// Returns how far an interval reaches to either side: `+-1.2%`.
pub(super) fn spread(share: f64) -> String {
    format!("+-{}", percent(share))
}

/// Returns `1 thread`, `2 threads`.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns words joined as prose does: `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Appends prose wrapped to the style's width, the first line behind `first`,
/// the others indented as far. A word longer than a line stands alone.
pub(super) fn wrap(out: &mut String, style: Style, first: &str, prose: &str) {
    let indent = " ".repeat(first.chars().count());
    let mut line = first.to_owned();
    let mut empty = true;
    for word in prose.split_whitespace() {
        let space = usize::from(!empty);
        if !empty && line.chars().count() + space + word.chars().count() > style.width {
            let _ = writeln!(out, "{}", line.trim_end());
            line.clone_from(&indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

/// Returns one word of a command line, quoted where a shell would split or expand it.
pub(super) fn shell_word(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    match !word.is_empty() && word.chars().all(safe) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { color: false, width: 20 };

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
        assert_eq!(bytes(32 << 30), "32.0 GiB");
        assert_eq!(bytes(12), "12 bytes");
        assert_eq!(percent(0.9714), "97.1%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(spread(0.0123), "+-1.2%");
        assert_eq!(times(1e-7), "1e-7x");
        assert_eq!([0.0123, 0.926, 12.34, 123.4].map(times), ["0.012x", "0.93x", "12.3x", "123x"]);
    }

    #[test]
    fn prose_is_wrapped_and_indented() {
        let mut out = String::new();
        wrap(&mut out, PLAIN, "- ", "one two three four five andaverylongwordindeed x");
        assert_eq!(out, "- one two three four\n  five\n  andaverylongwordindeed\n  x\n");
    }

    #[test]
    fn colour_is_for_terminals() {
        assert_eq!(paint(PLAIN, Ink::Bad, "x"), "x");
        assert_eq!(paint(Style { color: true, ..PLAIN }, Ink::Bad, "x"), "\x1b[31mx\x1b[0m");
    }

    #[test]
    fn commands_can_be_pasted() {
        let words = ["--threads", "1..=8x2", "my file", "it's", "", "a*"].map(shell_word);
        assert_eq!(words.join(" "), r"--threads 1..=8x2 'my file' 'it'\''s' '' 'a*'");
    }
}
