//! The page is well-formed, self-contained, and includes every contestant.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::support::{entry, report, results, with};
use corecast_report::{Entry, Experiment, page};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use serde_json::{Value, json};

/// Elements without an end tag.
const VOID: [&str; 4] = ["meta", "br", "img", "link"];

/// The start tag of an element.
#[derive(Debug)]
struct Start {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Start {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// The elements that html5ever's tokenizer finds, and every error: its own, and end tags that do not match their start
/// tags.
#[derive(Default)]
pub(crate) struct Document {
    open: RefCell<Vec<String>>,
    starts: RefCell<Vec<Start>>,
    text: RefCell<String>,
    complaints: RefCell<Vec<String>>,
}

impl TokenSink for Document {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => {
                let name = tag.name.to_string();
                match tag.kind {
                    TagKind::StartTag => {
                        let attributes = tag.attrs.iter();
                        let attributes = attributes.map(|it| (it.name.local.to_string(), it.value.to_string()));
                        self.starts.borrow_mut().push(Start { name: name.clone(), attributes: attributes.collect() });
                        if !VOID.contains(&name.as_str()) {
                            self.open.borrow_mut().push(name);
                        }
                    }
                    TagKind::EndTag => {
                        let begun = self.open.borrow_mut().pop();
                        if begun.as_deref() != Some(&name) {
                            self.complaints.borrow_mut().push(format!("</{name}> ends {begun:?}"));
                        }
                    }
                }
            }
            Token::CharacterTokens(text) => self.text.borrow_mut().push_str(&text),
            Token::ParseError(error) => self.complaints.borrow_mut().push(error.into_owned()),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Reads a page, which must be well-formed.
pub(crate) fn read(page: &str) -> Document {
    let tokenizer = Tokenizer::new(Document::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(page));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let document = tokenizer.sink;
    assert_eq!(*document.complaints.borrow(), [""; 0]);
    assert_eq!(*document.open.borrow(), [""; 0], "never closed");
    document
}

/// Returns rounds with every field that a report may have.
fn full(name: &str, factor: f64) -> Entry {
    let curve: Vec<Value> = (0..50).map(|step| curve_point(step, factor)).collect();
    let timeline: Vec<Value> = (0..30).map(|step| moment(f64::from(step), factor)).collect();
    let ramp = json!({ "steps": [
        { "rate": 100, "p99": 10.0 * factor, "kept": true }, { "rate": 1000, "p99": 30.0 * factor, "kept": true },
        { "rate": 10_000, "p99": 900.0 * factor, "kept": false },
    ], "knee": 1000 });
    let round = |p50: f64| {
        let report = with(report(p50 * factor), "/latency_curve", json!(curve));
        with(with(report, "/timeline", json!(timeline)), "/ramp", ramp.clone())
    };
    entry(name, [100.0, 110.0, 90.0, 105.0, 95.0, 101.0, 99.0].map(round).to_vec())
}

fn curve_point(step: i32, factor: f64) -> Value {
    json!([100.0 * (1.0 - 10_f64.powf(-f64::from(step) / 10.0)), factor * f64::from(10 + step)])
}

fn moment(step: f64, factor: f64) -> Value {
    json!({ "from_seconds": step / 10.0, "p50_us": factor, "p99_us": factor * (2.0 + step), "max_us": factor * 40.0 })
}

fn experiment(entries: Vec<Entry>) -> Vec<Experiment> {
    vec![Experiment { title: "paced".to_owned(), results: results(entries) }]
}

fn drawn(document: &Document, id: &str) -> bool {
    document.starts.borrow().iter().any(|start| start.attribute("id") == Some(&format!("{id}-title")))
}

#[test]
fn everybody_and_everything_is_on_a_well_formed_page() {
    let page = page("Measured", &experiment(vec![full("sharded", 0.25), full("mutex", 1.0)]), "0.1.0");
    let document = read(&page);
    for chart in ["percentiles", "timeline", "ramp", "deliveries", "cpu"] {
        assert!(drawn(&document, &format!("c0-0-{chart}")), "no chart of {chart}");
    }
    let text = document.text.borrow();
    for part in [
        "sharded against mutex; paced, 100 messages a second",
        "better",
        "knee: sharded 1000 messages a second, mutex 1000 messages a second",
        "Test CPU",
        "6.1.0",
        "payload bytes",
        "corecast 0.1.0",
    ] {
        assert!(text.contains(part), "'{part}' is missing");
    }
    for name in ["sharded", "mutex"] {
        assert!(text.matches(name).count() >= 8, "{name} is missing in a chart, legend or table");
    }
}

#[test]
fn a_curve_goes_through_the_points_of_the_report() {
    let page = page("Measured", &experiment(vec![full("sharded", 1.0)]), "0.1.0");
    let document = read(&page);
    let starts = document.starts.borrow();
    let points = |start: &Start| start.attribute("d").map_or(0, |path| path.matches('L').count() + 1);
    assert!(starts.iter().any(|it| it.attribute("class") == Some("line s0") && points(it) == 50), "{page}");
}

#[test]
fn nothing_on_the_page_is_fetched_or_run() {
    let document = read(&page("Measured", &experiment(vec![full("sharded", 1.0), full("mutex", 2.0)]), "0.1.0"));
    for start in document.starts.borrow().iter() {
        assert!(
            !["script", "link", "img", "iframe", "object", "use", "image"].contains(&start.name.as_str()),
            "{start:?}"
        );
        for (name, value) in &start.attributes {
            let reference = ["href", "src", "srcset", "data", "action", "style"].contains(&name.as_str());
            assert!(!reference || value.starts_with('#'), "{start:?}");
            assert!(!name.starts_with("on") && !value.contains("://"), "{start:?}");
        }
    }
    let text = document.text.borrow();
    for word in ["url(", "@import", "http:", "https:"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn every_drawing_has_a_title_and_a_description_and_every_id_is_unique() {
    let document = read(&page("Measured", &experiment(vec![full("sharded", 1.0), full("mutex", 2.0)]), "0.1.0"));
    let starts = document.starts.borrow();
    let mut ids = HashSet::new();
    for id in starts.iter().filter_map(|start| start.attribute("id")) {
        assert!(ids.insert(id.to_owned()), "{id} twice");
    }
    let drawings = starts.iter().filter(|start| start.attribute("role") == Some("img"));
    let labels: Vec<&str> = drawings.map(|start| start.attribute("aria-labelledby").expect("a label")).collect();
    assert_eq!(labels.len(), 5);
    assert!(labels.iter().flat_map(|label| label.split(' ')).all(|id| ids.contains(id)), "{labels:?}");
    let silent = |it: &&Start| it.name == "svg" && it.attribute("role").is_none();
    assert!(starts.iter().filter(silent).all(|start| start.attribute("aria-hidden") == Some("true")));
}

#[test]
fn names_cannot_become_markup() {
    let name = "<script>alert('&')</script>";
    let page = page(name, &experiment(vec![full(name, 1.0), full("mutex", 2.0)]), "0.1.0");
    let document = read(&page);
    assert!(document.starts.borrow().iter().all(|start| start.name != "script"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn a_report_without_curve_timeline_or_ramp_still_has_its_percentiles() {
    let plain = |name| entry(name, vec![report(100.0), report(120.0)]);
    let document = read(&page("Measured", &experiment(vec![plain("sharded"), plain("mutex")]), "0.1.0"));
    assert!(drawn(&document, "c0-0-percentiles"));
    assert!(!drawn(&document, "c0-0-timeline") && !drawn(&document, "c0-0-ramp"));
    assert!(document.text.borrow().contains("too few pairs to tell"));
}

#[test]
fn a_run_in_which_nothing_arrived_makes_a_page_too() {
    let nothing = |report: Value| {
        let zero = json!({ "p50": 0.0, "p90": 0.0, "p99": 0.0, "p999": 0.0, "p9999": 0.0, "max": 0.0 });
        let report = with(with(report, "/latency_us", zero), "/deliveries/measured_per_second", json!(0.0));
        with(with(report, "/server", json!(null)), "/checks/lost", json!(5))
    };
    let document = read(&page("Measured", &experiment(vec![entry("silent", vec![nothing(report(1.0))])]), "0.1.0"));
    assert!(!drawn(&document, "c0-0-percentiles"));
    let text = document.text.borrow();
    assert!(text.contains("Checks failed") && text.contains("FAILED: 5 lost"));
}

#[test]
fn rounds_that_cannot_be_used_are_out_of_the_charts_or_marked_in_them() {
    let invalid = |p50| with(report(p50), "/validity/valid", json!(false));
    let partly = entry("partly", vec![report(100.0), invalid(9000.0)]);
    let never = entry("never", vec![invalid(700.0), invalid(900.0)]);
    let page = page("Measured", &experiment(vec![partly, never, entry("held", vec![report(1.0)])]), "0.1.0");
    let document = read(&page);
    let starts = document.starts.borrow();
    let classes: Vec<&str> = starts.iter().filter_map(|start| start.attribute("class")).collect();
    let hatched: Vec<&&str> = classes.iter().filter(|class| class.starts_with("bar hatched ")).collect();
    assert_eq!(hatched.len(), 2, "one of deliveries, one of CPU: {classes:?}");
    assert!(hatched.iter().all(|class| class.contains("s1")), "{hatched:?}");
    let text = document.text.borrow();
    for (label, charts) in [("partly (1 of 2 rounds)", 4), ("never (invalid)", 4), ("held (", 0)] {
        assert!(text.matches(label).count() >= charts && (charts > 0 || !text.contains(label)), "{label}: {text}");
    }
    assert!(!text.contains("9000 µs") && text.contains("INVALID 1 of 2 rounds"), "{text}");
}

/// Returns a report of a run in which subscribers stalled and others reconnected.
fn eventful() -> Value {
    let phase = |name| json!({ "name": name, "latency_us": { "p50": 300.0, "p99": 700.0, "max": 900.0 } });
    let more = [
        ("/skew_us", json!({ "p50": 55.0, "p99": 66.0, "max": 77.0 })),
        ("/deliveries/payload_bytes_per_second", json!(6_400_000.0)),
        ("/server/memory_per_connection_bytes", json!(1567.0)),
        ("/environment", json!({ "server_cpus": [0, 1], "generator_cpus": [2], "others_cpus": 0.25 })),
        ("/checks/duplicated", json!(0)),
        ("/phases", json!(["before", "during", "after"].map(phase))),
        ("/stalled", json!({ "subscribers": 5, "cut_off": 1234, "checks": { "lost": 0, "gaps": 17 } })),
        ("/reconnections", json!({ "begun": 41, "refused": 0, "subscribe_us": { "p99": 88.0 } })),
        (
            "/shards",
            json!([{ "shard": 0, "connections": 52, "deliveries": 50 },
            { "shard": 1, "connections": 48, "deliveries": 150 }]),
        ),
    ];
    more.into_iter().fold(report(100.0), |report, (pointer, value)| with(report, pointer, value))
}

/// Returns a row of the page's tables.
fn row<'a>(page: &'a str, title: &str) -> Option<&'a str> {
    let (_, row) = page.split_once(&format!("<th scope=\"row\">{title}</th>"))?;
    Some(row.split_once("</tr>")?.0)
}

#[test]
fn what_the_charts_leave_out_is_in_a_table_of_its_own() {
    let entries = vec![entry("sharded", vec![eventful(), eventful()]), entry("redis", vec![report(100.0)])];
    let page = page("Measured", &experiment(entries), "0.1.0");
    read(&page);
    for (title, cell) in [
        ("p90", "150 µs"),
        ("skew p99", "66.0 µs"),
        ("payload delivered", "6.40 MB/s"),
        ("memory a connection", "1.53 KiB"),
        ("CPUs of the server", "0, 1"),
        ("CPUs that others used", "0.250"),
        ("during: p99", "700 µs"),
        ("lost", "0"),
        ("duplicated", "0"),
        ("foreign", "6"),
        ("cut off", "2468"),
        ("gaps", "34"),
        ("begun", "82"),
        ("subscribed again, p99", "88.0 µs"),
        ("shard 0", "52 connections, 25 % of deliveries"),
        ("shard 1", "48 connections, 75 % of deliveries"),
    ] {
        let row = row(&page, title).unwrap_or_else(|| panic!("no row {title}"));
        let first = row.split_once("</td>").and_then(|(first, _)| first.split_once('>')).map(|(_, text)| text);
        assert_eq!(first, Some(cell), "{title}: {row}");
    }
    assert!(row(&page, "shard 0").is_some_and(|row| row.ends_with("<td>-</td>")), "redis has no shards");
}

#[test]
fn a_report_without_shards_has_no_row_of_them() {
    let page = page("Measured", &experiment(vec![full("sharded", 1.0)]), "0.1.0");
    assert!(!page.contains("shard 0") && !page.contains("Shards"));
}

#[test]
fn every_server_has_its_own_version() {
    let of = |name: &str, version: &str| {
        let (server, version) = ("bin/corecast serve".to_owned(), Some(version.to_owned()));
        Entry { server, version, ..entry(name, vec![report(1.0)]) }
    };
    let page = page("Measured", &experiment(vec![of("a", "corecast 2 (new)"), of("b", "corecast 1 (old)")]), "0.1.0");
    for (name, version) in [("a", "corecast 2 (new)"), ("b", "corecast 1 (old)")] {
        let cell = format!("<th scope=\"row\">{name}</th><td class=\"words\">{version}: bin/corecast serve</td>");
        assert!(page.contains(&cell), "{cell} is missing");
    }
}

#[test]
fn the_median_has_a_tick_and_a_marker() {
    let page = page("Measured", &experiment(vec![full("sharded", 1.0)]), "0.1.0");
    let (_, chart) = page.split_once("id=\"c0-0-percentiles-title\"").expect("a chart");
    let (chart, _) = chart.split_once("</svg>").expect("its end");
    assert!(chart.contains(">50</text>") && chart.contains(">90</text>"), "{chart}");
    assert_eq!(chart.matches("class=\"marker s0\"").count(), 5, "p50, p90, p99, p99.9 and p99.99: {chart}");
}

#[test]
fn a_long_name_is_cut_in_the_middle_above_a_bar_and_whole_elsewhere() {
    let name = "sharded,flush-pause=0,max-flush-pause=2ms,shards=16 of /opt/corecast/bin/corecast";
    let invalid = with(report(1.0), "/validity/valid", json!(false));
    let page = page("Measured", &experiment(vec![entry(name, vec![report(1.0), invalid])]), "0.1.0");
    assert!(page.contains(">sharded,flush-pause=0,max-flush…corecast (1 of 2 rounds)</text>"), "{page}");
    assert!(page.contains(&format!("{name} (1 of 2 rounds)</li>")), "{page}");
}

#[test]
fn settings_are_in_words() {
    let report = with(report(1.0), "/settings/popularity", json!({ "zipf": { "exponent": 1.0, "seed": 1 } }));
    let report = with(with(report, "/settings/cpus", json!([])), "/host/commit", json!("abc1234"));
    let page = page("Measured", &experiment(vec![entry("sharded", vec![report])]), "0.1.0");
    assert!(page.contains("<td class=\"words\">zipf exponent 1.0, seed 1</td>"), "{page}");
    let cpus = "<th scope=\"row\">cpus</th><td class=\"words\">";
    assert!(page.contains(&format!("{cpus}any</td>")) && page.contains(&format!("{cpus}4</td>")), "{page}");
    assert!(page.contains("Load generator: corecast 0.1.0 (abc1234)."), "{page}");
}
