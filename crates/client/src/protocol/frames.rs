//! Encoding of frames within the limit that the server announced.

use crate::error::InvalidArgument;
use crate::{PublishOptions, error};
use corecast_wire::native::{self, Frame, Publish};

/// The bytes of a frame that its length field does not count.
pub(super) const LENGTH_LEN: usize = 4;

/// Appends a frame, or nothing if its length field is over `max_frame`.
pub(crate) fn append(frame: &Frame<'_>, max_frame: u32, bytes: &mut Vec<u8>) -> Result<(), InvalidArgument> {
    let start = bytes.len();
    native::encode(frame, bytes);
    let length = bytes.len() - start - LENGTH_LEN;
    if length > max_frame as usize {
        bytes.truncate(start);
        return Err(InvalidArgument::TooLarge { length, limit: max_frame });
    }
    Ok(())
}

/// Appends a PUBLISH. If an acknowledgement is asked for, `token` supplies its number, which is returned.
pub(crate) fn encode_publish(
    (channel, payload): (&str, &[u8]),
    options: PublishOptions,
    max_frame: u32,
    token: impl FnOnce() -> u32,
    bytes: &mut Vec<u8>,
) -> Result<Option<u32>, InvalidArgument> {
    let channel = error::channel(channel)?;
    let ack = options.acknowledge.then(token);
    append(&Frame::Publish(Publish { channel, payload, ack, no_echo: options.no_echo }), max_frame, bytes)?;
    Ok(ack)
}
