//! Checks that the colours of the page can be distinguished, also by colour-blind readers.

const STYLE: &str = include_str!("../../crates/report/src/html/style.css");
/// CIE76: 2.3 is just noticeable side by side, but the marks of a chart are apart and small.
const DISTANCE_MIN: f64 = 20.0;
/// WCAG 2.2, 1.4.11, for graphics.
const CONTRAST_MIN: f64 = 3.0;
/// WCAG 2.2, 1.4.3, for text.
const TEXT_CONTRAST_MIN: f64 = 4.5;

type Rgb = [f64; 3];
type Matrix = [[f64; 3]; 3];

/// Normal vision, then deutan, protan and tritan at full severity: Machado, Oliveira and Fernandes,
/// "A physiologically-based model for simulation of color vision deficiency", 2009.
const SIGHTS: [Matrix; 4] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
];
/// sRGB to CIE XYZ, white D65.
const XYZ: Matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];

fn times(matrix: &Matrix, v: Rgb) -> Rgb {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// Returns a variable's colour, linear, 0 to 1.
fn linear(css: &str, variable: &str) -> Rgb {
    let (_, value) = css.split_once(&format!("{variable}: #")).expect("the colour is there");
    [0, 2, 4].map(|at| {
        let byte = u8::from_str_radix(&value[at..at + 2], 16).expect("six hex digits");
        match f64::from(byte) / 255.0 {
            dark if dark <= 0.04045 => dark / 12.92,
            light => ((light + 0.055) / 1.055).powf(2.4),
        }
    })
}

fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (times(&XYZ, a)[1] + 0.05, times(&XYZ, b)[1] + 0.05);
    a.max(b) / a.min(b)
}

/// Returns the CIE L*a*b* colour that is seen with this vision.
fn lab(color: Rgb, sight: &Matrix) -> Rgb {
    let seen = times(sight, color).map(|part| part.clamp(0.0, 1.0));
    let [x, y, z] = times(&XYZ, seen);
    let root = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let [x, y, z] = [root(x / 0.9505), root(y), root(z / 1.089)];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn distance(a: Rgb, b: Rgb) -> f64 {
    (0..3).map(|part| (a[part] - b[part]).powi(2)).sum::<f64>().sqrt()
}

/// Returns the colours of a family of variables that end in numbers.
fn numbered(theme: &str, name: &str) -> Vec<(String, Rgb)> {
    let names = (0..).map(|place| format!("--{name}-{place}"));
    let there = names.take_while(|name| theme.contains(&format!("{name}: #")));
    there.map(|name| (name.clone(), linear(theme, &name))).collect()
}

#[test]
fn colors_are_far_apart_and_stand_out_in_both_themes() {
    let (light, dark) = STYLE.split_once("@media screen").expect("there are two themes");
    for theme in [light, dark] {
        let paper = linear(theme, "--paper");
        // What is better or worse has no colour of a family.
        let named = ["--good", "--bad"].map(|name| (name.to_owned(), linear(theme, name)));
        let families: Vec<_> = numbered(theme, "family").into_iter().chain(named).collect();
        let times = numbered(theme, "time");
        assert!(families.len() == 9 && times.len() == 8);
        for (name, color) in &families {
            assert!(contrast(*color, paper) >= CONTRAST_MIN, "{name} is faint");
        }
        for (name, color) in &times {
            let ink = linear(theme, "--ink");
            assert!(contrast(*color, ink) >= TEXT_CONTRAST_MIN, "text on {name} is faint");
        }
        for colors in [families, times] {
            for (place, (name, color)) in colors.iter().enumerate() {
                for (other, before) in &colors[..place] {
                    for (sight, matrix) in SIGHTS.iter().enumerate() {
                        let apart = distance(lab(*color, matrix), lab(*before, matrix));
                        assert!(apart >= DISTANCE_MIN, "{other}, {name}, sight {sight}: {apart}");
                    }
                }
            }
        }
    }
}
