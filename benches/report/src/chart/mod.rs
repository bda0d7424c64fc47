//! Charts as inline SVG.
//!
//! The charts are drawn here rather than with a plotting crate. Those write fixed colours, sizes and fonts, but this
//! page needs classes that follow light and dark mode, text that scales with the page, and titles and descriptions for
//! readers who cannot see the drawing. Two kinds of chart are enough.
//!
//! A drawing is [`WIDTH`] units wide and fills its column, so its text stays legible from a phone to half a desktop
//! window. Contestants differ by colour, dash and marker, so that no reader depends on colour alone.

mod axis;
mod bars;
mod lines;
mod marker;
mod sheet;

pub(crate) use axis::Axis;
pub(crate) use bars::{Bar, bars};
pub(crate) use lines::{Lines, Series};
pub(crate) use marker::legend;
pub(crate) use sheet::Sheet;

use maud::{Markup, html};

/// The colours and the classes of every drawing.
pub(crate) const CHART_STYLE: &str = include_str!("chart.css");

/// The width of every drawing, in its own units.
const WIDTH: f64 = 480.0;

/// The number of contestants with their own colour and dash: classes `s0` to `s11` of the style sheet.
const SERIES_CLASSES: usize = 12;

/// The text of a drawing besides its content.
#[derive(Clone, Debug)]
pub(crate) struct Caption {
    /// The ID, unique on the page; letters, digits and dashes.
    pub(crate) id: String,
    pub(crate) title: String,
    /// The description of the drawing, in words.
    pub(crate) description: String,
}

/// Draws the frame of a drawing, with a name for screen readers and a visible title above it.
fn figure(caption: &Caption, height: f64, drawing: &Markup, below: &Markup) -> Markup {
    let (title_id, description_id) = (format!("{}-title", caption.id), format!("{}-description", caption.id));
    html! {
        figure {
            figcaption { (caption.title) }
            svg viewBox={ "0 0 " (WIDTH) " " (number(height)) } role="img"
                aria-labelledby={ (title_id) " " (description_id) } {
                title id=(title_id) { (caption.title) }
                desc id=(description_id) { (caption.description) }
                (drawing)
            }
            (below)
        }
    }
}

/// Returns the class of a contestant's colour and dash.
fn series_class(index: usize) -> String {
    format!("s{}", index % SERIES_CLASSES)
}

/// Formats a coordinate. A tenth of a unit is finer than any screen.
fn number(value: f64) -> String {
    format!("{value:.1}")
}
