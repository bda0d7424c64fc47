//! Objects.
//!
//! Absent here: executors.
#![deny(unsafe_code)]

mod access;
mod call;
mod deadlock;
mod error;
mod exclusive;
pub mod executor;
mod fifo;
mod identity;
mod latch;
mod policy;
mod reply;
mod spinning;
mod strand;
mod subjector;
mod sync;

pub use access::Access;
pub use deadlock::Deadlock;
pub use error::Error;
pub use identity::Payload;
pub use policy::{Alone, Channel, Indivisible, MAILBOX_CAPACITY, Mutex, Policy, Portal, Spin};
pub use spinning::MAX_YIELDS;
pub use strand::MAX_STRETCH;
pub use subjector::{Builder, MAX_CASTS, Subjector};
#[doc(inline)]
pub use subjector_macros::subjector;
