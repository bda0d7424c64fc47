//! The shared parts of Corecast's tests: servers to test against, deadlines, and raw bytes on real sockets.
//!
//! This crate owns [`Deadline`], the only way in which a test waits; [`Process`] and [`ServerProcess`], the binary
//! under test as a child; [`LocalServer`], the engine in the test's own process; and [`Peer`], a socket without a
//! client library, for bytes that a client library would not send.
//!
//! ```
//! use corecast_engine::{PolicyKind, Protocol};
//! use corecast_testkit::{LocalServer, Peer};
//!
//! let server = LocalServer::start(LocalServer::config(PolicyKind::Sharded, 1));
//! let mut peer = Peer::connect(server.address(Protocol::Plain));
//! peer.send_plain(b"hello");
//! peer.expect_plain(b"hello");
//! server.stop();
//! ```
//!
//! Invariants: every wait ends at a deadline and reports what it waited for. Nothing outlives the test that started it.
//! Servers listen on a free port of loopback, so tests run in parallel.
//!
//! Absent here: tests of Corecast itself, and anything that a program uses. Every error is a panic, which is how a test
//! fails.
#![forbid(unsafe_code)]

mod deadline;
mod flags;
mod local;
mod peer;
mod process;
mod program;
mod server;
mod usage;

pub use deadline::{DEADLINE, Deadline, wait_until};
pub use flags::{FlagCase, each_case, flag_cases, start_in};
pub use local::{LocalServer, everywhere};
pub use peer::Peer;
pub use process::{Finished, Process};
pub use program::{beside, write_program};
pub use server::ServerProcess;
pub use usage::{Memory, allow_descriptors};
