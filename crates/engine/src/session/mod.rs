//! What a frame means: one file a protocol, behind one trait.

mod native;
mod plain;

pub(crate) use native::Native;
pub(crate) use plain::Plain;

use crate::shard::Engine;
use corecast_fanout::ConnectionId;
use corecast_wire::{Code, Decode, DecodeError};
use std::borrow::Cow;

/// One connection's side of its protocol.
pub(crate) trait Session: 'static {
    /// Makes frames of bytes.
    type Decoder: Decode;

    /// The decoder, with the listener's limits.
    fn decoder(&self) -> Self::Decoder;

    /// The connection has come.
    fn opened<P: Engine>(&mut self, context: &mut Context<'_, P>);

    /// A frame has come. An error ends the connection.
    fn on_frame<P: Engine>(
        &mut self,
        frame: <Self::Decoder as Decode>::Frame<'_>,
        context: &mut Context<'_, P>,
    ) -> Result<(), End>;
}

/// What a frame may act on.
pub(crate) struct Context<'a, P> {
    pub(crate) policy: &'a mut P,
    pub(crate) id: ConnectionId,
    /// For encoding answers; empty.
    pub(crate) answer: &'a mut Vec<u8>,
    /// Set when something was published.
    pub(crate) published: bool,
}

/// Why a connection ends.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) code: Code,
    pub(crate) text: Cow<'static, str>,
}

impl End {
    pub(crate) fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }
}

impl From<DecodeError> for End {
    fn from(error: DecodeError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
