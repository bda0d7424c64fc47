//! Figures and verdicts as tables: everything that the charts show, in words and numbers.

use maud::{Markup, html};

use crate::figures;
use crate::{Entry, Load, Metric, RESAMPLES, Results, Verdict};
use corecast_command::counted;

/// Renders a table that scrolls by itself if the page is narrower. It can be reached with the keyboard, so that it can
/// be scrolled. Its caption is outside, so that it does not scroll away.
pub(super) fn scrolling(caption: &str, table: &Markup) -> Markup {
    html! {
        p.caption { (caption) }
        div.scroll role="region" aria-label=(caption) tabindex="0" { (table) }
    }
}

/// Renders every metric of every contestant under one load.
pub(super) fn figures(results: &Results, load: &Load, entries: &[&Entry]) -> Markup {
    let metrics = Metric::ALL.into_iter().filter(|metric| entries.iter().any(|entry| entry.spread(*metric).is_some()));
    let metrics: Vec<Metric> = metrics.collect();
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "contestant" }
                @for metric in &metrics { th scope="col" { (metric) } }
                th scope="col" { "checks" }
            } }
            tbody { @for entry in entries {
                tr {
                    th scope="row" {
                        (entry.name)
                        @if entry.name == results.reference && results.by_load().iter().any(|(_, all)| all.len() > 1) {
                            small { " reference" }
                        }
                    }
                    @for metric in &metrics { td.number { (cell(entry, *metric)) } }
                    td class={ "state " (entry.state()) } {
                        (entry.state())
                        @if entry.usable() && let Some(rounds) = entry.reservation() { " " small.range { (rounds) } }
                    }
                }
            } }
        }
    };
    scrolling(&format!("Medians (least to greatest) of {}; {load}", rounds(entries)), &table)
}

pub(super) fn rounds(entries: &[&Entry]) -> String {
    let most = entries.iter().map(|entry| entry.runs.len()).max().unwrap_or_default();
    counted(most, "round")
}

pub(super) fn cell(entry: &Entry, metric: Metric) -> Markup {
    let Some(spread) = entry.spread(metric) else { return html! { "-" } };
    html! {
        (metric.format(spread.median))
        @if spread.least < spread.greatest { " " small.range { "(" (spread.range(metric.formatter())) ")" } }
    }
}

/// Renders the verdicts of each contestant against the reference.
pub(super) fn verdicts(results: &Results) -> Markup {
    let verdicts = results.verdicts();
    if verdicts.iter().all(|(_, verdicts)| verdicts.is_empty()) {
        return html! {};
    }
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "metric" }
                th scope="col" { "ratio" }
                th scope="col" { "95 %" }
                th scope="col" { "pairs" }
                th.words scope="col" { "verdict" }
            } }
            @for (entry, verdicts) in &verdicts {
                tbody {
                    tr { th colspan="5" scope="rowgroup" { (entry.name) " against " (results.reference) "; " (entry.load) } }
                    @for verdict in verdicts { (row(verdict)) }
                }
            }
        }
    };
    let caption = format!(
        "Ratios to {} of the same round: the median, and the interval that holds it with 95 % confidence \
         (percentile bootstrap over the rounds, {RESAMPLES} resamples, Efron 1979)",
        results.reference
    );
    html! { h3 { "Verdicts" } (scrolling(&caption, &table)) }
}

fn row(verdict: &Verdict) -> Markup {
    let interval = verdict.interval.map_or_else(|| "-".to_owned(), |interval| interval.to_string());
    let (class, words) = match verdict.median() {
        Some(ratio) if verdict.differs() && (ratio < 1.0) == verdict.metric.less_is_better() => ("better", "better"),
        Some(_) if verdict.differs() => ("worse", "worse"),
        Some(_) if verdict.interval.is_none() => ("", "too few pairs to tell"),
        Some(_) => ("", "no difference shown"),
        None => ("", "no pair has figures"),
    };
    html! {
        tr {
            th scope="row" { (verdict.metric) }
            td { (verdict.median().map_or_else(|| "-".to_owned(), figures::ratio)) }
            td.number { (interval) }
            td.number { (verdict.ratios.len()) @if verdict.left_out > 0 { " (" (verdict.left_out) " left out)" } }
            td class={ "words " (class) } { (words) }
        }
    }
}

/// Renders the remarks on single runs.
pub(super) fn remarks(results: &Results) -> Markup {
    let remarks = results.remarks();
    html! {
        @if !remarks.is_empty() {
            h3 { "Remarks" }
            ul.remarks { @for (entry, remarks) in remarks {
                li { (entry.name) ", " (entry.load) ul { @for remark in remarks { li { (remark) } } } }
            } }
        }
    }
}
