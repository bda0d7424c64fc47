//! Hands `corecast_fuzz::client` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::client(input));
