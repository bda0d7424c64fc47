//! Bytes to frames: one buffer of many small frames, as one read of a busy publisher brings.

use corecast_micro::frames;
use corecast_wire::{FrameLimits, native, plain};
use gungraun::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

/// The number of frames in the buffer.
const FRAMES: usize = 64;

#[library_benchmark]
#[bench::frames_64(frames::native_publishes(FRAMES))]
fn decode_native(stream: Vec<u8>) -> Vec<u8> {
    frames::reassemble(&native::Decoder::new(FrameLimits::NATIVE), black_box(&stream), usize::MAX);
    stream
}

#[library_benchmark]
#[bench::frames_64(frames::plain_messages(FRAMES))]
fn decode_plain(stream: Vec<u8>) -> Vec<u8> {
    frames::reassemble(&plain::Decoder { limits: FrameLimits::PLAIN }, black_box(&stream), usize::MAX);
    stream
}

library_benchmark_group!(name = decode, benchmarks = [decode_native, decode_plain]);
