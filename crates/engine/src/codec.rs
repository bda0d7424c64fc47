//! How messages look in each protocol.

use crate::config::Protocol;
use corecast_fanout::{Encode, Encoding};
use corecast_wire::native::{Frame, Reason};
use corecast_wire::{ChannelName, Code, native, plain};

const PLAIN: Encoding = Encoding::new(0);
const NATIVE: Encoding = Encoding::new(1);

/// The number of a protocol's encoding.
pub(crate) fn encoding(protocol: Protocol) -> Encoding {
    match protocol {
        Protocol::Plain => PLAIN,
        Protocol::Native => NATIVE,
    }
}

/// What asks for a sign of life, where the protocol can.
pub(crate) fn ping(protocol: Protocol, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Plain => {}
        Protocol::Native => native::encode(&Frame::Ping(&[]), out),
    }
}

/// What tells the peer why its connection ends, where the protocol can.
pub(crate) fn farewell(protocol: Protocol, code: Code, text: &str, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Plain => {}
        Protocol::Native => {
            let reason = Reason::new(code, text);
            native::encode(&if code.is_violation() { Frame::Error(reason) } else { Frame::Close(reason) }, out);
        }
    }
}

/// Encodes messages and gaps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec;

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
            _ => unreachable!("lagging disconnects in every other protocol"),
        }
    }
}

fn valid(channel: &str) -> ChannelName<'_> {
    ChannelName::new(channel).expect("checked where it came in")
}
