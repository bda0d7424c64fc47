//! Experiments as one HTML page that needs nothing else: no script, no request, no font.
//!
//! It is written with maud: elements are checked at compile time, and every text is escaped unless its type is markup.
//! The page follows the reader's light or dark mode, and its tables scroll by themselves on a narrow screen.

mod calls;
mod curves;
mod facts;
mod more;
mod rates;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use calls::contention_page;
pub use rates::curve_chart;

use crate::chart::{Bar, CHART_STYLE, Caption, bars, legend};
use crate::outside::shown;
use crate::{Entry, Experiment, Load, Metric, Results};

/// The style sheet, embedded so that the page is one file.
const STYLE: &str = include_str!("style.css");

/// Renders the page of these experiments. `version` is that of the program that creates it.
pub fn page(title: &str, experiments: &[Experiment], version: &str) -> String {
    let title = &shown(title);
    let body = html! {
        header {
            h1 { (title) }
            p {
                "Latency counts from when a message was due (open loop) or made (closed loop) to when a subscriber "
                "had it, every byte compared. Figures are medians of the rounds; what follows in parentheses, and "
                "the thin line on a bar, goes from the least to the greatest. Rounds that failed or are invalid are left "
                "out; where all are, their figures are shown, hatched or named so."
            }
            (contents(experiments))
        }
        main {
            @for (number, experiment) in experiments.iter().enumerate() { (section(number, experiment)) }
        }
        footer { "Made by corecast " (version) " from the results of its load generator." }
    };
    document(title, &body)
}

/// Renders a whole page with this body.
fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}

fn contents(experiments: &[Experiment]) -> Markup {
    html! {
        @if experiments.len() > 1 {
            nav aria-label="Experiments" {
                ul { @for (number, experiment) in experiments.iter().enumerate() {
                    li { a href={ "#experiment-" (number) } { (experiment.title) } }
                } }
            }
        }
    }
}

fn section(number: usize, Experiment { title, results }: &Experiment) -> Markup {
    html! {
        section id={ "experiment-" (number) } aria-labelledby={ "heading-" (number) } {
            h2 id={ "heading-" (number) } { (title) }
            @if !results.passed() {
                p.alarm { "Checks failed: there were runs in which deliveries were wrong, or servers that did not end cleanly." }
            }
            (rates::section(&format!("c{number}-curve"), results))
            @for (nth, (load, entries)) in results.by_load().into_iter().enumerate() {
                (under_load(&format!("c{number}-{nth}"), results, load, &entries))
            }
            (tables::verdicts(results))
            (tables::remarks(results))
            (facts::facts(results))
        }
    }
}

/// Renders charts and figures of one load; `id` begins the names of its parts.
fn under_load(id: &str, results: &Results, load: &Load, entries: &[&Entry]) -> Markup {
    let legend = legend(&entries.iter().map(|entry| entry.label()).collect::<Vec<_>>());
    let rate = if load.is_ramp() { Metric::Knee } else { Metric::Deliveries };
    html! {
        h3 { (capitalized(&load.to_string())) }
        @if load.is_ramp() {
            p { "Latency and CPU are of each contestant's knee, but for the chart of all rates: of the last rate that it kept up." }
        }
        div.charts {
            (curves::percentiles(id, entries, &legend))
            (curves::timeline(id, entries, &legend))
            (curves::ramp(id, entries, &legend))
            div.stack { (bar_chart(id, entries, rate)) (bar_chart(id, entries, Metric::Cpu)) }
        }
        (tables::figures(results, load, entries))
        (more::more(entries))
    }
}

fn bar_chart(id: &str, entries: &[&Entry], metric: Metric) -> Markup {
    let (title, better) = match metric {
        Metric::Cpu => ("Server CPU time for one delivery, µs", "less is better"),
        Metric::Knee => ("Knee: messages a second that were kept up", "more is better"),
        _ => ("Deliveries a second", "more is better"),
    };
    let bar = |(index, entry): (usize, &&Entry)| {
        Some(Bar { index, name: entry.label(), spread: entry.spread(metric)?, hatched: !entry.usable() })
    };
    let drawn: Vec<Bar> = entries.iter().enumerate().filter_map(bar).collect();
    let each = drawn.iter().map(|bar| format!("{} {}", bar.name, metric.format(bar.spread.median)));
    let caption = Caption {
        id: format!("{id}-{}", metric.name()),
        title: format!("{title} ({better})"),
        description: format!("A bar for each contestant: {}.", each.collect::<Vec<_>>().join(", ")),
    };
    bars(&caption, &drawn, metric.formatter()).unwrap_or_default()
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
