//! Result files from an untrusted source: texts that a terminal, a table or a page would obey, and numbers that are not
//! figures.

use crate::files::collected;
use crate::support::{report, with};
use corecast_report::{Experiment, curve_chart, page};
use serde_json::{Value, json};

/// A text that forges a line, colours a terminal, and breaks a table, a code span and an element.
const TEXT: &str = "a\nFAKE\u{1b}[31m\r|`x`<script>alert(1)</script>\"'&\u{202e}";

/// Returns true if the text has characters that a terminal would obey rather than show.
fn has_hidden(text: &str) -> bool {
    text.chars().any(|letter| letter != '\n' && (letter.is_control() || letter == '\u{202e}'))
}

/// Returns a comparison in which every text is hostile, except the names that the format defines.
fn comparison() -> Vec<Experiment> {
    let mut hostile = report(100.0);
    for pointer in ["/version", "/host/cpu", "/host/kernel", "/settings/protocol", "/settings/channels", "/phases"] {
        hostile = with(hostile, pointer, json!(TEXT));
    }
    hostile = with(hostile, "/phases", json!([{ "name": TEXT, "latency_us": { "p50": 1.0 } }]));
    hostile["settings"][TEXT] = json!([TEXT]);
    hostile["checks"][TEXT] = json!(TEXT);
    hostile["timeline"] = json!(TEXT);
    hostile["validity"] = json!({ "valid": false, "reasons": [TEXT], "notes": [TEXT] });
    let entry = |name: &str, load: Value| {
        json!({
            "name": name, "load": load, "server": TEXT, "version": TEXT, "unclean_ends": [TEXT], "reports": [hostile, report(1.0)],
        })
    };
    let other = format!("{TEXT} other");
    let entries = json!([entry(TEXT, json!(TEXT)), entry(&other, json!(TEXT)), entry("c", json!({ TEXT: [TEXT] }))]);
    let text = json!({ "reference": TEXT, "entries": entries }).to_string();
    collected(&[(&format!("results/{TEXT}.json"), text)], Some(TEXT))
}

#[test]
fn texts_of_others_are_seen_and_not_obeyed() {
    let experiments = comparison();
    let Experiment { title, results } = &experiments[0];
    assert!(!has_hidden(title) && !title.contains('\n'), "{title:?}");
    assert!(results.reference.starts_with("a\\nFAKE\\u{1b}[31m\\r|`x`<script>"), "{}", results.reference);
    let texts = format!("{results}\n{}", results.verdicts_text());
    assert!(!has_hidden(&texts), "{texts:?}");
    assert!(!texts.lines().any(|line| line.starts_with("FAKE")), "{texts}");
    assert!(texts.contains("a\\nFAKE"), "{texts}");

    let page = page(TEXT, &experiments, "0.1.0");
    assert!(!page.contains("<script>alert"), "an element of others");
    assert!(page.contains("&lt;script&gt;alert"), "it is shown");
    assert!(!has_hidden(&page));
}

#[test]
fn a_markdown_row_has_as_many_cells_as_its_table() {
    let experiments = comparison();
    let table = experiments[0].results.ladder_table();
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2 + 3, "{table}");
    assert!(lines.iter().all(|line| cells(line) == 5), "{table}");
    assert!(!has_hidden(&table) && lines[2].starts_with("| `` a\\nFAKE"), "{table}");
}

#[test]
fn texts_of_others_do_not_break_a_curve() {
    let run = with(report(100.0), "/host/cpu", json!(TEXT));
    let entry = |rate: u64| json!({ "name": TEXT, "load": { "paced": { "rate": rate } }, "unclean_ends": [], "reports": [run] });
    let text = json!({ "reference": TEXT, "entries": [entry(100), entry(200)] }).to_string();
    let experiments = collected(&[("curve.json", text)], None);
    let results = &experiments[0].results;
    let table = results.curve_table().expect("two rates");
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.iter().all(|line| cells(line) == cells(lines[0])), "{table}");
    assert!(lines.len() == 4 && lines[2].contains("`` a\\nFAKE") && !has_hidden(&table), "{table}");
    let chart = curve_chart(TEXT, results).expect("two rates");
    assert!(!has_hidden(&chart) && !chart.contains("<script>alert"), "{chart}");
    assert!(!has_hidden(&results.to_string()), "{results}");
}

#[test]
fn numbers_that_are_no_figures_are_absent() {
    let numbers =
        ["-1", "-1e308", "1e308", "5e-324", "-5e-324", "18446744073709551615", "-9223372036854775808", "null"];
    for number in numbers {
        let value: Value = serde_json::from_str(number).expect("a number of JSON");
        let mut run = report(100.0);
        for pointer in [
            "/deliveries/measured_per_second",
            "/latency_us/p50",
            "/latency_us/p99",
            "/latency_us/max",
            "/server/cpu_us_per_delivery",
            "/settings/duration_seconds",
            "/settings/subscribers",
            "/settings/payload_bytes",
            "/host/cpus",
        ] {
            run = with(run, pointer, value.clone());
        }
        run["latency_curve"] = json!([[50.0, value], [value, 1.0], [99.0, 2.0]]);
        run["timeline"] = json!([{ "from_seconds": value, "p50_us": 1.0, "p99_us": value, "max_us": 1.0 }]);
        run["ramp"] = json!({ "steps": [{ "rate": value, "p99": 1.0 }], "knee": value });
        run["shards"] = json!([{ "shard": 0, "connections": value, "deliveries": value }]);
        let files: Vec<(String, String)> = (1..=7)
            .flat_map(|round| {
                let other = report(100.0).to_string();
                [(format!("r/odd.{round}.json"), run.to_string()), (format!("r/mutex.{round}.json"), other)]
            })
            .collect();
        let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        let experiments = collected(&files, None);
        let results = &experiments[0].results;
        let text = format!("{results}{}{}", results.verdicts_text(), results.ladder_table());
        assert!(!text.contains("NaN") && !text.contains("inf "), "{number}: {text}");
        assert!(text.lines().all(|line| line.chars().count() < 300), "{number}: {text}");
        let page = page("odd", &experiments, "0");
        assert!(!page.contains("NaN,") && !page.contains(">inf"), "{number}");
    }
}

#[test]
fn a_contestant_of_whom_most_rounds_are_invalid_has_no_result() {
    let invalid = || with(report(1.0), "/validity/valid", json!(false));
    let usable = |valid: usize, invalid_ones: usize| {
        let mut reports: Vec<Value> = (0..valid).map(|_| report(1.0)).collect();
        reports.extend((0..invalid_ones).map(|_| invalid()));
        crate::support::entry("a", reports).mostly_usable()
    };
    assert_eq!(
        [usable(1, 5), usable(2, 4), usable(3, 3), usable(6, 0), usable(0, 1)],
        [false, false, true, true, false]
    );
}
