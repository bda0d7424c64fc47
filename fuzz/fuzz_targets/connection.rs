//! Passes the inputs of libFuzzer to `corecast_fuzz::connection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::connection(input));
