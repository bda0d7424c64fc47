//! Which encoding the connections of a listener read.

use crate::config::Protocol;
use corecast_fanout::Encoding;
use corecast_session::{NATIVE, PLAIN};
use corecast_wire::native::{self, Frame};

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
