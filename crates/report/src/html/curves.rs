//! Latency by percentile, by time and by rate.

use maud::{Markup, html};

use crate::chart::{Axis, Caption, Lines, Series};
use crate::{Entry, Ladder, Metric, Run, median};
use corecast_figures::{scaled, time};

/// A point: percentile, time or rate, and latency in microseconds.
type Point = (f64, f64);

/// The percentiles with a marker, which are also in the tables.
const MARKED: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];

/// One curve for each contestant: at each percentile the median of the rounds.
pub(super) fn percentiles(id: &str, entries: &[&Entry], legend: &Markup) -> Markup {
    let series = numbered(entries, |entry| {
        let points = curve(entry);
        Some(Series { index: 0, marked: MARKED.to_vec(), ringed: Vec::new(), points })
    });
    let each = entries.iter().filter_map(|entry| {
        let at = |metric| entry.spread(metric).map(|spread| time(spread.median));
        Some(format!("{}: p50 {}, p99 {}, max {}", entry.name, at(Metric::P50)?, at(Metric::P99)?, at(Metric::Max)?))
    });
    let caption = Caption {
        id: format!("{id}-percentiles"),
        title: "Latency by percentile (less is better)".to_owned(),
        description: format!("A curve for each contestant. {}.", each.collect::<Vec<_>>().join("; ")),
    };
    let x = Axis::percentiles("percentile of the deliveries, %", points(&series).map(|(x, _)| x));
    chart(caption, x, "latency", series, legend)
}

/// The median of the rounds' curves where they have the same percentiles, else the curve of the round in the
/// middle; without curves, the percentiles that every report has.
fn curve(entry: &Entry) -> Vec<Point> {
    let curves: Vec<Vec<Point>> = entry.runs.iter().map(Run::latency_curve).collect();
    // A round with fewer deliveries has a shorter curve: what all have is drawn.
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
        let values: Vec<f64> = entry.runs.iter().filter_map(|run| run.number(&pointer)).collect();
        Some((percentile, median(&values)?))
    };
    percentiles.into_iter().filter_map(at).collect()
}

/// The 99th percentile over the time of the round that is in the middle by its own 99th percentile.
pub(super) fn timeline(id: &str, entries: &[&Entry], legend: &Markup) -> Markup {
    let series = numbered(entries, |entry| {
        let moments = middle_run(entry)?.timeline().ok()?;
        let points = moments.iter().map(|moment| (moment.at_seconds, moment.p99)).collect();
        Some(Series { index: 0, points, marked: Vec::new(), ringed: Vec::new() })
    });
    let worst = series.iter().filter_map(|series| {
        let (at, p99) = series.points.iter().copied().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        Some(format!("{}: at most {}, at {at} s", entries[series.index].name, time(p99)))
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
    let mut runs: Vec<(f64, &Run)> = entry.runs.iter().filter_map(|run| Some((Metric::P99.of(run)?, run))).collect();
    runs.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    runs.get(runs.len().checked_sub(1)? / 2).map(|(_, run)| *run)
}

/// The 99th percentile at each rate, and a ring around the last rate that was kept up.
pub(super) fn ladder(id: &str, entries: &[&Entry], legend: &Markup) -> Markup {
    let ladder_of = |entry: &Entry| entry.runs.iter().find_map(|run| run.ladder().ok().flatten());
    let series = numbered(entries, |entry| ladder_of(entry).as_ref().map(climbed));
    let knees = series.iter().map(|series| {
        let name = &entries[series.index].name;
        let (rate, _) = series.ringed.first()?;
        Some(format!("{name} {} messages a second", scaled(*rate)))
    });
    let knees = knees.flatten().collect::<Vec<_>>().join(", ");
    let knees = if knees.is_empty() { "no rate was kept up".to_owned() } else { format!("knee: {knees}") };
    let caption = Caption {
        id: format!("{id}-ladder"),
        title: "p99 by offered rate; a ring is the knee, the last rate that was kept up".to_owned(),
        description: format!("A line for each contestant; {knees}."),
    };
    let x = Axis::rate("messages offered a second", points(&series).map(|(x, _)| x));
    chart(caption, x, "p99", series, &html! { (legend) p.knees { (knees) } })
}

fn climbed(ladder: &Ladder) -> Series {
    let points: Vec<Point> = ladder.rungs.iter().map(|rung| (rung.rate, rung.p99)).collect();
    let kept = ladder.rungs.iter().filter(|rung| rung.kept).map(|rung| rung.rate).collect();
    let ringed = points.iter().copied().filter(|(rate, _)| Some(*rate) == ladder.knee).collect();
    Series { index: 0, points, marked: kept, ringed }
}

/// The series of the entries that have points, each with the entry's number.
fn numbered(entries: &[&Entry], series: impl Fn(&Entry) -> Option<Series>) -> Vec<Series> {
    let all = entries.iter().enumerate();
    let all = all.filter_map(|(index, entry)| Some(Series { index, ..series(entry)? }));
    all.filter(|series| !series.points.is_empty()).collect()
}

fn points(series: &[Series]) -> impl Iterator<Item = Point> + Clone {
    series.iter().flat_map(|series| series.points.iter().copied())
}

/// Nothing, if there is nothing to draw.
fn chart(caption: Caption, x: Option<Axis>, latency: &str, series: Vec<Series>, below: &Markup) -> Markup {
    let y = Axis::latency(latency, points(&series).map(|(_, y)| y));
    x.zip(y).map(|(x, y)| Lines { caption, x, y, series }.draw(below)).unwrap_or_default()
}
