//! Hands `corecast_fuzz::reassembly` to libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::reassembly(input));
