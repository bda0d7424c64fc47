//! One bar for each contestant, with its spread.

use std::fmt::Write;

use maud::{Markup, html};

use super::{Axis, Caption, WIDTH, figure, number, series_class};
use crate::Spread;
use crate::figures::float;

/// The height of a row. The name is above the bar, so that long names have the whole width.
const ROW: f64 = 44.0;
const BAR_TOP: f64 = 19.0;
const BAR_HEIGHT: f64 = 15.0;
/// The distance between two lines of a hatched bar.
const HATCH: f64 = 7.0;
/// The longest name above a bar, and the part of the end of a longer one that is kept. Tables and legends have the
/// whole name.
const LONGEST_NAME: usize = 56;
const KEPT_END: usize = 24;
/// The width of the longest figure beside a bar.
const FIGURE_WIDTH: f64 = 84.0;

/// One contestant's bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// The index of the contestant, which decides the colour.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) spread: Spread,
    /// True for figures that must not be used.
    pub(crate) hatched: bool,
}

/// Draws a chart of bars from zero, each to its median, with a whisker from the least to the greatest.
pub(crate) fn bars(caption: &Caption, bars: &[Bar], format: fn(f64) -> String) -> Option<Markup> {
    let axis = Axis::linear("", bars.iter().map(|bar| bar.spread.greatest))?;
    let place = |value: f64| axis.place(value) * (WIDTH - FIGURE_WIDTH);
    let drawing = html! {
        @for (row, bar) in bars.iter().enumerate() {
            @let top = float(row) * ROW;
            @let middle = top + BAR_TOP + BAR_HEIGHT / 2.0;
            @let (least, greatest) = (place(bar.spread.least), place(bar.spread.greatest));
            text x="0" y=(number(top + 14.0)) { (shortened(&bar.name)) }
            @let width = place(bar.spread.median);
            @let class = if bar.hatched { "bar hatched" } else { "bar" };
            rect class={ (class) " " (series_class(bar.index)) } x="0" y=(number(top + BAR_TOP))
                width=(number(width)) height=(BAR_HEIGHT) {}
            @if bar.hatched {
                path class={ "hatch " (series_class(bar.index)) } d=(hatch(width, top + BAR_TOP)) {}
            }
            @if bar.spread.least < bar.spread.greatest {
                path.whisker d={ "M" (number(least)) " " (number(middle)) "H" (number(greatest))
                    "M" (number(least)) " " (number(middle - 5.0)) "v10M" (number(greatest)) " "
                    (number(middle - 5.0)) "v10" } {}
            }
            text.figure x=(number(greatest + 6.0)) y=(number(middle)) dy="0.35em" { (format(bar.spread.median)) }
        }
    };
    Some(figure(caption, float(bars.len()) * ROW, &drawing, &html! {}))
}

/// Shortens a name to fit above a bar on a narrow screen. The end is kept, because it has the details or the
/// reservation.
fn shortened(name: &str) -> String {
    let all = name.chars().count();
    if all <= LONGEST_NAME {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST_NAME - KEPT_END - 1).collect();
    let end: String = name.chars().skip(all - KEPT_END).collect();
    format!("{start}…{end}")
}

/// Returns slanted lines across a bar of this width. They are drawn, because a pattern would have to be referenced.
fn hatch(width: f64, top: f64) -> String {
    let mut path = String::new();
    let mut left = 0.0;
    while left < width {
        let reach = BAR_HEIGHT.min(width - left);
        let (bottom, right) = (top + BAR_HEIGHT, left + reach);
        write!(path, "M{} {}L{} {}", number(left), number(bottom), number(right), number(bottom - reach))
            .expect("a String takes all");
        left += HATCH;
    }
    path
}
