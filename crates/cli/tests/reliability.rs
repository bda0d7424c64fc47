//! `docs/RELIABILITY.md` says what is: its tests exist, and its limits are those of `corecast serve`.

use corecast_testkit::{Deadline, Process};
use std::collections::BTreeMap;
use std::path::Path;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");
const PAGE: &str = include_str!("../../../docs/RELIABILITY.md");

/// Where the help has limits, and those that it has elsewhere.
const HEADINGS: [&str; 3] = ["Limits:", "Deadlines:", "Endings:"];
const ELSEWHERE: [&str; 1] = ["--mailbox-capacity"];

/// The words in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the tables, as cells.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let lines = PAGE.lines().filter(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

/// The limits of `corecast serve`, with their defaults.
fn limits() -> BTreeMap<String, String> {
    let finished = Process::start(BINARY, ["serve", "--help"]).finish(Deadline::start());
    let help = String::from_utf8(finished.stdout).expect("UTF-8");
    let (mut limits, mut heading, mut flag) = (BTreeMap::new(), "", "");
    for line in help.lines() {
        let text = line.trim_start();
        if !line.is_empty() && !line.starts_with(' ') {
            heading = text;
        } else if text.starts_with("--") {
            flag = text.split(' ').next().expect("a word");
        } else if let Some((_, default)) = text.split_once("[default: ")
            && (HEADINGS.contains(&heading) || ELSEWHERE.contains(&flag))
        {
            limits.insert(flag.to_owned(), default.split(']').next().expect("a default").to_owned());
        }
    }
    assert!(limits.len() > 15, "the help is read wrongly: {limits:?}");
    limits
}

#[test]
fn every_limit_is_on_the_page_with_its_default_and_no_other() {
    let on_page: BTreeMap<_, _> = rows()
        .filter(|cells| cells[0].starts_with("`--"))
        .map(|cells| (cells[0].trim_matches('`').to_owned(), cells[1].to_owned()))
        .collect();
    assert_eq!(on_page, limits());
}

#[test]
fn every_test_on_the_page_exists_and_every_promise_has_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    for path in quoted(PAGE).filter(|word| word.starts_with("crates/")) {
        assert!(root.join(path).exists(), "there is no {path}");
    }
    let proofs: Vec<_> = rows().filter(|cells| cells[1].starts_with("`crates/")).collect();
    for proof in &proofs {
        let [file, test] = [proof[1], proof[2]].map(|cell| cell.trim_matches('`'));
        assert!(read(file).contains(&format!("#[test]\nfn {test}()")), "{file} has no test {test}");
    }
    for promise in 1..=7 {
        assert!(proofs.iter().any(|proof| proof[0].starts_with(&format!("{promise} "))), "promise {promise} has none");
    }
}

#[test]
fn every_code_on_the_page_is_one() {
    for cells in rows().filter(|cells| cells[0].starts_with("`--")) {
        let Some((number, name)) = cells[3].split_once(" `").filter(|(number, _)| number.parse::<u16>().is_ok()) else {
            continue;
        };
        let code = corecast_wire::Code::from_number(number.parse().expect("looked at above"));
        let name = name.split('`').next().expect("a name");
        assert_eq!(code.map(corecast_wire::Code::name), Some(name), "{cells:?}");
    }
}
