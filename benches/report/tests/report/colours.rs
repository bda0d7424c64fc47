//! Contestants can be told apart by colour, even with colour blindness, and by dash and marker without any colour.

use crate::support::{results, rounds};
use corecast_report::{Experiment, page};
use std::collections::HashSet;

type Triple = [f64; 3];
type Matrix = [Triple; 3];

/// The colours that most people see.
const EVERYBODY: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
/// The colours that red-blind and green-blind people see, in linear RGB: Machado, Oliveira and Fernandes (2009),
/// severity 1.
const PROTANOPIA: Matrix =
    [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]];
const DEUTERANOPIA: Matrix =
    [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]];
/// Linear sRGB to CIE XYZ.
const XYZ: Matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];
/// White, in XYZ.
const WHITE: Triple = [0.9505, 1.0, 1.089];

/// A difference in CIELAB that nobody overlooks: about ten times the smallest noticeable one.
const LEAST_DIFFERENCE: f64 = 20.0;
/// The minimum contrast of WCAG 2.1 for graphics.
const LEAST_CONTRAST: f64 = 3.0;

fn of(names: usize) -> String {
    let entries = (0..names).map(|index| rounds(&format!("contestant {index}"), &[100.0, 110.0])).collect();
    page("Measured", &[Experiment { title: "paced".to_owned(), results: results(entries) }], "0.1.0")
}

/// Returns the value of a variable in the light and in the dark theme, in linear RGB.
fn colours(page: &str, name: &str) -> Vec<Triple> {
    let variable = format!("--{name}: #");
    page.split(&variable).skip(1).map(|value| [0, 2, 4].map(|at| linear(&value[at..at + 2]))).collect()
}

fn linear(hexadecimal: &str) -> f64 {
    let value = f64::from(u8::from_str_radix(hexadecimal, 16).expect("two digits")) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn times(matrix: Matrix, vector: Triple) -> Triple {
    matrix.map(|row| row.iter().zip(vector).map(|(factor, value)| factor * value).sum())
}

fn contrast(a: Triple, b: Triple) -> f64 {
    let [a, b] = [a, b].map(|colour| times(XYZ, colour)[1] + 0.05);
    a.max(b) / a.min(b)
}

fn lab(colour: Triple) -> Triple {
    let xyz = times(XYZ, colour.map(|value| value.clamp(0.0, 1.0)));
    let [x, y, z] = [0, 1, 2]
        .map(|at| xyz[at] / WHITE[at])
        .map(|value| if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn difference(a: Triple, b: Triple) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn twelve_contestants_have_colours_that_nobody_confuses() {
    let page = of(12);
    let palette: Vec<Vec<Triple>> = (0..12).map(|index| colours(&page, &format!("c{index}"))).collect();
    let backgrounds = ["background", "raised"].map(|name| colours(&page, name));
    for (theme, name) in ["light", "dark"].into_iter().enumerate() {
        for (index, colour) in palette.iter().enumerate() {
            for background in &backgrounds {
                let contrast = contrast(colour[theme], background[theme]);
                assert!(contrast >= LEAST_CONTRAST, "{name}: c{index} has a contrast of {contrast:.2}");
            }
            for (vision, eyes) in [EVERYBODY, PROTANOPIA, DEUTERANOPIA].into_iter().enumerate() {
                for (other, another) in palette[..index].iter().enumerate() {
                    let [a, b] = [colour, another].map(|colour| lab(times(eyes, colour[theme])));
                    let difference = difference(a, b);
                    assert!(
                        difference >= LEAST_DIFFERENCE,
                        "{name}, eyes {vision}: c{other} and c{index} differ by {difference:.1}"
                    );
                }
            }
        }
    }
    let dashes: HashSet<&str> =
        page.split("stroke-dasharray: ").skip(1).filter_map(|rest| rest.split(';').next()).collect();
    assert_eq!(dashes.len(), 11, "and one line is solid");
}

#[test]
fn thirty_contestants_have_swatches_of_their_own() {
    let page = of(30);
    let legend =
        page.split("<ul class=\"legend\">").nth(1).and_then(|rest| rest.split("</ul>").next()).expect("a legend");
    let swatches: HashSet<&str> = legend.split("<svg").skip(1).filter_map(|item| item.split("</svg>").next()).collect();
    assert_eq!(swatches.len(), 30);
}
