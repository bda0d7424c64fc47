//! Inputs that are in no corpus: mutations of the inputs that are, always the same ones, without a fuzzer.
//!
//! `make fuzz` finds what only coverage can find. This test runs every target, in every `make test`, on some ten
//! thousand inputs that nobody chose.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

use corecast_fuzz::TARGETS;
use corecast_wire::{Decode as _, FrameLimits, Step, plain};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

const INPUTS: usize = 30_000;
/// The maximum length of an input, as in `make fuzz`.
const MAX_LEN: usize = 4096;
/// The most mutations that are applied to one input, one after the other.
const MOST_MUTATIONS: usize = 4;
/// Values at which lengths, kinds and checks of one byte change their meaning.
const EDGES: [u8; 8] = [0, 1, 8, 31, 127, 128, 254, 255];

/// Returns the inputs in an order that does not depend on the directory.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let inputs: BTreeSet<_> =
        fs::read_dir(directory).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    inputs.into_iter().collect()
}

/// Returns a mutation of one input of the corpus.
fn fresh(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = rng.choice(corpus).unwrap().clone();
    for _ in 0..rng.usize(1..=MOST_MUTATIONS) {
        mutate(&mut input, rng.choice(corpus).unwrap(), rng);
    }
    input.truncate(MAX_LEN);
    input
}

fn mutate(input: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    match rng.u8(..7) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        1 if at < input.len() => input[at] = *rng.choice(&EDGES).unwrap(),
        2 if at < input.len() => drop(input.drain(at..(at + rng.usize(1..8)).min(input.len()))),
        3 => input.truncate(at),
        4 => {
            let from = rng.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        5 => {
            let repeated = input[at..].to_vec();
            input.extend(repeated);
        }
        _ => input.insert(at, rng.u8(..)),
    }
}

/// Runs a target on fresh inputs. Returns the first one on which it panics.
fn run(target: fn(&[u8]), corpus: &[Vec<u8>], seed: u64) -> Result<(), Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    for _ in 0..INPUTS {
        let input = fresh(corpus, &mut rng);
        catch_unwind(AssertUnwindSafe(|| target(&input))).map_err(|_| input)?;
    }
    Ok(())
}

#[test]
fn every_fresh_input_holds() {
    for (seed, (name, target)) in (0..).zip(TARGETS) {
        if let Err(input) = run(*target, &corpus(name), seed) {
            panic!("{name} does not hold for {input:02x?}: fix it, and put it into fuzz/corpus/{name}");
        }
    }
}

/// The fault needs a whole frame of two bytes or more with something after it, which no input of the corpus has.
#[test]
fn a_fault_that_the_corpus_does_not_find_is_found() {
    fn faulty(input: &[u8]) {
        let decoder = plain::Decoder { limits: FrameLimits { max_frame: 4096 } };
        if let Ok(Step::Frame { frame, consumed }) = decoder.decode(input) {
            let fault = frame.len() > 1 && frame[0] == frame[1] && consumed < input.len();
            assert!(!fault, "the fault");
        }
    }
    let corpus = corpus("plain");
    for input in &corpus {
        faulty(input);
    }
    assert!(run(faulty, &corpus, 0).is_err(), "not found in {INPUTS} inputs");
}
