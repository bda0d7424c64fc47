//! Passes the inputs of libFuzzer to `corecast_fuzz::client`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| corecast_fuzz::client(input));
