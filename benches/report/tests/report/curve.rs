//! Latency over the rate: one table, one chart on the page, one chart alone.

use crate::files::collected;
use crate::support::{report, results, with};
use corecast_report::{Entry, Experiment, Load, Results, Run, TABLE_WIDTH, curve_chart, page};
use serde_json::{Value, json};

const RATES: [u32; 3] = [250, 1000, 8000];

fn at(rate: u32, p50: f64) -> Value {
    let report = with(report(p50), "/settings/load", json!({ "paced": { "rate": rate } }));
    with(report, "/fairness", json!({ "greatest_to_median": 1.25, "greatest_mean_us": p50 * 1.25 }))
}

fn late(report: Value) -> Value {
    with(report, "/validity", json!({ "valid": false, "reasons": ["generator late: p99 1200 µs"], "notes": [] }))
}

fn entry(name: &str, rate: u32, reports: Vec<Value>) -> Entry {
    let load: Load = serde_json::from_value(json!({ "paced": { "rate": rate } })).expect("a load");
    Entry { runs: reports.into_iter().map(|it| Run::try_from(it).expect("a run")).collect(), ..Entry::new(name, load) }
}

/// Returns seven rounds of a contestant at every rate.
fn contestant(name: &str, factor: f64) -> Vec<Entry> {
    let rounds =
        |rate| (0..7).map(move |round| at(rate, factor * (100.0 + f64::from(rate) / 100.0 + f64::from(round))));
    RATES.iter().map(|rate| entry(name, *rate, rounds(*rate).collect())).collect()
}

/// Returns results in which `sharded` has a third of the latencies of `mutex`, of which some rounds at one rate and all
/// at another are invalid.
fn measured() -> Results {
    let mut mutex = contestant("mutex", 3.0);
    mutex[1].runs[0] = Run::try_from(late(at(1000, 9000.0))).expect("a run");
    mutex[2] = entry("mutex", 8000, (0..7).map(|_| late(at(8000, 7000.0))).collect());
    results(contestant("sharded", 1.0).into_iter().chain(mutex).collect())
}

/// Returns the words of a contestant's row at a rate, in the table that begins with this line.
fn words<'a>(text: &'a str, table: &str, contestant: &str, rate: &str) -> Vec<&'a str> {
    let (_, rows) = text.split_once(table).expect("the table");
    let rows = rows.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.into_iter().find(|row| row.starts_with(&[contestant, rate])).expect("the row")
}

#[test]
fn every_rate_and_contestant_has_a_row_of_one_table() {
    let text = measured().to_string();
    assert_eq!(text.matches("latency over the rate").count(), 1, "{text}");
    let tables = text.split("\n\n").filter(|part| part.contains("deliveries/s ")).count();
    assert_eq!(tables, 0, "no table of a single rate: {text}");
    let medians = |contestant, rate| words(&text, "latency over the rate", contestant, rate);
    let sharded =
        ["sharded", "250", "106", "µs", "211", "µs", "0.105", "µs", "1.250", "0.333", "0.333", "0.333", "held"];
    assert_eq!(medians("sharded", "250"), sharded, "{text}");
    assert_eq!(medians("mutex", "250")[8..], ["1.250", "1", "1", "1", "held"], "{text}");
    let below = |contestant, rate| words(&text, "least to greatest; 95 %", contestant, rate);
    let least_to_greatest = ["sharded", "250", "102", "to", "108", "µs", "205", "to", "217", "µs"];
    let intervals = ["0.333", "to", "0.333", "0.333", "to", "0.333"];
    assert_eq!(below("sharded", "250"), [&least_to_greatest[..], &intervals].concat(), "{text}");
}

#[test]
fn invalid_rounds_are_left_out_of_the_curve_and_counted() {
    let text = measured().to_string();
    let medians = |contestant, rate| words(&text, "latency over the rate", contestant, rate);
    assert_eq!(medians("mutex", "1000")[2..4], ["340", "µs"], "{text}");
    assert_eq!(medians("mutex", "1000")[12..], ["6", "of", "7"], "{text}");
    assert_eq!(medians("mutex", "8000")[9..], ["-", "-", "-", "INVALID"], "{text}");
    assert_eq!(medians("sharded", "8000")[9..], ["-", "-", "-", "held"], "no valid round to divide by: {text}");
    let said = "\nmutex over the rate\n  at 1000, 8000, 8 rounds, figures of the first: INVALID: generator late: p99 1200 µs\n";
    assert!(text.ends_with(said), "{text}");
}

#[test]
fn no_line_of_the_curve_is_wider_than_a_terminal() {
    let long = "sharded,flush-pause=0,max-flush-pause=2ms of /opt/corecast/bin/corecast";
    let wide = |rate| {
        let spread = [9_998.0, 12_345.0, 99_999.0, 9_999.0, 123.0, 1.0, 5.0];
        let runs = spread.map(|p50| with(at(rate, p50), "/fairness/greatest_to_median", json!(12.3456)));
        [entry(long, rate, runs.to_vec()), entry("mutex", rate, runs.map(late).to_vec())]
    };
    let text = results([1_u32, 99_900, 1_000_000].into_iter().flat_map(wide).collect()).to_string();
    for line in text.lines() {
        assert!(line.chars().count() <= TABLE_WIDTH, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn one_round_has_neither_ranges_nor_intervals() {
    let all = RATES.map(|rate| entry("sharded", rate, vec![at(rate, 100.0)]));
    let text = results(all.to_vec()).to_string();
    assert!(text.contains("latency over the rate") && !text.contains("95 %"), "{text}");
    let contestants = results(vec![entry("a", 250, vec![at(250, 1.0)]), entry("b", 500, vec![at(500, 1.0)])]);
    assert!(!contestants.to_string().contains("over the rate"), "nobody ran at two rates");
    assert!(contestants.curve_table().is_none() && curve_chart("A", &contestants).is_none());
}

#[test]
fn other_loads_keep_their_tables() {
    let mut all = measured();
    let load = json!({ "saturate": { "in_flight": 256 } });
    let run = Run::try_from(with(report(1.0), "/settings/load", load.clone())).expect("a run");
    let load: Load = serde_json::from_value(load).expect("a load");
    all.entries.push(Entry { runs: vec![run], ..Entry::new("sharded", load) });
    let text = all.to_string();
    assert!(text.contains("\nsaturate, 256 messages in flight\n") && text.contains("deliveries/s"), "{text}");
    assert!(text.contains("latency over the rate"), "{text}");
}

#[test]
fn the_curve_is_a_markdown_table_too() {
    let table = measured().curve_table().expect("a curve");
    let header =
        "| messages a second | contestant | p50 | p99 | CPU/delivery | fairness | p50 × | p99 × | CPU × | checks |\n";
    assert!(table.starts_with(header), "{table}");
    let row = "| 250 | `sharded` | 106 µs (102 to 108 µs) | 211 µs (205 to 217 µs) | 0.105 µs (0.102 to 0.108 µs) | 1.250 | \
               0.333 (0.333 to 0.333) | 0.333 (0.333 to 0.333) | 0.333 (0.333 to 0.333) | held |\n";
    assert!(table.contains(row), "{table}");
    let columns: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
    assert_eq!(columns, [11; 8]);
}

#[test]
fn what_bench_writes_of_a_curve_is_a_round_at_every_rate() {
    let curve = |p50: f64| {
        let steps: Vec<Value> = RATES.iter().map(|rate| at(*rate, p50)).collect();
        json!({ "curve": { "rates": RATES }, "steps": steps }).to_string()
    };
    let files = [
        ("results/curve/sharded.1.json", curve(10.0)),
        ("results/curve/sharded.2.json", curve(30.0)),
        ("results/curve/mutex.2.json", curve(60.0)),
    ];
    let experiments = collected(&files, None);
    assert_eq!((experiments.len(), experiments[0].title.as_str()), (1, "curve"));
    let results = &experiments[0].results;
    assert_eq!(results.by_load().len(), 3);
    assert_eq!(results.entries.len(), 6);
    let verdicts = results.verdicts();
    assert_eq!(verdicts.len(), 3);
    assert!(verdicts.iter().all(|(_, verdicts)| verdicts[0].ratios == [0.5]), "of the second round: {verdicts:?}");
}

#[test]
fn the_page_has_a_chart_of_each_percentile_over_the_rate() {
    let experiment = Experiment { title: "curve".to_owned(), results: measured() };
    let page = page("Measured", &[experiment], "0.1.0");
    crate::page::read(&page);
    for id in ["c0-curve-p50-title", "c0-curve-p99-title"] {
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    let (_, chart) = page.split_once("id=\"c0-curve-p99-title\"").expect("the chart");
    let (chart, _) = chart.split_once("</svg>").expect("its end");
    assert_eq!(chart.matches("class=\"line ").count(), 2, "one for each contestant: {chart}");
    assert_eq!(chart.matches("class=\"marker s0\"").count(), 3, "{chart}");
    assert_eq!(chart.matches("class=\"marker s1\"").count(), 2, "not where all rounds are invalid: {chart}");
    assert!(chart.contains("sharded: 211 µs at 250, 226 µs at 1000"), "{chart}");
    assert!(page.contains("8000 messages a second</th>") && page.contains("INVALID"), "a table of all rates");
    assert!(page.contains("greatest mean of a subscriber") && page.contains("<th scope=\"col\">fairness</th>"));
}

#[test]
fn the_chart_alone_is_one_document_that_needs_nothing_else_and_follows_light_and_dark() {
    let mut measured = measured();
    measured.entries.iter_mut().for_each(|entry| entry.version = Some("corecast 0.1.0 (abc1234)".to_owned()));
    let svg = curve_chart("Latency <over> the rate", &measured).expect("a curve");
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 992"), "{svg}");
    assert_well_formed(&svg);
    assert_eq!(svg.matches("class=\"line ").count(), 2 * 2 + 2, "two charts and a legend: {svg}");
    for part in [
        "@media (prefers-color-scheme: dark)",
        "<title id=\"title\">Latency &lt;over&gt; the rate</title>",
        ">p50 over the rate (less is better)</text>",
        ">p99 over the rate (less is better)</text>",
        ">sharded</text>",
        ">mutex</text>",
        "medians of 7 rounds</text>",
        ">Test CPU, 4 CPUs, Linux 6.1.0; corecast 0.1.0 (abc1234)</text>",
        ">A point without a marker rests on rounds that failed or are invalid.</text>",
        "class=\"background\"",
    ] {
        assert!(svg.contains(part), "'{part}' is missing: {svg}");
    }
    for word in ["url(", "@import", "https:", "href", "<script", "style=\""] {
        assert!(!svg.contains(word), "{word}");
    }
}

#[test]
fn names_neither_leave_the_chart_nor_become_markup() {
    let name = "</text><script>\u{1b}[31m&\u{0}".to_owned() + &"x".repeat(200);
    let entries: Vec<Entry> = (0..9).flat_map(|nth| contestant(&format!("{name}{nth}"), 1.0)).collect();
    let svg = curve_chart("A", &results(entries)).expect("a curve");
    assert_well_formed(&svg);
    assert!(!svg.contains("<script") && !svg.contains('\u{1b}') && !svg.contains('\u{0}'), "{svg}");
    let (_, legend) = svg.rsplit_once("</g>").expect("the charts");
    let rows = legend.matches("<text x=\"56.0\"").count();
    assert_eq!(rows, 9, "each long name has a row of its own: {legend}");
}

/// Checks that every element that begins also ends, in the right order, and that no text is outside.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None => open.push(tag.split(' ').next().expect("a name")),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
