//! Words of sentences: plurals, lists, words of a command line.

/// Returns `1 thread`, `2 threads`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns words joined as prose does: `a, b and c`.
pub(crate) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Returns one word of a command line, quoted if a shell would split or expand it.
pub(crate) fn shell_word(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    match !word.is_empty() && word.chars().all(safe) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted() {
        let words = ["--threads", "1..=8x2", "my file", "it's", "", "a*"].map(shell_word);
        assert_eq!(words.join(" "), r"--threads 1..=8x2 'my file' 'it'\''s' '' 'a*'");
    }
}
