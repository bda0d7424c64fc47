//! The protocol as a client sees it, without a socket, a clock or a thread: both variants drive this code.
//!
//! Owns what received bytes mean ([`Inbox`]), which answer a request waits for and for how long, what waits to be
//! written, and what outlives a connection: subscriptions, unacknowledged messages and the time of the next attempt.
//!
//! Invariants: time and bytes come in as arguments; nothing here blocks or awaits.

mod backoff;
mod frames;
mod inbox;
mod patience;
mod recovery;
mod request;
mod write_buffer;

pub(crate) use frames::{append, encode_publish};
pub use inbox::Inbox;
pub(crate) use patience::{Patience, Progress};
pub(crate) use recovery::{Recovery, Step};
pub(crate) use request::{Request, Wait};
pub(crate) use write_buffer::{Priority, Write, WriteBuffer};
