//! Sessions as state machines: bytes of a client go in, and what it and other clients receive comes out.
//!
//! [`harness`] runs them on the real policy, with transports in memory. [`contract`] holds for every protocol: a new
//! one implements [`contract::Protocol`] and is named once in that file. Every other file holds the promises of one
//! protocol.
#![allow(clippy::unwrap_used, reason = "clippy.toml excepts only functions marked as tests")]

mod contract;
mod harness;
mod native;
mod plain;
