//! The markers that distinguish contestants besides their colour, and the legend.

use maud::{Markup, html};

use super::{SERIES_CLASSES, number, series_class};

/// Half the size of a marker.
const REACH: f64 = 3.6;

/// Draws a marker at a position. Four forms take turns, and each repetition of the colours begins with the next form.
pub(super) fn marker(index: usize, x: f64, y: f64) -> Markup {
    let class = format!("marker {}", series_class(index));
    let at = |dx: f64, dy: f64| format!("{},{}", number(x + dx * REACH), number(y + dy * REACH));
    let corners: &[(f64, f64)] = match (index + index / SERIES_CLASSES) % 4 {
        0 => return html! { circle class=(class) cx=(number(x)) cy=(number(y)) r=(REACH) {} },
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.2), (1.1, 0.9), (-1.1, 0.9)],
        _ => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
    };
    let points: Vec<String> = corners.iter().map(|(dx, dy)| at(*dx, *dy)).collect();
    html! { polygon class=(class) points=(points.join(" ")) {} }
}

/// Draws the names of the contestants with their lines; the index of a name is its series.
pub(crate) fn legend(names: &[impl AsRef<str>]) -> Markup {
    html! {
        ul.legend {
            @for (index, name) in names.iter().enumerate() {
                li {
                    svg.swatch viewBox="0 0 34 12" aria-hidden="true" {
                        path class={ "line " (series_class(index)) } d="M1 6H33" {}
                        (marker(index, 17.0, 6.0))
                    }
                    (name.as_ref())
                }
            }
        }
    }
}
