//! Both protocols: messages to bytes, and bytes to frames, also if each read ends inside a frame.

use corecast_fanout::{Encode as _, Encoding};
use corecast_micro::frames;
use corecast_session::{Codec, NATIVE, PLAIN};
use corecast_wire::{Decode, FrameLimits, native, plain};
use criterion::{Criterion, Throughput};
use std::hint::black_box;

/// The number of frames in the decoded buffer, which has the size of one read under load.
const FRAMES: usize = 256;
/// The bytes of one read that ends inside a frame: more than one frame of either protocol, and less than two.
const PIECE: usize = 100;

pub(crate) fn measure(criterion: &mut Criterion) {
    encode(criterion, "native", NATIVE);
    encode(criterion, "plain", PLAIN);
    let decoder = native::Decoder::new(FrameLimits::NATIVE);
    decode(criterion, "native", &decoder, &frames::native_publishes(FRAMES));
    decode(criterion, "plain", &plain::Decoder { limits: FrameLimits::PLAIN }, &frames::plain_messages(FRAMES));
}

fn encode(criterion: &mut Criterion, protocol: &str, encoding: Encoding) {
    let mut out = Vec::new();
    criterion.benchmark_group("encode").throughput(Throughput::Elements(1)).bench_function(protocol, |bencher| {
        bencher.iter(|| {
            out.clear();
            Codec.message(encoding, frames::CHANNEL, black_box(&frames::PAYLOAD), &mut out);
            black_box(&out);
        });
    });
}

fn decode<D: Decode>(criterion: &mut Criterion, protocol: &str, decoder: &D, stream: &[u8]) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for (reads, piece) in [("whole", stream.len()), ("cut", PIECE)] {
        group.bench_function(format!("{protocol}/{reads}"), |bencher| {
            bencher.iter(|| assert_eq!(frames::reassemble(decoder, black_box(stream), piece), FRAMES));
        });
    }
    group.finish();
}
