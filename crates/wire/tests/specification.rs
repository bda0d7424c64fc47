//! `docs/PROTOCOL.md` agrees with the code: its examples are test vectors, and its tables have the code's numbers.
#![allow(clippy::unwrap_used)]

use corecast_wire::{Code, FrameLimits, native};
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/PROTOCOL.md");

/// Returns the examples of the page as name and hex. The hex of a long example is on the line after its name.
fn examples() -> Vec<(String, String)> {
    PAGE.split("\nExample `")
        .skip(1)
        .map(|example| {
            let mut quoted = example.split("\n\n").next().unwrap().split('`');
            let name = quoted.next().unwrap().to_owned();
            (name, quoted.nth(1).unwrap().replace(' ', ""))
        })
        .collect()
}

fn hex_of(vectors: &Value, example: &str) -> String {
    let (protocol, name) = example.split_once(':').unwrap_or(("native", example));
    let valid = vectors[protocol]["valid"].as_array().unwrap();
    let vector = valid.iter().find(|vector| vector["name"] == name).unwrap_or_else(|| panic!("no vector {example}"));
    vector["hex"].as_str().unwrap().to_owned()
}

#[test]
fn examples_are_vectors() {
    let vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    for (name, hex) in examples() {
        assert_eq!(hex, hex_of(&vectors, &name), "{name}");
    }
}

#[test]
fn every_kind_has_an_example() {
    let native = examples().into_iter().filter(|(name, _)| !name.starts_with("plain:"));
    let kinds: BTreeSet<u8> = native.map(|(_, hex)| u8::from_str_radix(&hex[16..18], 16).unwrap()).collect();
    assert_eq!(kinds, (1..=14).collect());
}

#[test]
fn every_code_is_in_the_table_and_no_other() {
    let rows: Vec<(u16, &str)> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | `"))
        .filter_map(|(number, rest)| Some((number.parse().ok()?, rest.split('`').next()?)))
        .collect();
    assert_eq!(rows, Code::ALL.iter().map(|code| (code.number(), code.name())).collect::<Vec<_>>());
}

#[test]
fn limits_are_those_of_the_code() {
    for (limit, value) in [
        ("length field, `native`", FrameLimits::NATIVE.max_frame),
        ("length field, `plain`", FrameLimits::PLAIN.max_frame),
        ("channel name", corecast_wire::ChannelName::MAX_LEN.try_into().unwrap()),
        ("body of PING and PONG", native::MAX_PING.try_into().unwrap()),
        ("text of CLOSE and ERROR", native::MAX_REASON.try_into().unwrap()),
    ] {
        let row = PAGE.lines().find_map(|line| line.strip_prefix(&format!("| {limit} | "))).unwrap();
        let digits: String =
            row.chars().take_while(|&c| c.is_ascii_digit() || c == ',').filter(|&c| c != ',').collect();
        assert_eq!(digits, value.to_string(), "{limit}");
    }
}
