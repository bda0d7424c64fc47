//! The shard as a state machine: time, bytes and messages in, steps and effects out.
//!
//! [`harness`] drives real shards with the real policy and real sessions; the test owns their time, transports and mailboxes.
//! Every other file is one thing that a shard promises.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

mod backpressure;
mod capacity;
mod deadlines;
mod disconnects;
mod drain;
mod hang_ups;
mod harness;
mod lag;
mod lifecycle;
mod mailbox;
mod rates;
mod reading;
mod standstills;
mod stats;
mod tick;
