//! Text of a document on a terminal.

/// Returns the text without letters that are unsafe on a terminal, one column for each letter.
pub(super) fn ascii(text: &str) -> String {
    let shown = |letter: char| match letter {
        letter if letter.is_whitespace() => ' ',
        letter if letter.is_ascii_graphic() => letter,
        _ => '?',
    };
    text.chars().map(shown).collect()
}
