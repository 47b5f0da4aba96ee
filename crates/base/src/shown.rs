//! Text from files and arguments, as it may be shown.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns text in which characters that act on a terminal, or on the direction of text around
/// them, are written as escapes: `\u{1b}`. Line feeds and tabs stay.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match acts(character) {
            true => drop(write!(out, "{}", character.escape_unicode())),
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// True for control characters (C0, DEL, C1), for marks of direction (Unicode TR 9), for line and
/// paragraph separators, and for those that have no width.
pub fn acts(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{61c}' | '\u{feff}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_as_text() {
        assert!(matches!(shown("µ, 日本, a\tb\n"), Cow::Borrowed(_)));
        assert_eq!(shown("\u{1b}[31mred\u{202e}\r\u{9b}"), r"\u{1b}[31mred\u{202e}\u{d}\u{9b}");
    }
}
