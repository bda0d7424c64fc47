//! The interface through which the caller defines the encoding of a message.

/// The number of a protocol, which selects the encoding of the messages that a connection reads. It is below
/// [`MAX_ENCODINGS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding(u8);

/// The number of protocols that one process can speak.
pub const MAX_ENCODINGS: usize = 4;

impl Encoding {
    /// Creates the encoding with this number.
    ///
    /// # Panics
    /// If the number is not below [`MAX_ENCODINGS`].
    pub const fn new(number: u8) -> Self {
        assert!((number as usize) < MAX_ENCODINGS, "an encoding below MAX_ENCODINGS");
        Self(number)
    }

    /// Returns the number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Writes frames. A message is encoded once per encoding and shard, never per subscriber.
pub trait Encode: Clone + Send + 'static {
    /// Appends a message.
    fn message(&self, encoding: Encoding, channel: &str, payload: &[u8], out: &mut Vec<u8>);

    /// Appends a frame that says that `count` messages of the channel are missing here.
    ///
    /// Appends nothing if the encoding has no such frame. Only called for a subscription whose [`LagRule`](crate::LagRule) is
    /// `Skip`.
    fn gap(&self, encoding: Encoding, channel: &str, count: u64, out: &mut Vec<u8>);
}
