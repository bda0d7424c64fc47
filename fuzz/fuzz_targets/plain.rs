//! Hands `corecast_fuzz::plain` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::plain(input));
