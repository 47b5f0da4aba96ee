//! Checks that the README is short, and that its strategies are those of the code.

use faultstorm::strategy::STRATEGIES;

use crate::page::Page;
use crate::reference::about;

const README_LINES_MAX: usize = 150;

#[test]
fn the_readme_is_short_and_has_a_row_for_each_strategy() {
    let readme = Page::read("README.md").text;
    let lines = readme.lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines");
    for entry in STRATEGIES.iter().filter(|entry| !entry.is_variant()) {
        // The family comes before the row, and the name may be emphasised.
        let row = about(entry).trim_end().trim_start_matches("| ").to_owned();
        let found = readme.lines().filter(|line| line.replace("**", "").ends_with(&row)).count();
        assert_eq!(found, 1, "README.md should have one row that ends with {row}");
    }
}
