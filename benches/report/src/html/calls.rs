//! The page of calls under contention: a chart for each kind of call and number of executors.

use maud::{Markup, html};

use super::tables::scrolling;
use super::{capitalized, document};
use crate::Timing;
use crate::chart::{Axis, Caption, Lines, Series, legend};
use corecast_command::figures::time;

/// Renders the page of these timings. `version` is that of the program that creates it.
pub fn contention_page(title: &str, timings: &[Timing], version: &str) -> String {
    let policies = distinct(timings.iter().map(|timing| timing.policy.as_str()));
    let charts = distinct(timings.iter().map(|timing| (timing.executors.as_str(), timing.call.as_str())));
    let legend = legend(&policies);
    let body = html! {
        header {
            h1 { (title) }
            p {
                "The median time of one call by the number of tasks that call at the same time. With one task "
                "there is no contention: that is the cost of a call besides its own work. Both axes are logarithmic."
            }
        }
        main {
            section {
                div.charts { @for (executors, call) in &charts { (chart(executors, call, timings, &policies, &legend)) } }
                (table(timings, &policies))
            }
        }
        footer { "Made by corecast " (version) " from the results of criterion." }
    };
    document(title, &body)
}

fn chart(executors: &str, call: &str, timings: &[Timing], policies: &[&str], legend: &Markup) -> Markup {
    let of_chart = |timing: &&Timing| timing.executors == executors && timing.call == call;
    let line = |(index, policy): (usize, &&str)| {
        let own = timings.iter().filter(of_chart).filter(|timing| timing.policy == **policy);
        let mut points: Vec<(f64, f64)> = own.map(|timing| (f64::from(timing.tasks), timing.median_us)).collect();
        points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let marked = points.iter().map(|(tasks, _)| *tasks).collect();
        Series { index, points, marked, ringed: Vec::new() }
    };
    let series: Vec<Series> = policies.iter().enumerate().map(line).collect();
    let points = || series.iter().flat_map(|series| series.points.iter().copied());
    let plural = if executors == "1" { "" } else { "s" };
    let last = timings.iter().filter(of_chart).map(|timing| {
        let Timing { policy, tasks, median_us, .. } = timing;
        format!("{policy} with {tasks}: {}", time(*median_us))
    });
    let caption = Caption {
        id: format!("calls-{executors}-{call}"),
        title: format!("{} calls, {executors} executor{plural} (less is better)", capitalized(call)),
        description: format!("A line for each policy. {}.", last.collect::<Vec<_>>().join("; ")),
    };
    let x = Axis::rate("tasks that call", points().map(|(tasks, _)| tasks));
    let y = Axis::latency("a call", points().map(|(_, us)| us));
    x.zip(y).map(|(x, y)| Lines { caption, x, y, series }.draw(legend)).unwrap_or_default()
}

/// Renders a row for each policy and a column for each benchmark.
fn table(timings: &[Timing], policies: &[&str]) -> Markup {
    type Column<'a> = (&'a str, &'a str, u32);
    let mut columns: Vec<Column> = distinct(timings.iter().map(column));
    columns.sort_by(|a, b| (a.1 == "long", a.0, a.2).cmp(&(b.1 == "long", b.0, b.2)));
    let cell = |policy: &str, wanted: &Column| {
        let found = timings.iter().find(|timing| timing.policy == policy && column(timing) == *wanted);
        found.map_or_else(|| "-".to_owned(), |timing| time(timing.median_us))
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "policy" }
                @for (executors, call, tasks) in &columns { th scope="col" { (call) ", " (executors) "/" (tasks) } }
            } }
            tbody { @for policy in policies { tr {
                th scope="row" { (policy) }
                @for column in &columns { td { (cell(policy, column)) } }
            } } }
        }
    };
    scrolling("Medians of a call, by the kind of call, the number of executors and that of tasks", &table)
}

fn column(timing: &Timing) -> (&str, &str, u32) {
    (&timing.executors, &timing.call, timing.tasks)
}

/// Returns each value once, in the order of first appearance.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}
