//! A client of Corecast's `native` protocol, blocking over a `std` TCP stream or on tokio.
//!
//! [`Client::connect`] is the entry point: it returns both directions of a connection, for one thread.
//! [`Client::split`] returns a [`Publisher`], which any number of threads may share, and a [`Subscriber`], which reads.
//!
//! - [`ReconnectingClient`] reconnects when its connection ends, and subscribes again.
//! - [`BufferedPublisher`] puts many messages into one write.
//! - The module `tokio` has the same for tasks, behind the cargo feature of that name.
//! - [`Inbox`] interprets received bytes for all of them. It needs no socket.
//!
//! Owns the client's side of the protocol: it sends HELLO first, matches answers to requests, answers PING, and keeps the messages
//! that arrive while a request waits.
//!
//! Invariants: nothing that was received is lost between two calls, or by a call that is cancelled. A wait for an answer ends when
//! the server has shown no progress for [`Options::answer_timeout`], or [`Options::write_timeout`] later if it takes no PONG.
//! [`Options`], [`BufferOptions`] and [`ReconnectOptions`] bound the memory.
//!
//! Absent here: a runtime of its own, and threads other than that of a [`BufferedPublisher`]. The other protocols need no
//! library: `plain` is a length and a payload.
//!
//! ```
//! # use corecast_wire::{FrameLimits, Reassembly, native::{Decoder, Frame, encode}};
//! # use std::io::{Read, Write};
//! # use std::ops::ControlFlow;
//! # // A server of one connection, which echoes to a subscriber whatever it publishes.
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let address = listener.local_addr()?;
//! # std::thread::spawn(move || {
//! #     let (mut stream, _) = listener.accept().expect("a client");
//! #     let (mut reassembly, mut chunk) = (Reassembly::new(), [0; 4096]);
//! #     loop {
//! #         let len = stream.read(&mut chunk).expect("readable");
//! #         if len == 0 { return; }
//! #         let mut answer = Vec::new();
//! #         let mut last = false;
//! #         reassembly.push(&Decoder::new(FrameLimits::NATIVE), &chunk[..len], |frame| {
//! #             match frame {
//! #                 Frame::Hello { .. } => encode(&Frame::Welcome { version: 1, max_frame: 1 << 20 }, &mut answer),
//! #                 Frame::Subscribe(wanted) => encode(&Frame::Subscribed(wanted.channel), &mut answer),
//! #                 Frame::Publish(publish) => {
//! #                     let (channel, payload) = (publish.channel, publish.payload);
//! #                     encode(&Frame::Message { channel, payload }, &mut answer);
//! #                 }
//! #                 Frame::Close(reason) => { encode(&Frame::Close(reason), &mut answer); last = true; }
//! #                 _ => {}
//! #             }
//! #             ControlFlow::Continue(())
//! #         }).expect("frames");
//! #         stream.write_all(&answer).expect("writable");
//! #         if last { return; }
//! #     }
//! # });
//! use corecast_client::{Client, Event, Options};
//!
//! let mut client = Client::connect(address, &Options::default())?;
//! client.subscribe("lobby")?;
//! client.publish("lobby", b"hello")?;
//! match client.next_event()? {
//!     Event::Message { channel, payload } => assert_eq!((&*channel, &*payload), ("lobby", &b"hello"[..])),
//!     Event::Gap { channel, count } => eprintln!("{count} messages of {channel} missed"),
//!     other => eprintln!("{other:?}"),
//! }
//! client.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]

mod blocking;
mod error;
mod event;
mod options;
mod protocol;
mod send_queue;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use blocking::{BufferedPublisher, Client, Publisher, ReconnectingClient, Subscriber};
pub use corecast_wire::native::Lag;
pub use error::{Error, InvalidArgument, Violation};
pub use event::Event;
pub use options::{BufferOptions, Options, PublishOptions, ReconnectOptions, WhenFull};
pub use protocol::Inbox;
