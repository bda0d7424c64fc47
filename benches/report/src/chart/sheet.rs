//! Charts of lines beside each other as one SVG document, for a README or any other page.
//!
//! The document contains its styles and a background. It looks the same wherever it is shown, and follows the reader's
//! light or dark mode.

use maud::{Markup, PreEscaped, html};

use super::lines::HEIGHT;
use super::marker::marker;
use super::{CHART_STYLE, Lines, WIDTH, number, series_class};
use crate::figures::float;
use corecast_command::visible;

/// The styles of the sheet, in addition to those of every chart.
const STYLE: &str = "\
.background { fill: var(--background); } .title { font-weight: 600; font-size: 17px; } .panel { font-weight: 600; }
.note { fill: var(--quiet); font-size: 12px; }
";

/// The margin around the document.
const MARGIN: f64 = 16.0;
/// The top of the charts, below the title and their own titles.
const TOP: f64 = 64.0;
/// The distance from one row of the legend, or one note, to the next.
const ROW: f64 = 22.0;
/// The width of a line with its marker, and the most width of a letter of a name.
const SWATCH: f64 = 34.0;
const LETTER: f64 = 7.8;
/// The distance between two names of the legend.
const GAP: f64 = 26.0;
/// The longest name of the legend; a longer one is cut.
const LONGEST_NAME: usize = 100;

/// Charts with one legend.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    pub(crate) title: String,
    /// The charts, beside each other.
    pub(crate) panels: Vec<Lines>,
    /// The names of the legend; the index of a name is its series.
    pub(crate) names: Vec<String>,
    /// The notes below the legend, one line each.
    pub(crate) notes: Vec<String>,
}

impl Sheet {
    /// Draws the document.
    pub(crate) fn draw(&self) -> String {
        let width = 2.0 * MARGIN + WIDTH * float(self.panels.len());
        let places = self.legend_places(width);
        let legend_top = TOP + HEIGHT + 18.0;
        let notes_top = legend_top + ROW * places.last().map_or(0.0, |(_, row)| row + 1.0) + 4.0;
        let height = notes_top + ROW * float(self.notes.len());
        let description: Vec<&str> = self.panels.iter().map(|panel| panel.caption.description.as_str()).collect();
        let drawing = html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (number(width)) " " (number(height)) }
                width=(number(width)) height=(number(height)) role="img" aria-labelledby="title description" {
                title id="title" { (visible(&self.title)) }
                desc id="description" { (visible(&description.join(" "))) }
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(STYLE)) }
                rect.background width="100%" height="100%" rx="8" {}
                text.title x=(MARGIN) y="28" { (visible(&self.title)) }
                @for (nth, panel) in self.panels.iter().enumerate() {
                    g transform={ "translate(" (number(MARGIN + WIDTH * float(nth))) " " (TOP) ")" } {
                        text.panel x="74" y="-6" { (visible(&panel.caption.title)) }
                        (panel.drawing())
                    }
                }
                @for (index, (name, (left, row))) in self.names.iter().zip(&places).enumerate() {
                    (entry(index, name, *left, legend_top + ROW * row))
                }
                @for (nth, note) in self.notes.iter().enumerate() {
                    text.note x=(MARGIN) y=(number(notes_top + ROW * float(nth))) { (visible(note)) }
                }
            }
        };
        drawing.into_string() + "\n"
    }

    /// Returns the position at which each name of the legend begins.
    fn legend_places(&self, width: f64) -> Vec<(f64, f64)> {
        let (mut left, mut row) = (MARGIN, 0.0);
        let place = |name: &String| {
            let needed = SWATCH + 6.0 + LETTER * float(cut(name).chars().count());
            if left > MARGIN && left + needed > width - MARGIN {
                (left, row) = (MARGIN, row + 1.0);
            }
            let place = (left, row);
            left += needed + GAP;
            place
        };
        self.names.iter().map(place).collect()
    }
}

fn entry(index: usize, name: &str, left: f64, middle: f64) -> Markup {
    html! {
        path class={ "line " (series_class(index)) } d={ "M" (number(left)) " " (number(middle)) "h" (SWATCH) } {}
        (marker(index, left + SWATCH / 2.0, middle))
        text x=(number(left + SWATCH + 6.0)) y=(number(middle)) dy="0.35em" { (visible(&cut(name))) }
    }
}

fn cut(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let kept: String = name.chars().take(LONGEST_NAME - 1).collect();
    format!("{kept}…")
}
