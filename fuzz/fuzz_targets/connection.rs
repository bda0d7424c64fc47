//! Hands `corecast_fuzz::connection` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::connection(input));
