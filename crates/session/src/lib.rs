//! The meaning of a frame: one file for each protocol, behind one trait.
//!
//! This crate owns each protocol's side of a connection ([`Session`]: frames in, calls of a [`Policy`] and answers out)
//! and the encoding of its messages ([`Codec`]). It is a plain state machine: the engine gives it what a socket
//! received, and the simulator and the fuzz targets give it whatever they like.
//!
//! [`Session::on_frame`] is the entry point.
//!
//! ```
//! use corecast_fanout::policy::Sharded;
//! use corecast_fanout::{FanoutLimits, Outlet, Policy, Sent};
//! use corecast_session::{Codec, Context, NATIVE, Native, Session};
//! use corecast_wire::native::{self, Frame};
//! use std::sync::{Arc, Mutex};
//!
//! #[derive(Clone, Default)]
//! struct Memory(Arc<Mutex<Vec<u8>>>);
//!
//! impl Outlet for Memory {
//!     fn send(&self, bytes: &[u8]) -> Sent {
//!         self.0.lock().unwrap().extend_from_slice(bytes);
//!         Sent::Took(bytes.len())
//!     }
//! }
//!
//! let mut policy = Sharded::new(0, 1, FanoutLimits::default(), Codec);
//! let outlet = Memory::default();
//! let id = policy.open(outlet.clone(), NATIVE);
//! let mut session = Native::new(corecast_wire::FrameLimits::NATIVE);
//!
//! let mut context = Context { policy: &mut policy, id, answer: &mut Vec::new(), published: false };
//! let end = session.on_frame(Frame::Ping(b"too early"), &mut context).expect_err("HELLO comes first");
//! assert_eq!(end.code, corecast_wire::Code::HelloExpected);
//!
//! session.on_frame(Frame::Hello { version: 1 }, &mut context).expect("a greeting");
//! while policy.flush(64) {}
//! let mut welcome = Vec::new();
//! native::encode(&Frame::Welcome { version: 1, max_frame: corecast_wire::FrameLimits::NATIVE.max_frame }, &mut welcome);
//! assert_eq!(*outlet.0.lock().unwrap(), welcome);
//! ```
//!
//! Invariants: nothing outside this crate knows which protocol a connection speaks. No input from a peer causes a
//! panic; it ends the connection with an [`End`].
//!
//! Absent here: sockets, clocks, layouts (`corecast_wire`), the recipients of messages (`corecast_fanout`).
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
    /// The decoder, which turns bytes into frames.
    type Decoder: Decode;

    /// The encoding of the messages that connections of this protocol read.
    const ENCODING: Encoding;

    /// True if the protocol begins with a handshake. A connection then has to send a valid frame before a deadline.
    const HAS_HANDSHAKE: bool;

    /// Appends a frame that the peer answers; `None` if the protocol has no such frame. Without one, a connection that
    /// is silent for the whole idle timeout ends.
    const PING: Option<fn(&mut Vec<u8>)>;

    /// Returns the decoder, with the listener's limits.
    fn decoder(&self) -> Self::Decoder;

    /// Called once when the connection has been accepted.
    fn opened<O: Outlet, P: Policy<O>>(&mut self, context: &mut Context<'_, P>);

    /// Acts on a received frame.
    ///
    /// # Errors
    /// The reason why the connection ends.
    fn on_frame<O: Outlet, P: Policy<O>>(
        &mut self,
        frame: <Self::Decoder as Decode>::Frame<'_>,
        context: &mut Context<'_, P>,
    ) -> Result<(), End>;

    /// Appends the frame that tells the peer why the connection ends, if the protocol has one.
    fn close_frame(&self, end: &End, out: &mut Vec<u8>);

    /// Appends the frame that tells a peer why it is refused before it has sent anything. By default this is the close
    /// frame.
    fn refusal(&self, end: &End, out: &mut Vec<u8>) {
        self.close_frame(end, out);
    }

    /// Returns true if the received bytes are a sign of life, which restarts the idle timeout. By default any byte is
    /// one.
    fn is_sign_of_life(taken: Taken) -> bool {
        taken.bytes > 0
    }
}

/// The state that a frame may act on.
#[derive(Debug)]
pub struct Context<'a, P> {
    /// The shard's policy.
    pub policy: &'a mut P,
    /// The identity of the connection.
    pub id: ConnectionId,
    /// A buffer for encoding answers. It holds the bytes of the previous answer, or none.
    pub answer: &'a mut Vec<u8>,
    /// Set when something was published. The owner must then end the batch
    /// ([`Hooks::commit`](corecast_fanout::Hooks::commit)).
    pub published: bool,
}

/// The reason why a connection ends.
#[derive(Clone, Debug)]
pub struct End {
    /// The code for the peer, the log and the counters.
    pub code: Code,
    /// An explanation for a person.
    pub text: Cow<'static, str>,
    /// The delay after which the peer should reconnect, if the protocol can express it.
    pub reconnect_delay: Option<Duration>,
}

impl End {
    /// Creates an end with this code and explanation.
    pub fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into(), reconnect_delay: None }
    }

    /// Adds a suggestion of when to reconnect.
    #[must_use]
    pub fn with_reconnect_delay(self, delay: Option<Duration>) -> Self {
        Self { reconnect_delay: delay, ..self }
    }

    /// Returns the end of a connection whose peer has sent its last byte. The bytes in `incomplete` belong to an
    /// unfinished frame.
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
    /// The number of frames that were handed to the session.
    pub frames: usize,
    /// The number of bytes that were taken. The bytes after them belong to a frame that was not admitted.
    pub bytes: usize,
}

/// Hands the frames that `bytes` complete to the session, in order, until one of them ends the connection. Returns the
/// number of frames.
///
/// # Errors
/// The reason why the connection ends. The frames before the one that ended it have taken effect, and nothing after it
/// has.
pub fn receive<S: Session, O: Outlet, P: Policy<O>>(
    session: &mut S,
    incomplete: &mut Reassembly,
    bytes: &[u8],
    context: &mut Context<'_, P>,
) -> Result<usize, End> {
    receive_admitted(session, incomplete, bytes, context, |_| true).map(|taken| taken.frames)
}

/// Does what [`receive`] does, up to the first frame that `admit` refuses; `admit` is given the frame's length in
/// bytes.
///
/// # Errors
/// The same as those of [`receive`].
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
