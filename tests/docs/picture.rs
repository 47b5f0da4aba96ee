//! The README's picture: faults per second against threads, drawn from a run of the model.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use faultstorm::run::Run;
use faultstorm::strategy;

use crate::page::ROOT;

const FILE: &str = "docs/scaling.svg";
/// Command of the run, which is shown below the picture.
const COMMAND: [&str; 2] = [
    "faultstorm run huge-anon --on model:xeon-icelake-2s --threads 1..=64x2 --faults 512",
    "--body none --strategy unlocked,speculative,vm-refcnt,mmap-lock,per-vma-lock",
];
const TITLE: &str = "Million faults a second in one mapping";
const SUBTITLE: &str =
    "a model of 2 x 32 cores (Xeon, Ice Lake); the lock alone: no page is cleared";

const LEFT: f64 = 40.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 310.0;
/// Distance between grid lines, in million faults per second.
const RATE_STEP: f64 = 10.0;
/// Smallest distance of two labels.
const LABEL_GAP: f64 = 18.0;

/// Style with its own background, so that it can be read on any page.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.back { fill: #fff }
.grid { stroke: #d1d9e0 }
.curve { fill: none; stroke: currentColor; stroke-width: 2.5 }
.name { font-weight: 600; fill: currentColor }
.title { font-weight: 600 }
.middle { text-anchor: middle }
.left { text-anchor: end }
.weak { fill: #59636e }
.code { font: 12px monospace }
.c0 { color: #59636e; stroke-dasharray: 6 4 }
.c1 { color: #0969da }
.c2 { color: #bc4c00 }
.c3 { color: #1a7f37 }
.c4 { color: #8250df }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .back { fill: #0d1117 }
  .grid { stroke: #3d444d }
  .weak { fill: #9198a1 }
  .c0 { color: #9198a1 }
  .c1 { color: #4493f8 }
  .c2 { color: #f0883e }
  .c3 { color: #3fb950 }
  .c4 { color: #ab7df8 }
}
";

/// Rates of a strategy, by threads.
struct Curve {
    strategy: String,
    points: Vec<(f64, f64)>,
}

fn curves(run: &Run) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for cell in &run.cells {
        let measured = cell.measured.as_ref().expect("it has run");
        let point = (f64::from(cell.key.threads), measured.faults_per_s.median / 1e6);
        match curves.iter_mut().find(|curve| curve.strategy == cell.key.strategy) {
            Some(curve) => curve.points.push(point),
            None => {
                let strategy = cell.key.strategy.clone();
                curves.push(Curve { strategy, points: vec![point] });
            }
        }
    }
    curves
}

/// Moves labels from their wanted places until none covers another or the axis.
fn apart(wanted: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut found = wanted.to_vec();
    for pair in order.windows(2) {
        found[pair[1]] = found[pair[1]].max(found[pair[0]] + LABEL_GAP);
    }
    let mut below = BOTTOM + LABEL_GAP;
    for index in order.into_iter().rev() {
        found[index] = found[index].min(below - LABEL_GAP);
        below = found[index];
    }
    found
}

fn text(x: f64, y: f64, class: &str, what: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{what}</text>\n")
}

fn draw(curves: &[Curve]) -> String {
    let end = |curve: &Curve| *curve.points.last().expect("a curve has points");
    let threads_max = curves.iter().map(|curve| end(curve).0).fold(0.0, f64::max);
    let rates = curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
    let rate_max = (rates.fold(0.0, f64::max) / RATE_STEP).ceil() * RATE_STEP;
    let x = |threads: f64| LEFT + (RIGHT - LEFT) * threads / threads_max;
    let y = |rate: f64| BOTTOM - (BOTTOM - TOP) * rate / rate_max;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 820 400\">\n\
         <title>{TITLE}</title>\n<style>\n{STYLE}</style>\n\
         <rect class=\"back\" width=\"820\" height=\"400\" rx=\"6\"/>\n"
    );
    svg += &text(LEFT, 24.0, "title", TITLE);
    svg += &text(LEFT, 43.0, "weak", SUBTITLE);
    for step in 0..=(rate_max / RATE_STEP) as u32 {
        let rate = f64::from(step) * RATE_STEP;
        let height = y(rate);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {height:.1}H{RIGHT}\"/>");
        svg += &text(LEFT - 6.0, height + 4.0, "weak left", &format!("{rate}"));
    }
    for (threads, _) in curves[0].points.iter().filter(|(threads, _)| *threads != 2.0) {
        svg += &text(x(*threads), BOTTOM + 18.0, "weak middle", &format!("{threads}"));
    }
    svg += &text((LEFT + RIGHT) / 2.0, BOTTOM + 36.0, "weak middle", "threads, a core each");
    let labels = apart(&curves.iter().map(|curve| y(end(curve).1)).collect::<Vec<_>>());
    for (index, (curve, label)) in curves.iter().zip(labels).enumerate() {
        let points = curve.points.iter().map(|(n, rate)| format!("{:.1},{:.1}", x(*n), y(*rate)));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(svg, "<polyline class=\"curve c{index}\" points=\"{points}\"/>");
        let entry = strategy::find(&curve.strategy).expect("it is one of the table's");
        let name = format!("<tspan class=\"name c{index}\">{}</tspan>", entry.name);
        svg += &text(RIGHT + 8.0, label + 4.0, "", &format!("{name}, {}", entry.who));
    }
    for (index, line) in COMMAND.iter().enumerate() {
        svg += &text(LEFT, BOTTOM + 60.0 + 16.0 * index as f64, "weak code", line);
    }
    svg + "</svg>\n"
}

#[test]
fn the_picture_is_what_the_model_says() {
    let directory = tempfile::tempdir().unwrap();
    let document = directory.path().join("run.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultstorm"));
    let words = COMMAND.iter().flat_map(|line| line.split(' ')).skip(1);
    let output = command.args(words).arg("--json").arg(&document).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let drawn = draw(&curves(&Run::read(&document).unwrap()));
    let path = Path::new(ROOT).join(FILE);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let fresh = fs::read_to_string(&path).unwrap_or_default() == drawn;
    assert!(
        fresh,
        "{FILE} is not what the model says: run `UPDATE_REFERENCE=1 cargo test --test docs`"
    );
}

#[test]
fn labels_do_not_cover_each_other() {
    assert_eq!(apart(&[10.0, 50.0, 12.0]), [10.0, 50.0, 10.0 + LABEL_GAP]);
    assert_eq!(apart(&[BOTTOM, BOTTOM]), [BOTTOM - LABEL_GAP, BOTTOM]);
}
