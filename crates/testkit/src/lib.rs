//! The shared parts of Corecast's tests: servers to test, deadlines, and raw bytes on real sockets.
//!
//! [`LocalServer`] and [`Process`] are the entry points. The crate owns [`Deadline`], the only way in which a test waits; [`Process`] and [`ServerProcess`], the binary under test as a child process;
//! [`LocalServer`], the engine in the test's own process; and [`Peer`], a socket without a client library, which can send bytes that a
//! library would not send.
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
//! Invariants: every wait ends at a deadline and names what it waited for. Nothing outlives the test that started it. Servers listen on
//! a free port of loopback, so tests run side by side. Every failure panics, because that is how a test fails.
//!
//! Absent here: tests of Corecast itself, and anything that a program uses.
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
