//! One page that holds everything it needs: no file beside it, no network.
//!
//! Data, styles and scripts are in the page. The browser draws the charts with Observable Plot
//! and d3, which are in `vendor/` with their licences.

mod build;
mod data;
mod families;
mod headline;
mod measured;
mod overview;
mod runs;

use document::run::Run;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// Libraries, each with the licence that every copy must have.
const VENDORED: [(&str, &str); 2] = [
    (include_str!("vendor/LICENSE-d3"), include_str!("vendor/d3.min.js")),
    (include_str!("vendor/LICENSE-plot"), include_str!("vendor/plot.umd.min.js")),
];

/// In the order of their dependences.
const SCRIPTS: [&str; 22] = [
    include_str!("base.js"),
    include_str!("look.js"),
    include_str!("marks.js"),
    include_str!("labels.js"),
    include_str!("tips.js"),
    include_str!("tables.js"),
    include_str!("download.js"),
    include_str!("view.js"),
    include_str!("filters.js"),
    include_str!("link.js"),
    include_str!("throughput.js"),
    include_str!("ratios.js"),
    include_str!("time.js"),
    include_str!("holds.js"),
    include_str!("lines.js"),
    include_str!("latency.js"),
    include_str!("fallbacks.js"),
    include_str!("fairness.js"),
    include_str!("break_even.js"),
    include_str!("kernel.js"),
    include_str!("about.js"),
    include_str!("main.js"),
];

/// Returns the page of these runs, side by side as worlds are.
pub fn html(runs: &[Run]) -> String {
    let page = build::page(runs);
    let data = serde_json::to_string(&page).expect("keys are strings");
    let vendored = VENDORED.map(|(licence, script)| format!("/*\n{licence}*/\n{script}\n"));
    let scripts = vendored.iter().map(String::as_str).chain(SCRIPTS);
    let scripts: String = scripts.map(|script| format!("<script>\n{script}</script>\n")).collect();
    let overview = overview::overview(runs, &page);
    let fills = [
        ("{{style}}", STYLE),
        ("{{overview}}", &overview),
        ("{{data}}", &in_script(&data)),
        ("{{scripts}}", &scripts),
    ];
    fill(PAGE, &fills)
}

/// Returns JSON that does not end a script element: a string may hold `</script>` or `<!--`.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

/// Replaces each mark once, in one pass, since a text that is filled in may hold a mark.
fn fill(page: &str, fills: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = page;
    for (mark, text) in fills {
        let (before, after) = rest.split_once(mark).expect("the page has its marks in this order");
        out += before;
        out += text;
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_ends_no_script_and_is_not_filled() {
        let page = fill("<a>{{x}}<b>{{y}}", &[("{{x}}", "{{y}}"), ("{{y}}", "2")]);
        assert_eq!(page, "<a>{{y}}<b>2");
        let json = serde_json::to_string("</script><!--").unwrap();
        assert!(!in_script(&json).contains('<'));
        let back: String = serde_json::from_str(&in_script(&json)).unwrap();
        assert_eq!(back, "</script><!--");
    }

    #[test]
    fn no_script_ends_its_own_element_and_no_licence_its_comment() {
        let scripts = VENDORED.iter().map(|(_, script)| script).chain(&SCRIPTS);
        assert!(scripts.into_iter().all(|script| !script.contains("</script")));
        assert!(VENDORED.iter().all(|(licence, _)| !licence.contains("*/")));
    }
}
