//! Latency by percentile, by time and by rate.

use maud::{Markup, html};

use crate::chart::{Axis, Caption, Lines, Series};
use crate::figures::rate;
use crate::{Entry, Metric, Ramp, Run, median};
use corecast_command::figures::time;

/// A point: percentile, time or rate, and latency in microseconds.
type Point = (f64, f64);

/// The percentiles with a marker, which are also in the tables.
const MARKED: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];

/// Draws one curve for each contestant: at each percentile the median of the rounds.
pub(super) fn percentiles(id: &str, entries: &[&Entry], legend: &Markup) -> Markup {
    let series = numbered(entries, |entry| {
        let points = curve(entry);
        // A curve has ten points for each further nine, and so one at 49.9 % instead of the median.
        let is_marked = |x: &f64| MARKED.iter().any(|mark| (mark - x).abs() < (100.0 - mark) / 100.0);
        let marked = points.iter().map(|(x, _)| *x).filter(is_marked).collect();
        Some(Series { index: 0, marked, ringed: Vec::new(), points })
    });
    let each = entries.iter().filter_map(|entry| {
        let at = |metric| entry.spread(metric).map(|spread| time(spread.median));
        Some(format!("{}: p50 {}, p99 {}, max {}", entry.label(), at(Metric::P50)?, at(Metric::P99)?, at(Metric::Max)?))
    });
    let caption = Caption {
        id: format!("{id}-percentiles"),
        title: "Latency by percentile (less is better)".to_owned(),
        description: format!("A curve for each contestant. {}.", each.collect::<Vec<_>>().join("; ")),
    };
    let x = Axis::percentiles("percentile of the deliveries, %", points(&series).map(|(x, _)| x));
    chart(caption, x, "latency", series, legend)
}

/// Returns the median of the rounds' curves if they have the same percentiles, otherwise the curve of the round in the
/// middle. Without curves, returns the percentiles that every report has.
fn curve(entry: &Entry) -> Vec<Point> {
    let curves: Vec<Vec<Point>> = entry.shown().map(Run::latency_curve).collect();
    // A round with fewer deliveries has a shorter curve, so only the common points are drawn.
    let common = curves.iter().map(Vec::len).min().unwrap_or_default();
    if common < 2 {
        return summary_points(entry);
    }
    let same = |curve: &Vec<Point>| curve.iter().zip(&curves[0]).all(|((a, _), (b, _))| (a - b).abs() < 1e-9);
    if !curves.iter().all(same) {
        return middle_run(entry).map(Run::latency_curve).unwrap_or_default();
    }
    let at = |point: usize| {
        let values: Vec<f64> = curves.iter().map(|curve| curve[point].1).collect();
        Some((curves[0][point].0, median(&values)?))
    };
    (0..common).filter_map(at).collect()
}

fn summary_points(entry: &Entry) -> Vec<Point> {
    let percentiles = [(50.0, "p50"), (90.0, "p90"), (99.0, "p99"), (99.9, "p999"), (99.99, "p9999")];
    let at = |(percentile, name)| {
        let pointer = format!("/latency_us/{name}");
        let values: Vec<f64> = entry.shown().filter_map(|run| run.number(&pointer)).collect();
        Some((percentile, median(&values)?))
    };
    percentiles.into_iter().filter_map(at).collect()
}

/// Draws the 99th percentile over time, of the round that is in the middle by its own 99th percentile.
pub(super) fn timeline(id: &str, entries: &[&Entry], legend: &Markup) -> Markup {
    let series = numbered(entries, |entry| {
        let moments = middle_run(entry)?.timeline().ok()?;
        let points = moments.iter().map(|moment| (moment.at_seconds, moment.p99)).collect();
        Some(Series { index: 0, points, marked: Vec::new(), ringed: Vec::new() })
    });
    let worst = series.iter().filter_map(|series| {
        let (at, p99) = series.points.iter().copied().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some(format!("{}: at most {}, at {at} s", entries[series.index].label(), time(p99)))
    });
    let caption = Caption {
        id: format!("{id}-timeline"),
        title: "p99 over time, in the round in the middle (less is better)".to_owned(),
        description: format!("A line for each contestant. {}.", worst.collect::<Vec<_>>().join("; ")),
    };
    let x = Axis::linear("seconds into the measured window", points(&series).map(|(x, _)| x));
    chart(caption, x, "p99", series, legend)
}

fn middle_run(entry: &Entry) -> Option<&Run> {
    let mut runs: Vec<(f64, &Run)> = entry.shown().filter_map(|run| Some((Metric::P99.of(run)?, run))).collect();
    runs.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    runs.get(runs.len().checked_sub(1)? / 2).map(|(_, run)| *run)
}

/// Draws the 99th percentile at each rate, and a ring at the knee: medians of the rounds.
pub(super) fn ramp(id: &str, entries: &[&Entry], legend: &Markup) -> Markup {
    let series = numbered(entries, |entry| Some(ramp_series(entry)));
    let knees = entries.iter().filter_map(|entry| {
        let spread = entry.spread(Metric::Knee)?;
        let range = if spread.least < spread.greatest { format!(" ({})", spread.range(rate)) } else { String::new() };
        Some(format!("{} {} messages a second{range}", entry.label(), rate(spread.median)))
    });
    let knees = knees.collect::<Vec<_>>().join(", ");
    let knees = if knees.is_empty() { "no rate was kept up".to_owned() } else { format!("knee: {knees}") };
    let caption = Caption {
        id: format!("{id}-ramp"),
        title: "p99 by offered rate; a marker is a rate that was kept up, a ring the knee, the last of them".to_owned(),
        description: format!("A line for each contestant; {knees}."),
    };
    let x = Axis::rate("messages offered a second", points(&series).map(|(x, _)| x));
    chart(caption, x, "p99", series, &html! { (legend) p.knees { (knees) } })
}

fn ramp_series(entry: &Entry) -> Series {
    let ramps: Vec<Ramp> = entry.shown().filter_map(|run| run.ramp().ok().flatten()).collect();
    let steps = || ramps.iter().flat_map(|ramp| &ramp.steps);
    let mut rates: Vec<f64> = steps().map(|step| step.rate).collect();
    rates.sort_unstable_by(f64::total_cmp);
    rates.dedup();
    let at = |rate: f64| steps().filter(move |step| step.rate.total_cmp(&rate).is_eq());
    let p99 = |rate: f64| median(&at(rate).map(|step| step.p99).collect::<Vec<_>>());
    let points: Vec<Point> = rates.iter().filter_map(|rate| Some((*rate, p99(*rate)?))).collect();
    let mostly_kept = |rate: &f64| at(*rate).filter(|step| step.kept).count() * 2 > ramps.len();
    let knee = median(&ramps.iter().filter_map(|ramp| ramp.knee).collect::<Vec<_>>());
    let ringed = knee.and_then(|knee| Some((knee, on_line(&points, knee)?))).into_iter().collect();
    Series { index: 0, marked: rates.iter().copied().filter(mostly_kept).collect(), ringed, points }
}

/// Returns the height of a line at `x` between two of its points, on two logarithmic axes. The median of an even number
/// of knees needs it.
fn on_line(points: &[Point], x: f64) -> Option<f64> {
    let after = points.iter().position(|(rate, _)| *rate >= x)?;
    let ((left, low), (right, high)) = (points[after.saturating_sub(1)], points[after]);
    let part = if left < right { (x / left).ln() / (right / left).ln() } else { 1.0 };
    Some(low * (high / low).powf(part))
}

/// Returns the series of the entries that have points, each with the entry's number.
fn numbered(entries: &[&Entry], series: impl Fn(&Entry) -> Option<Series>) -> Vec<Series> {
    let all = entries.iter().enumerate();
    let all = all.filter_map(|(index, entry)| Some(Series { index, ..series(entry)? }));
    all.filter(|series| !series.points.is_empty()).collect()
}

fn points(series: &[Series]) -> impl Iterator<Item = Point> + Clone {
    series.iter().flat_map(|series| series.points.iter().copied())
}

/// Draws a chart, or nothing if there is nothing to draw.
fn chart(caption: Caption, x: Option<Axis>, latency: &str, series: Vec<Series>, below: &Markup) -> Markup {
    let y = Axis::latency(latency, points(&series).map(|(_, y)| y));
    x.zip(y).map(|(x, y)| Lines { caption, x, y, series }.draw(below)).unwrap_or_default()
}
