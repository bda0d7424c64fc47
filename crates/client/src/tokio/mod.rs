//! The client for tasks of a tokio runtime, behind the cargo feature `tokio`.
//!
//! The types and calls are those of the blocking variant, which this page does not repeat. Both drive the same protocol
//! code. The differences are:
//!
//! - **Writing.** A separate task writes everything that a connection sends. [`Publisher::publish`] returns when the
//!   message is in the buffer of that task, and waits only while the buffer is full ([`Options::max_unwritten_bytes`]).
//!   The next call reports the error of a failed write. [`Publisher::flush`] waits until everything is in the kernel's
//!   buffer. If all handles of a connection are dropped, the task writes the rest of the buffer, as long as the runtime
//!   runs, and then ends the connection.
//! - **Cancellation.** Every call may be cancelled, for example by `select!` or a timeout, and the client can still be
//!   used. No event is lost and no frame is torn. A message whose publishing was cancelled was not sent. A request whose
//!   wait was cancelled may or may not have been sent; if it was, its answer comes as an [`Event`](crate::Event).
//! - **Timeouts.** `next_event` has none: wrap it in `tokio::time::timeout`.
//!
//! PINGs are answered only while a call reads: keep one task in `next_event`.
//!
//! ```no_run
//! use corecast_client::{Event, Options, tokio::Client};
//!
//! # async fn example() -> Result<(), corecast_client::Error> {
//! let mut client = Client::connect("127.0.0.1:7070", &Options::default()).await?;
//! client.subscribe("lobby").await?;
//! client.publish("lobby", b"hello").await?;
//! if let Event::Message { payload, .. } = client.next_event().await? {
//!     assert_eq!(payload, b"hello");
//! }
//! client.close().await
//! # }
//! ```
//!
//! [`Options::max_unwritten_bytes`]: crate::Options::max_unwritten_bytes

mod client;
mod outbox;
mod publisher;
mod reader;
mod reconnecting;
mod subscriber;

pub use client::Client;
pub use publisher::{BufferedPublisher, Publisher};
pub use reconnecting::ReconnectingClient;
pub use subscriber::Subscriber;
