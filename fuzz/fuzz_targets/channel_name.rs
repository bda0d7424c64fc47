//! Hands `corecast_fuzz::channel_name` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::channel_name(input));
