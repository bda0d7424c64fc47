//! The figures that charts and table leave out, in a collapsed section: a row for each figure, a column for each
//! contestant.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;

use super::tables::{rounds, scrolling};
use crate::figures::{a_second, memory, microseconds, seconds, share};
use crate::{Entry, Run, Spread};
use corecast_command::figures::{bytes_a_second, three_digits, time};

/// A title, the place of the figure in a report, and its format.
type Figure = (&'static str, &'static str, fn(f64) -> String);

/// The medians of the shown rounds, by topic.
const FIGURES: [(&str, &[Figure]); 6] = [
    (
        "Latency",
        &[
            ("p90", "/latency_us/p90", time),
            ("p99.99", "/latency_us/p9999", time),
            ("completion p50", "/completion_us/p50", time),
            ("least mean of a subscriber", "/fairness/least_mean_us", time),
            ("median mean of a subscriber", "/fairness/median_mean_us", time),
            ("greatest mean of a subscriber", "/fairness/greatest_mean_us", time),
            ("skew p50", "/skew_us/p50", time),
            ("skew p99", "/skew_us/p99", time),
            ("skew max", "/skew_us/max", time),
        ],
    ),
    (
        "Rates",
        &[
            ("messages offered", "/messages/offered_per_second", a_second),
            ("messages achieved", "/messages/achieved_per_second", a_second),
            ("payload delivered", "/deliveries/payload_bytes_per_second", bytes_a_second),
            ("received, frames and all", "/deliveries/received_bytes_per_second", bytes_a_second),
        ],
    ),
    (
        "Server",
        &[
            ("CPUs used", "/server/cpus_used", three_digits),
            ("threads that waited for a CPU", "/server/waited_cpus", three_digits),
            ("user CPU/delivery", "/server/user_us_per_delivery", microseconds),
            ("system CPU/delivery", "/server/system_us_per_delivery", microseconds),
            ("memory before the load", "/server/memory_before_bytes", memory),
            ("memory with all connected", "/server/memory_connected_bytes", memory),
            ("memory under load", "/server/memory_loaded_bytes", memory),
            ("memory a connection", "/server/memory_per_connection_bytes", memory),
        ],
    ),
    (
        "Load generator",
        &[
            ("of its CPU used", "/generator/cpu_share", share),
            ("of the time waiting for it", "/generator/waited_share", share),
            ("lateness p99", "/generator/lateness_us/p99", time),
            ("deliveries a receive", "/generator/deliveries_per_receive", three_digits),
            ("most bytes queued for a socket", "/generator/max_queued_bytes", memory),
        ],
    ),
    (
        "Machine",
        &[
            ("CPUs that others used", "/environment/others_cpus", three_digits),
            ("CPUs kept by the hypervisor", "/environment/stolen_cpus", three_digits),
            ("load average of the minute before", "/environment/load_average/0", three_digits),
        ],
    ),
    (
        "Reconnections",
        &[
            ("subscribed again, p50", "/reconnections/subscribe_us/p50", time),
            ("subscribed again, p99", "/reconnections/subscribe_us/p99", time),
            ("until all were", "/reconnections/all_subscribed_seconds", seconds),
        ],
    ),
];

/// The objects whose counts are summed over all rounds, including those that failed.
const COUNTS: [(&str, &str); 5] = [
    ("Checks, all rounds together", "/checks"),
    ("Deliveries, all rounds together", "/deliveries"),
    ("Stalled subscribers, all rounds together", "/stalled"),
    ("Checks of stalled subscribers", "/stalled/checks"),
    ("Reconnections, all rounds together", "/reconnections"),
];

/// The lists of CPUs, which are the same in each round or are all named.
const PINNED: [(&str, &str); 2] =
    [("CPUs of the server", "/environment/server_cpus"), ("CPUs of the load", "/environment/generator_cpus")];

/// A row: its title, and a cell for each contestant that has the figure.
type Row = (String, Vec<Option<Markup>>);

/// Renders the section, if any report has a figure for it.
pub(super) fn more(entries: &[&Entry]) -> Markup {
    let groups: Vec<(&str, Vec<Row>)> = groups(entries).into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
    let columns = entries.len() + 1;
    let table = html! {
        table {
            thead { tr { td {} @for entry in entries { th scope="col" { (entry.label()) } } } }
            @for (title, rows) in &groups {
                tbody {
                    tr { th colspan=(columns) scope="rowgroup" { (title) } }
                    @for (title, cells) in rows { tr {
                        th scope="row" { (title) }
                        @for cell in cells { @if let Some(cell) = cell { (cell) } @else { td { "-" } } }
                    } }
                }
            }
        }
    };
    let caption = format!("Medians (least to greatest) of {} where not said otherwise", rounds(entries));
    html! {
        @if !groups.is_empty() {
            details { summary { "More figures: skew, bytes, memory, checks, machine" } (scrolling(&caption, &table)) }
        }
    }
}

fn groups<'a>(entries: &[&Entry]) -> Vec<(&'a str, Vec<Row>)> {
    let mut groups: Vec<(&str, Vec<Row>)> = Vec::new();
    for (title, figures) in FIGURES {
        let rows = figures.iter().filter_map(|(title, pointer, format)| figure(entries, title, pointer, *format));
        groups.push((title, rows.collect()));
    }
    groups.push(("Pinning", PINNED.iter().filter_map(|(title, pointer)| list(entries, title, pointer)).collect()));
    groups.push(("Phases", phases(entries)));
    groups.push(("Shards", shards(entries)));
    groups.extend(COUNTS.map(|(title, pointer)| (title, counts(entries, pointer))));
    groups
}

/// Renders a row, unless all its cells are empty.
fn row(entries: &[&Entry], title: &str, cell: impl Fn(&Entry) -> Option<Markup>) -> Option<Row> {
    let cells: Vec<Option<Markup>> = entries.iter().map(|entry| cell(entry)).collect();
    cells.iter().any(Option::is_some).then(|| (title.to_owned(), cells))
}

fn figure(entries: &[&Entry], title: &str, pointer: &str, format: fn(f64) -> String) -> Option<Row> {
    row(entries, title, |entry| {
        let spread = Spread::of(&entry.shown().filter_map(|run| run.number(pointer)).collect::<Vec<_>>())?;
        let (median, range) = (format(spread.median), spread.range(format));
        Some(html! { td.number { (median) @if range != median { " " small.range { "(" (range) ")" } } } })
    })
}

fn list(entries: &[&Entry], title: &str, pointer: &str) -> Option<Row> {
    row(entries, title, |entry| {
        let lists = entry.runs.iter().filter_map(|run| run.value(pointer)?.as_array());
        let lists = lists.filter(|list| !list.is_empty()).map(|list| list.iter().map(Value::to_string));
        let distinct: BTreeSet<String> = lists.map(|list| list.collect::<Vec<_>>().join(", ")).collect();
        let words = distinct.into_iter().collect::<Vec<_>>().join(" or ");
        (!words.is_empty()).then(|| html! { td.words { (words) } })
    })
}

fn counts(entries: &[&Entry], pointer: &str) -> Vec<Row> {
    let of = |run: &Run| run.value(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
    let runs = entries.iter().flat_map(|entry| &entry.runs);
    let names: BTreeSet<String> = runs.flat_map(of).filter(|(_, value)| value.is_u64()).map(|(name, _)| name).collect();
    let sum = |entry: &Entry, name: &str| {
        let counts: Vec<u64> = entry.runs.iter().filter_map(|run| of(run).get(name)?.as_u64()).collect();
        (!counts.is_empty())
            .then(|| html! { td.number { (counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count))) } })
    };
    names.iter().filter_map(|name| row(entries, &name.replace('_', " "), |entry| sum(entry, name))).collect()
}

/// Renders the latency before, during and after an event, for the reports that have it.
fn phases(entries: &[&Entry]) -> Vec<Row> {
    let name = |nth: usize| {
        let pointer = format!("/phases/{nth}/name");
        let mut runs = entries.iter().flat_map(|entry| &entry.runs);
        runs.find_map(|run| run.value(&pointer)?.as_str().map(str::to_owned))
    };
    let rows = (0..).map_while(name).enumerate().flat_map(|(nth, name)| {
        ["p50", "p99", "max"].map(|figure_name| {
            let pointer = format!("/phases/{nth}/latency_us/{figure_name}");
            figure(entries, &format!("{name}: {figure_name}"), &pointer, time)
        })
    });
    rows.flatten().collect()
}

fn shards(entries: &[&Entry]) -> Vec<Row> {
    let splits: Vec<Vec<(u64, String)>> = entries.iter().map(|entry| entry.split()).collect();
    let numbers: BTreeSet<u64> = splits.iter().flatten().map(|(number, _)| *number).collect();
    let cell = |split: &Vec<(u64, String)>, number| {
        split.iter().find(|(shard, _)| *shard == number).map(|(_, words)| html! { td.words { (words) } })
    };
    let row = |number| (format!("shard {number}"), splits.iter().map(|split| cell(split, number)).collect());
    numbers.into_iter().map(row).collect()
}
