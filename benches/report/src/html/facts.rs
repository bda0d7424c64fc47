//! Every setting and every fact of the host, of every run. The state of the machine during each run is in `more`.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::tables::scrolling;
use crate::table::plain;
use crate::{Results, Run};

/// The settings that are in the heading of each load, or that differ in each run.
const SHOWN_ELSEWHERE: [&str; 4] = ["load", "address", "server_pid", "channel_prefix"];

/// Renders the conditions of all runs: a row for each setting and fact, with each value that it had.
pub(super) fn facts(results: &Results) -> Markup {
    let settings = values(results, Run::settings);
    let settings: Vec<_> = settings.into_iter().filter(|(name, _)| !SHOWN_ELSEWHERE.contains(&name.as_str())).collect();
    let host: Vec<_> = values(results, Run::host).into_iter().filter(|(name, _)| name != "commit").collect();
    let generator = |run: &Run| {
        let commit = run.host().get("commit").and_then(Value::as_str);
        format!("{}{}", run.version(), commit.map(|commit| format!(" ({commit})")).unwrap_or_default())
    };
    let mut versions: Vec<String> = results.entries.iter().flat_map(|entry| &entry.runs).map(generator).collect();
    versions.sort_unstable();
    versions.dedup();
    html! {
        h3 { "Conditions" }
        div.facts {
            div { (table("Host", &host)) (servers(results)) }
            div { (table("Settings of the load", &settings)) }
        }
        p { "Load generator: corecast " (versions.join(", ")) "." }
    }
}

/// Returns the values of all runs by name, in the order of first appearance.
fn values<'a>(results: &'a Results, of: fn(&'a Run) -> &'a Map<String, Value>) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let runs = results.entries.iter().flat_map(|entry| &entry.runs);
    for (name, value) in runs.flat_map(of) {
        let (met, value) = (values.entry(name.clone()).or_default(), plain(value));
        if !met.contains(&value) {
            met.push(value);
        }
    }
    values
}

fn table(title: &str, rows: &[(String, Vec<String>)]) -> Markup {
    let table = html! {
        table {
            tbody { @for (name, values) in rows {
                tr { th scope="row" { (name.replace('_', " ")) } td.words { (values.join(" or ")) } }
            } }
        }
    };
    scrolling(title, &table)
}

fn servers(results: &Results) -> Markup {
    let mut servers: Vec<(String, Vec<String>)> = Vec::new();
    for entry in results.entries.iter().filter(|entry| !entry.server.is_empty()) {
        let version = entry.version.as_ref().map(|version| format!("{version}: ")).unwrap_or_default();
        let row = (entry.name.clone(), vec![format!("{version}{}", entry.server)]);
        if !servers.contains(&row) {
            servers.push(row);
        }
    }
    if servers.is_empty() {
        html! {}
    } else {
        table("Servers", &servers)
    }
}
