//! Lists of the README: they say of strategies and workloads what the code says.

use faultstorm::strategy::{Entry, STRATEGIES};
use faultstorm::workload;

use crate::page::Page;

/// The rows of the table under this header of README.md.
fn readme_rows(header: &str) -> Vec<String> {
    let readme = Page::read("README.md");
    let rows = readme.text.lines().skip_while(|line| !line.starts_with(header)).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

/// What a row is about: its first cell.
fn subject(row: &str) -> &str {
    row.split('`').nth(1).expect("a row begins with a name")
}

fn about(entry: &Entry) -> String {
    format!("| `{}` | {} | {} |", entry.name, entry.summary, entry.who)
}

fn traits(entry: &Entry) -> String {
    let all = &entry.traits;
    let cells = [all.shared_writes, all.sleeps, all.allocates_tables, all.falls_back];
    format!("| `{}` | {} | {} |", entry.name, cells.join(" | "), all.writers_pay)
}

#[test]
fn the_readme_says_of_strategies_what_the_code_says() {
    type Row = fn(&Entry) -> String;
    let tables: [(&str, Row); 2] = [("| strategy |", about), ("| under |", traits)];
    for (header, row) in tables {
        let rows = readme_rows(header);
        assert!(rows.len() > 4, "the table is there: {header}");
        // A strategy of one's own need not be in it.
        let named = |entry: &&Entry| rows.iter().any(|row| subject(row) == entry.name);
        let should: Vec<String> = STRATEGIES.iter().filter(named).map(row).collect();
        let all: Vec<String> = STRATEGIES.iter().map(row).collect();
        assert_eq!(rows, should, "README.md, below {header}, should be\n{}", all.join("\n"));
    }
}

#[test]
fn the_readme_lists_what_there_is() {
    let shipped: Vec<&str> = workload::shipped().iter().map(|(name, _)| *name).collect();
    let rows = readme_rows("| workload |");
    assert_eq!(rows.iter().map(|row| subject(row)).collect::<Vec<_>>(), shipped);
}
