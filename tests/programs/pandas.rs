//! Documents in pandas, as a page loads them.

use faultstorm::run::to_json;

use crate::common;
use crate::need::PANDAS;

pub fn the_snippet_of_the_page_loads_a_run() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/how-to/numbers.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, snippet) = text.split_once("```python\n").unwrap();
    let (snippet, _) = snippet.split_once("```").unwrap();
    let directory = tempfile::tempdir().unwrap();
    // With every state that a cell can have, and a variant.
    let run = common::run();
    std::fs::write(directory.path().join("run.json"), to_json(&run).unwrap()).unwrap();
    let mut command = PANDAS.command();
    let output = command.args(["-c", snippet]).current_dir(directory.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let mut rows = stdout.lines().skip(1).map(|row| row.rsplit_once(' ').unwrap());
    for cell in &run.cells {
        let Some(found) = &cell.measured else { continue };
        let (id, median) = rows.next().expect("a row for each cell");
        assert_eq!(id.trim(), cell.id);
        let off = median.parse::<f64>().unwrap() / found.faults_per_s.median - 1.0;
        assert!(off.abs() < 1e-6, "{id} {median} {off}");
    }
    assert_eq!(rows.next(), None);
}
