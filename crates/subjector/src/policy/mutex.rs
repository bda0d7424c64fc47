//! A policy that waits in a queue until the object is free.

use super::locked::locking_policy;
use crate::fifo::Fifo;

/// An asynchronous lock that admits callers in the order of their arrival.
///
/// A call that awaits excludes others, so values that it has read are still valid when it writes. For the same reason,
/// two objects that call each other can wait for each other for ever, which a debug build finds
/// ([`Deadlock`](crate::Deadlock)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mutex;

locking_policy!(Mutex, Fifo);
