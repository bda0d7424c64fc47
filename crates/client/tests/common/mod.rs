//! A server that follows a script: one thread, one connection, and a deadline on every read and write.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use corecast_client::{Client, Event, Options, PublishOptions};
use corecast_wire::native::{Decoder, Frame, Publish, Reason, encode};
use corecast_wire::{ChannelName, Code, Decode, FrameLimits, Reassembly, Step};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::thread::JoinHandle;
use std::time::Duration;

/// Longer than any step of a script takes; reached only if a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// The length of a wait that must time out.
pub(crate) const IN_VAIN: Duration = Duration::from_millis(50);
/// The limit that the scripted server announces.
pub(crate) const MAX_FRAME: u32 = 1000;

/// Returns options under which only a failing test waits long.
pub(crate) fn options() -> Options {
    Options::default().with_connect_timeout(DEADLINE).with_answer_timeout(DEADLINE).with_write_timeout(DEADLINE)
}

/// Returns options under which a missing answer soon times out.
pub(crate) fn impatient() -> Options {
    options().with_answer_timeout(IN_VAIN)
}

/// Serves one connection.
pub(crate) fn serve(script: impl FnOnce(&mut Peer) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        script(&mut Peer::new(stream));
    });
    (address, thread)
}

/// Serves one connection whose handshake is done.
pub(crate) fn greeted(options: &Options, script: impl FnOnce(&mut Peer) + Send + 'static) -> (Client, JoinHandle<()>) {
    let (address, thread) = serve(|peer| {
        peer.greet();
        script(peer);
    });
    (Client::connect(address, options).unwrap(), thread)
}

/// The script of a server on one connection.
pub(crate) type Script = Box<dyn FnOnce(&mut Peer) + Send>;

/// Returns a script that begins with the handshake.
pub(crate) fn script(script: impl FnOnce(&mut Peer) + Send + 'static) -> Script {
    Box::new(move |peer| {
        peer.greet();
        script(peer);
    })
}

/// Serves connections one after the other. Nothing listens afterwards.
pub(crate) fn serve_in_turn(scripts: Vec<Script>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for script in scripts {
            let (stream, _) = listener.accept().unwrap();
            script(&mut Peer::new(stream));
        }
    });
    (address, thread)
}

/// The server's end of a connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    reassembly: Reassembly,
    frames: VecDeque<Vec<u8>>,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, reassembly: Reassembly::new(), frames: VecDeque::new() }
    }

    pub(crate) fn greet(&mut self) {
        self.expect(&Frame::Hello { version: 1 });
        self.send(&Frame::Welcome { version: 1, max_frame: MAX_FRAME });
    }

    pub(crate) fn send(&mut self, frame: &Frame<'_>) {
        self.stream.write_all(&bytes(frame)).unwrap();
    }

    /// Sends frames in one write.
    pub(crate) fn send_all(&mut self, frames: &[Frame<'_>]) {
        self.stream.write_all(&frames.iter().flat_map(bytes).collect::<Vec<_>>()).unwrap();
    }

    pub(crate) fn expect(&mut self, frame: &Frame<'_>) {
        let next = self.next().expect("a frame, not the end of the stream");
        let Step::Frame { frame: got, .. } = Decoder::new(FrameLimits::NATIVE).decode(&next).unwrap() else {
            unreachable!()
        };
        assert_eq!(got, *frame);
    }

    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.next(), None, "the end of the stream");
    }

    /// Returns the next frame, encoded, or none at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let mut chunk = [0; 4096];
        while self.frames.is_empty() {
            let len = self.stream.read(&mut chunk).unwrap();
            if len == 0 {
                assert!(!self.reassembly.is_mid_frame());
                return None;
            }
            let frames = &mut self.frames;
            let keep = |frame: Frame<'_>| {
                frames.push_back(bytes(&frame));
                ControlFlow::Continue(())
            };
            self.reassembly.push(&Decoder::new(FrameLimits::NATIVE), &chunk[..len], keep).unwrap();
        }
        self.frames.pop_front()
    }
}

pub(crate) fn bytes(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(frame, &mut bytes);
    bytes
}

pub(crate) fn channel(name: &str) -> ChannelName<'_> {
    ChannelName::new(name).unwrap()
}

pub(crate) fn message<'a>(name: &'a str, payload: &'a [u8]) -> Frame<'a> {
    Frame::Message { channel: channel(name), payload }
}

pub(crate) fn publish<'a>(name: &'a str, payload: &'a [u8], ack: Option<u32>) -> Frame<'a> {
    Frame::Publish(Publish { channel: channel(name), payload, ack, no_echo: false })
}

pub(crate) fn came(name: &str, payload: &[u8]) -> Event {
    Event::Message { channel: name.to_owned(), payload: payload.to_vec() }
}

pub(crate) fn subscribed(name: &str) -> Event {
    Event::Subscribed { channel: name.to_owned() }
}

/// Options that ask for a PUBLISHED.
pub(crate) const ACKNOWLEDGE: PublishOptions = PublishOptions { no_echo: false, acknowledge: true };

pub(crate) fn close(code: Code, text: &str) -> Frame<'_> {
    Frame::Close(Reason::new(code, text))
}
