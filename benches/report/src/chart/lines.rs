//! Lines over two axes.

use std::fmt::Write;

use maud::{Markup, html};

use super::marker::marker;
use super::{Axis, Caption, WIDTH, figure, number, series_class};
use crate::figures::float;

pub(super) const HEIGHT: f64 = 320.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;
/// The width of a digit on a narrow screen, where text is largest, and the least space between two labels.
const DIGIT_WIDTH: f64 = 8.5;
const LABEL_SPACE: f64 = 6.0;

/// One contestant's line.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// The index of the contestant, which decides the colour, dash and marker.
    pub(crate) index: usize,
    pub(crate) points: Vec<(f64, f64)>,
    /// The points with a marker, by their horizontal value.
    pub(crate) marked: Vec<f64>,
    /// The points with a ring around them.
    pub(crate) ringed: Vec<(f64, f64)>,
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) caption: Caption,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

impl Lines {
    /// Draws the chart, followed by `below`.
    pub(crate) fn draw(&self, below: &Markup) -> Markup {
        figure(&self.caption, HEIGHT, &self.drawing(), below)
    }

    /// Returns the drawing inside the chart's frame.
    pub(super) fn drawing(&self) -> Markup {
        html! {
            (self.grid())
            @for series in &self.series { (self.line(series)) }
        }
    }

    fn left(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn top(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn grid(&self) -> Markup {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let middle = f64::midpoint(TOP, bottom);
        html! {
            @for (value, label) in &self.y.ticks {
                @let y = number(self.top(*value));
                path.grid d={ "M" (LEFT) " " (y) "H" (right) } {}
                text x=(LEFT - 6.0) y=(y) dy="0.35em" text-anchor="end" { (label) }
            }
            @for (value, label) in self.spaced_ticks() {
                @let x = number(self.left(*value));
                path.grid d={ "M" (x) " " (TOP) "V" (bottom) } {}
                text x=(x) y=(bottom + 17.0) text-anchor="middle" { (label) }
            }
            path.axis d={ "M" (LEFT) " " (TOP) "V" (bottom) "H" (right) } {}
            text x=(number(f64::midpoint(LEFT, right))) y=(HEIGHT - 6.0) text-anchor="middle" { (self.x.title) }
            text.vertical transform={ "translate(12 " (number(middle)) ") rotate(-90)" } text-anchor="middle" { (self.y.title) }
        }
    }

    /// Returns the horizontal ticks, without those whose label would overlap the one before.
    fn spaced_ticks(&self) -> Vec<&(f64, String)> {
        let mut kept: Vec<&(f64, String)> = Vec::new();
        for tick in &self.x.ticks {
            let half = |label: &str| float(label.chars().count()) * DIGIT_WIDTH / 2.0;
            let fits = |last: &(f64, String)| {
                self.left(tick.0) - self.left(last.0) >= half(&last.1) + half(&tick.1) + LABEL_SPACE
            };
            if kept.last().is_none_or(|last| fits(last)) {
                kept.push(tick);
            }
        }
        kept
    }

    fn line(&self, series: &Series) -> Markup {
        let shown = || series.points.iter().filter(|(x, y)| self.x.shows(*x) && self.y.shows(*y));
        let mut path = String::new();
        for (x, y) in shown() {
            let command = if path.is_empty() { 'M' } else { 'L' };
            write!(path, "{command}{} {}", number(self.left(*x)), number(self.top(*y))).expect("a String takes all");
        }
        let marked = shown().filter(|(x, _)| series.marked.iter().any(|mark| (mark - x).abs() < 1e-6));
        html! {
            path class={ "line " (series_class(series.index)) } d=(path) {}
            @for (x, y) in marked { (marker(series.index, self.left(*x), self.top(*y))) }
            @for (x, y) in &series.ringed {
                circle class={ "ring " (series_class(series.index)) } cx=(number(self.left(*x)))
                    cy=(number(self.top(*y))) r="8" {}
            }
        }
    }
}
