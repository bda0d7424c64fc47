//! Corecast's protocols: bytes to frames and back.
//!
//! This crate owns the byte layouts of [`native`] and [`plain`], the [`FrameLimits`] on what a peer may send, the [`Code`]s
//! that say why a connection ended, and [`Reassembly`], which turns a byte stream into frames however the stream was
//! split.
//!
//! [`native::encode`] and [`Reassembly::push`] are the entry points.
//!
//! ```
//! use corecast_wire::native::{self, Decoder, Frame};
//! use corecast_wire::{ChannelName, FrameLimits, Reassembly};
//! use std::ops::ControlFlow;
//!
//! let mut bytes = Vec::new();
//! native::encode(&Frame::Message { channel: ChannelName::new("lobby")?, payload: b"hello" }, &mut bytes);
//!
//! let (mut reassembly, mut payloads) = (Reassembly::new(), Vec::new());
//! for piece in bytes.chunks(3) {
//!     reassembly.push(&Decoder::new(FrameLimits::NATIVE), piece, |frame| {
//!         if let Frame::Message { payload, .. } = frame {
//!             payloads.push(payload.to_vec());
//!         }
//!         ControlFlow::Continue(())
//!     })?;
//! }
//! assert_eq!(payloads, [b"hello"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: no input from a peer causes a panic, and any split of the same bytes gives the same frames. An encoder
//! cannot be given an invalid channel, because a [`ChannelName`] is valid by construction.
//!
//! Absent here: sockets, clocks, subscriptions. `docs/PROTOCOL.md` is the specification; the test
//! vectors in `tests/vectors.json` bind both.
#![forbid(unsafe_code)]

mod channel;
mod code;
mod decode;
mod limits;
pub mod native;
pub mod plain;
mod reassembly;

pub use channel::{ChannelName, InvalidChannel};
pub use code::Code;
pub use decode::{Decode, DecodeError, Step};
pub use limits::FrameLimits;
pub use reassembly::Reassembly;
