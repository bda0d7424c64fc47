//! How a message looks on the wire, which is the caller's to say.

/// The number of a protocol: which encoding of a message a connection reads. Below [`MAX_ENCODINGS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding(u8);

/// How many protocols one process can speak.
pub const MAX_ENCODINGS: usize = 4;

impl Encoding {
    /// The protocol with this number.
    ///
    /// # Panics
    /// If there cannot be so many.
    pub const fn new(number: u8) -> Self {
        assert!((number as usize) < MAX_ENCODINGS, "an encoding below MAX_ENCODINGS");
        Self(number)
    }

    /// The number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Writes frames. A message is encoded once per encoding and shard, never per subscriber.
pub trait Encode: Clone + Send + 'static {
    /// Appends a message.
    fn message(&self, encoding: Encoding, channel: &str, payload: &[u8], out: &mut Vec<u8>);

    /// Appends what says that `count` messages of the channel are missing here.
    ///
    /// Nothing, where the encoding has no way to say it. Only called for a subscription whose [`Lag`](crate::Lag) is `Skip`.
    fn gap(&self, encoding: Encoding, channel: &str, count: u64, out: &mut Vec<u8>);
}
