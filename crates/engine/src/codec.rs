//! Which encoding the connections of a listener read.

use crate::config::Protocol;
use corecast_fanout::Encoding;
use corecast_session::{NATIVE, PLAIN};

/// The number of a protocol's encoding.
pub(crate) fn encoding(protocol: Protocol) -> Encoding {
    match protocol {
        Protocol::Plain => PLAIN,
        Protocol::Native => NATIVE,
    }
}
