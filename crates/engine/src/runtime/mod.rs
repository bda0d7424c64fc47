//! Waiting: the ring in which a shard sleeps, its timers, its waker, and signals between the tasks of a shard.

mod reactor;
mod signal;
mod timers;
mod waker;

pub(crate) use reactor::{Events, Reactor, Watch};
pub(crate) use signal::{Signal, settle};
pub(crate) use waker::ShardWaker;
