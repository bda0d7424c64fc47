//! Hands `corecast_fuzz::native` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::native(input));
