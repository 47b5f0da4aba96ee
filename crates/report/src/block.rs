//! A block of a report: columns and rows with a title, made once for every form of report.

use crate::layout::{Ink, cut};

/// A table, or a list if it has no columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    /// Title; empty for none.
    pub title: String,
    /// True if the title is the heading of the names, and not a line of its own.
    pub is_heading: bool,
    /// Fault body that the rows have; empty if the title is enough.
    pub body: &'static str,
    /// Columns of a name with its indent.
    pub name_width: usize,
    pub columns: Vec<Column>,
    pub rows: Vec<BlockRow>,
    /// True if a name that is too long has a line of its own; else it is cut.
    pub has_whole_names: bool,
    /// Explanation below the rows; empty for none.
    pub note: String,
}

/// A column of a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    /// Name in a form with one line of headings, in Markdown.
    pub name: String,
    /// Headings in text, one above the other; all columns have the same number.
    pub heads: Vec<String>,
    pub align: Align,
    /// Columns of text between this column and the one before it.
    pub gap: usize,
    /// Columns of text.
    pub width: usize,
}

/// The edge of a column at which its values start or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A row of a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BlockRow {
    /// Heading of all rows that follow one another with the same group; empty for none.
    pub group: String,
    /// Two columns before the name.
    pub mark: &'static str,
    pub name: Value,
    /// One value for each column; for a list, the one text.
    pub values: Vec<Value>,
    /// Text below the name, in place of the values; in Markdown it is the last of them.
    pub text: Option<String>,
}

/// One value as text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub ink: Ink,
    pub text: String,
    /// The text if it does not fit; empty to cut the text.
    pub short: String,
    /// Last part of the text, which is never cut.
    pub end: String,
    /// False if there is no such value.
    pub is_known: bool,
}

impl Value {
    pub fn new(ink: Ink, text: impl Into<String>) -> Value {
        let (short, end) = Default::default();
        Value { ink, text: text.into(), short, end, is_known: true }
    }

    pub fn plain(text: impl Into<String>) -> Value {
        Value::new(Ink::Plain, text)
    }

    /// Returns a dash for a value that does not exist.
    pub fn dash() -> Value {
        Value { is_known: false, ..Value::new(Ink::Faint, "-") }
    }

    /// Returns an empty value for one that does not exist.
    pub fn blank() -> Value {
        Value { is_known: false, ..Value::plain("") }
    }

    /// Returns the value, or a dash.
    pub fn or_dash(text: Option<String>) -> Value {
        text.map_or_else(Value::dash, Value::plain)
    }

    /// Returns the value, or nothing.
    pub fn or_blank(text: Option<String>) -> Value {
        text.map_or_else(Value::blank, Value::plain)
    }

    pub fn ending(self, end: impl Into<String>) -> Value {
        Value { end: end.into(), ..self }
    }

    pub fn or_short(self, short: impl Into<String>) -> Value {
        Value { short: short.into(), ..self }
    }

    /// Returns the whole text.
    pub fn whole(&self) -> String {
        format!("{}{}", self.text, self.end)
    }

    /// Returns the text in at most `width` columns.
    pub fn fitted(&self, width: usize) -> String {
        let room = width.saturating_sub(self.end.chars().count());
        cut(self.shortened(room), room) + &self.end
    }

    /// Returns the whole text, or the short one if that does not fit `width` columns.
    pub fn uncut(&self, width: usize) -> String {
        let room = width.saturating_sub(self.end.chars().count());
        self.shortened(room).to_owned() + &self.end
    }

    fn shortened(&self, room: usize) -> &str {
        let fits = self.short.is_empty() || self.text.chars().count() <= room;
        if fits { &self.text } else { &self.short }
    }
}

impl Column {
    /// Returns a column of numbers.
    pub fn right(width: usize, name: &str, heads: [&str; 2]) -> Column {
        Column::new(Align::Right, width, name, heads.map(str::to_owned).into())
    }

    /// Returns a column of words.
    pub fn left(width: usize, name: &str, heads: [&str; 2]) -> Column {
        Column::new(Align::Left, width, name, heads.map(str::to_owned).into())
    }

    /// Returns a column with any number of headings.
    pub fn new(align: Align, width: usize, name: &str, heads: Vec<String>) -> Column {
        Column { name: name.to_owned(), heads, align, gap: 0, width }
    }

    pub fn after(self, gap: usize) -> Column {
        Column { gap, ..self }
    }
}

impl BlockRow {
    /// Returns a row of a strategy.
    pub fn of(group: impl Into<String>, name: impl Into<String>, values: Vec<Value>) -> BlockRow {
        let (group, name) = (group.into(), Value::plain(name));
        BlockRow { group, mark: "  ", name, values, text: None }
    }
}

impl Block {
    /// Returns a block whose title is a line of its own.
    pub fn titled(title: impl Into<String>, name_width: usize) -> Block {
        Block {
            title: title.into(),
            is_heading: false,
            body: "",
            name_width,
            columns: Vec::new(),
            rows: Vec::new(),
            has_whole_names: false,
            note: String::new(),
        }
    }

    /// Returns a block whose title is the heading of the names.
    pub fn headed(title: impl Into<String>, name_width: usize) -> Block {
        Block { is_heading: true, ..Block::titled(title, name_width) }
    }

    /// Returns the same block for another body.
    pub fn of_body(&self, body: &'static str) -> Block {
        Block { body, ..self.clone() }
    }

    /// Returns the title with the body.
    pub fn heading(&self) -> String {
        match (self.title.as_str(), self.body) {
            ("", body) => body.to_owned(),
            (title, "") => title.to_owned(),
            (title, body) => format!("{title}, {body}"),
        }
    }

    /// Returns the row of a group with this name.
    pub fn row(&self, like: &BlockRow) -> Option<&BlockRow> {
        let same = |row: &&BlockRow| row.group == like.group && row.name.text == like.name.text;
        self.rows.iter().find(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_before_its_end_and_has_a_short_form() {
        let line = Value::plain("mm.mmap_lock.owner").ending(" 97%");
        assert_eq!(line.whole(), "mm.mmap_lock.owner 97%");
        assert_eq!(line.fitted(22), line.whole());
        assert_eq!(line.fitted(12), "mm.mma.. 97%");
        let verdict = Value::plain("0.98x no difference seen").or_short("0.98x no diff");
        assert_eq!(verdict.fitted(25), "0.98x no difference seen");
        assert_eq!(verdict.fitted(13), "0.98x no diff");
    }
}
