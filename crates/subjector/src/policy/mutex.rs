//! Wait in a queue until the object is free.

use super::locked::locking_policy;
use crate::fifo::Fifo;

/// An asynchronous lock, first come, first served.
///
/// A call that awaits keeps others out, so what it read still holds when it writes; and so two objects that call
/// each other can wait for each other for ever, which a debug build finds ([`Deadlock`](crate::Deadlock)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mutex;

locking_policy!(Mutex, Fifo);
