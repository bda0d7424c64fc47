//! The client's side of the protocol, without a socket, a clock or a thread. Both variants drive this code.
//!
//! This module owns the processing of received bytes ([`Inbox`]), the wait of a request for its answer, the frames that
//! wait to be written, and the state that outlives a connection: subscriptions, unacknowledged messages and the time of
//! the next attempt.
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
