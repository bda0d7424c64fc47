//! A small blocking client of Corecast's `native` protocol, over a `std` TCP stream.
//!
//! Owns the exchange as a client sees it: HELLO before all else, answers matched to requests, PING
//! answered, messages kept while a request waits. [`Client`] is both directions in one thread;
//! [`Client::split`] gives a [`Publisher`], which any number of threads may share, and a
//! [`Subscriber`], which reads. What they do with bytes is an [`Inbox`], which needs no socket.
//!
//! Invariants: nothing received is lost between two calls; a wait for an answer ends once the server has shown no progress
//! for [`Options::answer_timeout`], or [`Options::write_timeout`] later if it takes no PONG; memory is
//! bounded by [`Options::max_frame`] and [`Options::max_queued_bytes`].
//!
//! Absent here: a runtime, threads, reconnecting, buffered writes. Each publish is one write, sent
//! when the call returns.
//!
//! ```
//! # use corecast_wire::{Limits, Reassembly, native::{Decoder, Frame, encode}};
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
//! #         reassembly.push(&Decoder::new(Limits::NATIVE), &chunk[..len], |frame| {
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

mod client;
mod error;
mod event;
mod inbox;
mod options;
mod outbox;
mod patience;
mod publisher;
mod reader;
mod send_queue;
mod subscriber;

pub use client::Client;
pub use corecast_wire::native::Lag;
pub use error::{Error, InvalidArgument, Violation};
pub use event::Event;
pub use inbox::Inbox;
pub use options::{Options, PublishOptions};
pub use publisher::Publisher;
pub use subscriber::Subscriber;
