//! Blocks as lines of text.

use std::fmt::Write;

use crate::block::{Align, Block, BlockRow, Column, Value};
use crate::layout::{Ink, Style, cut, paint, wrap};

/// A line that grows to the right; it never ends in spaces.
#[derive(Default)]
struct Line {
    text: String,
    width: usize,
}

impl Line {
    /// Adds text that starts at a column.
    fn put(&mut self, style: Style, ink: Ink, start: usize, text: &str) {
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        let space = start.saturating_sub(self.width);
        self.text += &" ".repeat(space);
        self.text += &paint(style, ink, text);
        self.width += space + text.chars().count();
    }
}

/// Appends a block, without an empty line after it.
pub(crate) fn block(out: &mut String, style: Style, block: &Block) {
    let heading = block.heading();
    if !block.is_heading && !heading.is_empty() {
        let _ = writeln!(out, "{}", paint(style, Ink::Bold, &heading));
    }
    headings(style, block).iter().for_each(|line| *out += &format!("{line}\n"));
    let mut group = "";
    for row in &block.rows {
        if block.columns.is_empty() {
            item(out, style, row);
            continue;
        }
        if row.group != group {
            let _ = writeln!(out, "{}", paint(style, Ink::Faint, &row.group));
            group = &row.group;
        }
        let _ = writeln!(out, "{}", self::row(style, block, row));
        row.text.iter().for_each(|text| wrap(out, style, "    ", text));
    }
    if !block.note.is_empty() {
        wrap(out, style, "  ", &block.note);
    }
}

/// Returns the headings of the columns, without empty lines.
pub(crate) fn headings(style: Style, block: &Block) -> Vec<String> {
    let levels = block.columns.iter().map(|column| column.heads.len()).max().unwrap_or(0);
    let line = |level: usize| {
        let corner = if level == 0 && block.is_heading { block.heading() } else { String::new() };
        let ink = if corner.is_empty() { Ink::Plain } else { Ink::Bold };
        let heads = block.columns.iter().map(|column| Value::new(ink, &column.heads[level]));
        let mut line = Line::default();
        line.put(style, Ink::Bold, 0, &corner);
        values(&mut line, style, block, heads, false);
        line.text
    };
    (0..levels).map(line).filter(|line| !line.is_empty()).collect()
}

/// Returns one row, whose name may be a line of its own.
pub(crate) fn row(style: Style, block: &Block, row: &BlockRow) -> String {
    let mut line = Line::default();
    // The mark, and a space before the first column.
    let room = block.name_width - 3;
    let name = if block.has_whole_names { row.name.whole() } else { row.name.fitted(room) };
    line.put(style, row.name.ink, 0, &format!("{}{name}", row.mark));
    if row.text.is_some() {
        return line.text;
    }
    if block.has_whole_names && name.chars().count() > room {
        line = Line { text: line.text + "\n", width: 0 };
    }
    values(&mut line, style, block, row.values.iter().cloned(), true);
    line.text
}

/// Puts values or headings below each other; `is_cut`: to the widths of their columns.
fn values(
    line: &mut Line,
    style: Style,
    block: &Block,
    values: impl Iterator<Item = Value>,
    is_cut: bool,
) {
    let mut start = block.name_width;
    for (at, (column, value)) in block.columns.iter().zip(values).enumerate() {
        start += column.gap;
        let is_last = at + 1 == block.columns.len();
        let text = if is_cut { fitted(column, &value, is_last) } else { value.whole() };
        let at = match column.align {
            Align::Left => start,
            Align::Right => (start + column.width).saturating_sub(text.chars().count()),
        };
        line.put(style, value.ink, at, &text);
        start += column.width;
    }
}

/// Returns the text of a value; a column of words keeps a space before the next column.
fn fitted(column: &Column, value: &Value, is_last: bool) -> String {
    match column.align {
        Align::Right => value.uncut(column.width),
        Align::Left => value.fitted(column.width - usize::from(!is_last)),
    }
}

/// Appends a row of a list.
fn item(out: &mut String, style: Style, row: &BlockRow) {
    let first = format!("  {}, {}: ", row.name.text, row.group);
    wrap(out, style, &first, &row.values[0].text);
}

/// Appends a title with a rule, and an empty line above.
pub(crate) fn title(out: &mut String, style: Style, title: &str) {
    let title = cut(title, style.width);
    let rule = "=".repeat(title.chars().count());
    let blank = if out.ends_with("\n\n") { "" } else { "\n" };
    let [title, rule] = [&title, &rule].map(|line| paint(style, Ink::Bold, line));
    let _ = writeln!(out, "{blank}{title}\n{rule}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { color: false, width: 40 };

    #[test]
    fn columns_stand_below_their_headings() {
        let mut table = Block::headed("per second", 14);
        table.columns = vec![
            Column::right(8, "", ["alone", "median"]),
            Column::left(6, "", ["", "line"]).after(2),
        ];
        let values = vec![Value::plain("12.3 M/s"), Value::plain("mmap_lock").ending("!")];
        table.rows = vec![
            BlockRow::of("2 threads", "a-long-strategy", values),
            BlockRow::of("2 threads", "b", vec![Value::dash(), Value::blank()]),
        ];
        let mut text = String::new();
        block(&mut text, PLAIN, &table);
        let expected = "per second       alone\n                median  line\n2 threads\n  \
                        a-long-st.. 12.3 M/s  mma..!\n  b                  -\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_block_without_columns_is_a_list() {
        let mut list = Block::titled("fallbacks", 14).of_body("both bodies");
        list.rows = vec![BlockRow::of("2 threads", "b", vec![Value::plain("PMD 0.1")])];
        let mut text = String::new();
        block(&mut text, PLAIN, &list);
        assert_eq!(text, "fallbacks, both bodies\n  b, 2 threads: PMD 0.1\n");
    }
}
