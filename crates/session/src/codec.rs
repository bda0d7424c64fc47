//! The encoding of messages in each protocol.

use corecast_fanout::{Encode, Encoding};
use corecast_wire::native::Frame;
use corecast_wire::{ChannelName, native, plain};

/// The encoding of `plain`.
pub const PLAIN: Encoding = Encoding::new(0);
/// The encoding of `native`.
pub const NATIVE: Encoding = Encoding::new(1);

/// Encodes messages and gaps in every protocol.
#[derive(Clone, Copy, Debug)]
pub struct Codec;

impl Encode for Codec {
    fn message(&self, encoding: Encoding, channel: &str, payload: &[u8], out: &mut Vec<u8>) {
        match encoding {
            PLAIN => plain::encode(payload, out),
            NATIVE => native::encode(&Frame::Message { channel: valid(channel), payload }, out),
            _ => unreachable!("two protocols"),
        }
    }

    fn gap(&self, encoding: Encoding, channel: &str, count: u64, out: &mut Vec<u8>) {
        match encoding {
            NATIVE => native::encode(&Frame::Gap { count, channel: valid(channel) }, out),
            // `plain` has no frame for a gap. The counter of missed messages tells the operator.
            PLAIN => {}
            _ => unreachable!("two protocols"),
        }
    }
}

fn valid(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).expect("checked where it came in")
}
