//! Lines of text: colours, columns, wrapped prose.

use std::fmt::Write;

/// The looks of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// True for ANSI colours: on a terminal, without `NO_COLOR`.
    pub color: bool,
    /// Columns that prose is wrapped to. Tables are laid out for 80.
    pub width: usize,
}

/// Columns of a table.
pub(crate) const COLUMNS: usize = 80;

/// Colours by meaning, as ANSI attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Good,
    Bad,
    Doubt,
    Faint,
}

/// Returns the text, in ink if the style has colour.
pub(crate) fn paint(style: Style, ink: Ink, text: &str) -> String {
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

/// Returns the text cut to `width`, with `..` at a cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(2)).chain("..".chars()).collect(),
        false => text.to_owned(),
    }
}

/// Appends prose wrapped to the style's width: the first line after `first`, the others with the
/// same indent. A word longer than a line has a line of its own.
pub(crate) fn wrap(out: &mut String, style: Style, first: &str, prose: &str) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { color: false, width: 20 };

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
}
