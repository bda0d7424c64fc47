//! Every input of the corpora passes, and the corpora contain every test vector.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

use corecast_fuzz::TARGETS;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

fn inputs(target: &str) -> BTreeSet<Vec<u8>> {
    let entries = fs::read_dir(corpus(target)).unwrap();
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// Returns the bytes of all test vectors of a protocol: valid, invalid and incomplete.
fn vectors(protocol: &str) -> Vec<Vec<u8>> {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/wire/tests/vectors.json");
    let vectors: Value = serde_json::from_str(&fs::read_to_string(vectors).unwrap()).unwrap();
    let lists = ["valid", "invalid", "incomplete"].iter().flat_map(|list| vectors[protocol][list].as_array().unwrap());
    lists.map(|vector| from_hex(vector["hex"].as_str().unwrap())).collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_input_holds() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(inputs.len() > 5, "only {} inputs for {name}", inputs.len());
        for input in inputs {
            // This is shown when the test fails.
            println!("{name}: {input:02x?}");
            target(&input);
        }
    }
}

#[test]
fn every_test_vector_is_in_the_corpora() {
    for protocol in ["native", "plain"] {
        let inputs = inputs(protocol);
        for vector in vectors(protocol) {
            assert!(inputs.contains(&vector), "not in the corpus of {protocol}: {vector:02x?}");
        }
    }
}

/// Writes the vectors into the corpora: `cargo test -p corecast-fuzz -- --ignored` after a change to them.
#[test]
#[ignore = "writes into the source tree"]
fn write_the_test_vectors_into_the_corpora() {
    let write = |target: &str, name: String, bytes: &[u8]| {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(corpus(target).join(name), bytes).unwrap();
    };
    for (flag, protocol) in [(0, "plain"), (1, "native")] {
        let vectors = vectors(protocol);
        for (number, vector) in vectors.iter().enumerate() {
            write(protocol, format!("vector-{number}"), vector);
            // The vector follows a greeting, and the stream is split at three positions.
            let greeting: &[u8] = if flag == 1 { &vectors[0] } else { &[] };
            let head = [3 << 1 | flag, 1, 9, 5];
            write("reassembly", format!("{protocol}-{number}"), &[&head, &vector[..]].concat());
            write("connection", format!("{protocol}-{number}"), &[&head, greeting, vector].concat());
        }
        let whole = [&[flag], &vectors.concat()[..]].concat();
        write("reassembly", format!("{protocol}-all"), &whole);
        write("connection", format!("{protocol}-all"), &whole);
    }
    let native = vectors("native");
    let welcome = native.iter().find(|vector| vector.get(8) == Some(&2)).unwrap();
    for (number, vector) in native.iter().enumerate() {
        write("client", format!("native-{number}"), &[&[2 << 1, 12, 9], &welcome[..], vector].concat());
    }
    let longest = "x".repeat(255);
    let names: [&[u8]; 8] =
        [b"", b"lobby", "météo/東京/🌧".as_bytes(), b"\x07", b"\xc2\x85", b"\xff", longest.as_bytes(), &[b'x'; 256]];
    for (number, name) in names.iter().enumerate() {
        write("channel_name", format!("name-{number}"), name);
    }
}
