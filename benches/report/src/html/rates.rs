//! Latency over the rate: charts and a table of all rates for the page, and the charts alone as one drawing.

use maud::{Markup, html};

use super::tables::{cell, rounds, scrolling};
use crate::chart::{Axis, Caption, Lines, Series, Sheet, legend};
use crate::curve::Curve;
use crate::figures::rate;
use crate::table::conditions;
use crate::{Entry, Metric, Results};
use corecast_command::figures::{counted, time};

/// The note on points whose figures must not be used.
const WITHOUT_MARKER: &str = "A point without a marker rests on rounds that failed or are invalid.";

/// The metrics that are drawn over the rate.
const DRAWN: [Metric; 2] = [Metric::P50, Metric::P99];
/// The medians of the table.
const SHOWN: [Metric; 4] = [Metric::P50, Metric::P99, Metric::Cpu, Metric::Fairness];
/// The metrics that are also divided by the reference's.
const DIVIDED: [Metric; 3] = [Metric::P50, Metric::P99, Metric::Cpu];

/// Renders charts and table of an experiment whose contestants ran at several rates; `id` begins the names of its
/// parts.
pub(super) fn section(id: &str, results: &Results) -> Markup {
    let Some(curve) = results.curve() else { return html! {} };
    let legend = legend(&curve.names);
    html! {
        h3 { "Latency over the rate" }
        p { (WITHOUT_MARKER) }
        div.charts {
            @for metric in DRAWN { @if let Some(lines) = lines(id, &curve, metric) { (lines.draw(&legend)) } }
        }
        (table(&curve))
    }
}

/// Draws the chart of these results' latency over the rate as one SVG document that needs nothing else and follows the
/// reader's light or dark mode. None if no contestant ran at two rates or more.
pub fn curve_chart(title: &str, results: &Results) -> Option<String> {
    let curve = results.curve()?;
    let panels: Vec<Lines> = DRAWN.into_iter().filter_map(|metric| lines("curve", &curve, metric)).collect();
    let names = curve.names.iter().map(|name| (*name).to_owned()).collect();
    let rounds = counted(results.rounds(), "round");
    let rounds = if results.rounds() == 1 { rounds } else { format!("medians of {rounds}") };
    let [load, machine] = conditions(results.first_run()?);
    let mut versions: Vec<&str> = curve.points().filter_map(|(_, entry)| entry.version.as_deref()).collect();
    versions.sort_unstable();
    versions.dedup();
    let mut notes = vec![format!("{load}; {rounds}"), [&[machine.as_str()], &versions[..]].concat().join("; ")];
    if curve.points().any(|(_, entry)| !entry.usable()) {
        notes.push(WITHOUT_MARKER.to_owned());
    }
    (!panels.is_empty()).then(|| Sheet { title: title.to_owned(), panels, names, notes }.draw())
}

/// Draws a line for each contestant: the median of a metric at each rate.
fn lines(id: &str, curve: &Curve<'_>, metric: Metric) -> Option<Lines> {
    let series = |(index, name): (usize, &&str)| {
        let own = curve.points().filter(|(_, entry)| entry.name == **name);
        let points = own.clone().filter_map(|(rate, entry)| Some((rate, entry.spread(metric)?.median))).collect();
        let marked = own.filter(|(_, entry)| entry.usable()).map(|(rate, _)| rate).collect();
        Series { index, points, marked, ringed: Vec::new() }
    };
    let series: Vec<Series> = curve.names.iter().enumerate().map(series).collect();
    let at = |series: &Series| {
        let points = series.points.iter().map(|(at, us)| format!("{} at {}", time(*us), rate(*at)));
        format!("{}: {}", curve.names[series.index], points.collect::<Vec<_>>().join(", "))
    };
    let caption = Caption {
        id: format!("{id}-{}", metric.name()),
        title: format!("{} over the rate (less is better)", metric.title()),
        description: format!("A line for each contestant. {}.", series.iter().map(at).collect::<Vec<_>>().join("; ")),
    };
    let points = || series.iter().flat_map(|series| series.points.iter().copied());
    let x = Axis::rate("messages offered a second", points().map(|(rate, _)| rate));
    let y = Axis::latency(metric.title(), points().map(|(_, us)| us));
    let (x, y) = x.zip(y)?;
    Some(Lines { caption, x, y, series })
}

fn table(curve: &Curve<'_>) -> Markup {
    let all: Vec<&Entry> = curve.points().map(|(_, entry)| entry).collect();
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "contestant" }
                @for metric in SHOWN { th scope="col" { (metric) } }
                @for metric in DIVIDED { th scope="col" { (metric) " ×" } }
                th scope="col" { "checks" }
            } }
            @for step in &curve.steps {
                tbody {
                    tr { th colspan=(2 + SHOWN.len() + DIVIDED.len()) scope="rowgroup" { (rate(step.rate)) " messages a second" } }
                    @for entry in &step.entries { (row(curve, entry)) }
                }
            }
        }
    };
    let caption = format!(
        "Medians (least to greatest) of {}; ×: the median of the rounds' ratios to {} (its 95 % interval)",
        rounds(&all),
        curve.reference()
    );
    scrolling(&caption, &table)
}

fn row(curve: &Curve<'_>, entry: &Entry) -> Markup {
    html! {
        tr {
            th scope="row" { (entry.name) }
            @for metric in SHOWN { td.number { (cell(entry, metric)) } }
            @for metric in DIVIDED {
                td.number {
                    (curve.ratio(entry, metric).unwrap_or_else(|| "-".to_owned()))
                    @if let Some(interval) = curve.interval(entry, metric) { " " small.range { "(" (interval) ")" } }
                }
            }
            td class={ "state " (entry.state()) } { (entry.verdict_on_checks()) }
        }
    }
}
