//! The encodings of each protocol, as in the engine.

use corecast_fanout::{Encode, Encoding};
use corecast_wire::native::Frame;
use corecast_wire::{ChannelName, native, plain};

/// Encodes messages and gaps; the engine's own codec is not public.
#[derive(Clone, Copy, Debug)]
pub struct Protocols;

impl Protocols {
    /// The encoding of `plain`.
    pub const PLAIN: Encoding = Encoding::new(0);
    /// The encoding of `native`.
    pub const NATIVE: Encoding = Encoding::new(1);
}

impl Encode for Protocols {
    fn message(&self, encoding: Encoding, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        match encoding {
            Self::PLAIN => plain::encode(payload, out),
            Self::NATIVE => native::encode(&Frame::Message { channel: valid(channel), payload }, out),
            _ => unreachable!("two protocols"),
        }
    }

    fn gap(&self, encoding: Encoding, channel: &str, count: u64, out: &mut Vec<u8>) {
        match encoding {
            Self::NATIVE => native::encode(&Frame::Gap { count, channel: valid(channel) }, out),
            _ => unreachable!("lagging disconnects in every other protocol"),
        }
    }
}

fn valid(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).expect("a benchmark's own name")
}
