//! The client for tasks of a tokio runtime, behind the cargo feature `tokio`.
//!
//! The types and calls are those of the blocking variant, which this page does not repeat; both drive the same protocol code.
//! Differences:
//!
//! - **Writing.** A task of its own writes what a connection sends. [`Publisher::publish`] returns when the message is in the
//!   buffer of that task, and waits only while the buffer is full ([`Options::max_unwritten_bytes`]). The error of a write is
//!   told by the next call. [`Publisher::flush`] waits until everything is in the kernel's buffer. Dropping all handles of a
//!   connection writes what is in the buffer, if the runtime goes on, then ends the connection.
//! - **Cancellation.** Every call may be cancelled, for example by `select!` or a timeout, and the client can be used on. No event
//!   is lost and no frame is torn. A message whose publishing was cancelled was not sent. A request whose wait was
//!   cancelled was or was not sent; if it was, its answer comes as an [`Event`](crate::Event).
//! - **Timeouts.** `next_event` has none of its own: wrap it in `tokio::time::timeout`.
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
