//! The table of a kind of file as a page has it.

use super::file::SourcedFile;
use super::kind::FileKind;
use std::fmt::Write;

impl<T: FileKind> SourcedFile<T> {
    /// Returns a heading and a table of numbers for each section, as Markdown.
    pub fn markdown() -> String {
        let mut text = String::new();
        for section in T::sections() {
            let _ = writeln!(text, "### `[{}]`\n", section.name);
            text += "| key | value | what | need |\n|---|---|---|---|\n";
            for key in section.keys {
                let (name, allowed, about) = (key.name, key.allowed, key.about);
                let _ = writeln!(text, "| `{name}` | {allowed} | {about} | {} |", key.need);
            }
            text += "\n";
        }
        text
    }
}
