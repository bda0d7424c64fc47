//! What a frame means: one file a protocol, behind one trait.
//!
//! Owns each protocol's side of a connection ([`Session`]: frames in, calls of a [`Policy`] and answers out)
//! and how messages look in it ([`Codec`]). A plain state machine: the engine gives it what a socket
//! received, the simulator and the fuzz targets whatever they like.
//!
//! Invariants: nothing outside this crate knows which protocol a connection speaks. What a peer sends never
//! panics; it ends the connection with an [`End`].
//!
//! Absent here: sockets, clocks, layouts (`corecast_wire`), who gets what (`corecast_fanout`).
#![forbid(unsafe_code)]

mod codec;
mod native;
mod plain;

pub use codec::{Codec, NATIVE, PLAIN};
pub use native::Native;
pub use plain::Plain;

use corecast_fanout::{ConnectionId, Encoding, Outlet, Policy};
use corecast_wire::{Code, Decode, DecodeError, Reassembly};
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

/// One connection's side of its protocol.
pub trait Session: 'static {
    /// Makes frames of bytes.
    type Decoder: Decode;

    /// The encoding of the messages that its connections read.
    const ENCODING: Encoding;

    /// True if the protocol begins with a handshake: a connection then has to send a valid frame before a deadline.
    const HAS_HANDSHAKE: bool;

    /// Appends a frame that the peer answers; `None` if the protocol has no such frame. Silence is then not asked about: a
    /// connection that is silent for the whole idle timeout ends.
    const PING: Option<fn(&mut Vec<u8>)>;

    /// The decoder, with the listener's limits.
    fn decoder(&self) -> Self::Decoder;

    /// The connection has come.
    fn opened<O: Outlet, P: Policy<O>>(&mut self, context: &mut Context<'_, P>);

    /// A frame has come.
    ///
    /// # Errors
    /// Why the connection ends.
    fn on_frame<O: Outlet, P: Policy<O>>(
        &mut self,
        frame: <Self::Decoder as Decode>::Frame<'_>,
        context: &mut Context<'_, P>,
    ) -> Result<(), End>;

    /// Appends what tells the peer why the connection ends, if the protocol can.
    fn close_frame(&self, end: &End, out: &mut Vec<u8>);

    /// Appends what tells a peer why it is refused, before it has sent anything. Default: the close frame.
    fn refusal(&self, end: &End, out: &mut Vec<u8>) {
        self.close_frame(end, out);
    }

    /// Returns true if this is a sign of life, which restarts the idle timeout. Default: any byte is.
    fn is_sign_of_life(taken: Taken) -> bool {
        taken.bytes > 0
    }
}

/// What a frame may act on.
#[derive(Debug)]
pub struct Context<'a, P> {
    /// The shard's policy.
    pub policy: &'a mut P,
    /// The connection.
    pub id: ConnectionId,
    /// For encoding answers: the last one's bytes, or none.
    pub answer: &'a mut Vec<u8>,
    /// Set when something was published: then the owner ends the batch ([`Hooks::commit`](corecast_fanout::Hooks::commit)).
    pub published: bool,
}

/// Why a connection ends.
#[derive(Clone, Debug)]
pub struct End {
    /// For the peer, the log and the counters.
    pub code: Code,
    /// For a person.
    pub text: Cow<'static, str>,
    /// When the peer should connect again, if the protocol can tell it.
    pub reconnect_delay: Option<Duration>,
}

impl End {
    /// This code, in these words.
    pub fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into(), reconnect_delay: None }
    }

    /// The same, with a suggestion of when to connect again.
    #[must_use]
    pub fn with_reconnect_delay(self, delay: Option<Duration>) -> Self {
        Self { reconnect_delay: delay, ..self }
    }

    /// The peer has sent its last byte, with this left of an incomplete frame.
    pub fn of_stream(incomplete: &Reassembly) -> Self {
        if incomplete.is_mid_frame() {
            return Self::new(Code::Malformed, "the stream ended inside a frame");
        }
        Self::new(Code::Normal, "the client ended the stream")
    }
}

impl From<DecodeError> for End {
    fn from(error: DecodeError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// The outcome of handing bytes to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Frames that were handed to the session.
    pub frames: usize,
    /// Bytes that were taken. Those behind them belong to a frame that was not admitted.
    pub bytes: usize,
}

/// Hands the frames that `bytes` complete to the session, in order, until one ends the connection; how many they
/// were.
///
/// # Errors
/// Why the connection ends. The frames before have taken effect, nothing behind has.
pub fn receive<S: Session, O: Outlet, P: Policy<O>>(
    session: &mut S,
    incomplete: &mut Reassembly,
    bytes: &[u8],
    context: &mut Context<'_, P>,
) -> Result<usize, End> {
    receive_admitted(session, incomplete, bytes, context, |_| true).map(|taken| taken.frames)
}

/// As [`receive`], up to the first frame that `admit`, which is given the frame's length in bytes, refuses.
///
/// # Errors
/// As [`receive`].
pub fn receive_admitted<S: Session, O: Outlet, P: Policy<O>>(
    session: &mut S,
    incomplete: &mut Reassembly,
    bytes: &[u8],
    context: &mut Context<'_, P>,
    admit: impl FnMut(usize) -> bool,
) -> Result<Taken, End> {
    let (mut outcome, mut frames) = (Ok(()), 0);
    let decoded = incomplete.push_admitted(&session.decoder(), bytes, admit, |frame| {
        frames += 1;
        outcome = session.on_frame(frame, context);
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    outcome.and(decoded.map_err(End::from)).map(|bytes| Taken { frames, bytes })
}
