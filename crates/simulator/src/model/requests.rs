//! The bytes that a client writes, and their meaning to the server once they are received.

use super::record::Message;
use crate::scenario::Scenario;
use crate::step::{Arrival, Command, Offence};
use crate::task::MAX_FRAME;
use corecast_wire::native::{self, Frame, Lag, Publish, Subscribe};
use corecast_wire::{ChannelName, Code, plain};
use std::collections::VecDeque;

/// The effect of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Hello,
    /// A HELLO with a version that the server does not speak.
    Outdated,
    Subscribe {
        channel: usize,
        lag: Option<Lag>,
    },
    Unsubscribe(usize),
    Publish {
        sequence: u32,
        channel: usize,
        filler: usize,
        token: Option<u32>,
        no_echo: bool,
    },
    Ping(Vec<u8>),
    Pong,
    Close,
    /// Bytes that are no frame: the decoder answers them with this code.
    Undecodable(Code),
    ServersFrame,
    /// Half a frame.
    Fragment,
}

/// Frames that a client has written and the server has not received.
#[derive(Debug)]
pub(crate) struct Requests {
    client: usize,
    plain: bool,
    next_sequence: u32,
    next_ping: u32,
    /// Each frame, with the number of its bytes that have not been received.
    under_way: VecDeque<(usize, Act)>,
    /// True if a part of the first frame has been received.
    mid_frame: bool,
}

impl Requests {
    pub(crate) fn new(client: usize, plain: bool) -> Self {
        Self { client, plain, next_sequence: 0, next_ping: 0, under_way: VecDeque::new(), mid_frame: false }
    }

    /// Returns true if the server has received a part of a frame.
    pub(crate) fn is_mid_frame(&self) -> bool {
        self.mid_frame
    }

    /// Notes that the server has received this many bytes. Returns the frames that they complete.
    pub(crate) fn receive(&mut self, mut bytes: usize) -> Vec<Act> {
        let mut acts = Vec::new();
        while let Some((missing, _)) = self.under_way.front_mut() {
            if *missing > bytes {
                *missing -= bytes;
                self.mid_frame |= bytes > 0;
                break;
            }
            bytes -= *missing;
            self.mid_frame = false;
            acts.extend(self.under_way.pop_front().map(|(_, act)| act));
        }
        acts
    }

    /// Returns the first bytes of a client of this kind.
    pub(crate) fn greet(&mut self, arrival: Arrival) -> Vec<u8> {
        let mut out = Vec::new();
        match arrival {
            Arrival::Native => self.frame(&Frame::Hello { version: 1 }, Act::Hello, &mut out),
            Arrival::Outdated => self.frame(&Frame::Hello { version: 0 }, Act::Outdated, &mut out),
            Arrival::Plain | Arrival::Mute => {}
        }
        out
    }

    /// Returns the bytes of a command, or none where the protocol has no such frame.
    pub(crate) fn write(&mut self, command: Command) -> Vec<u8> {
        let mut out = Vec::new();
        match command {
            Command::Publish { channel, messages, filler, acknowledged, no_echo } => {
                for _ in 0..messages {
                    self.publish(channel, filler, acknowledged, no_echo, &mut out);
                }
            }
            Command::Violate(Offence::TooLarge) => {
                out.extend_from_slice(&(MAX_FRAME + 1).to_be_bytes());
                self.add(Act::Undecodable(Code::FrameTooLarge), out.len());
            }
            Command::Violate(Offence::Truncated) => {
                out.extend_from_slice(&[0, 0, 0, 40, 1]);
                self.add(Act::Fragment, 44);
            }
            _ if self.plain => {}
            Command::Subscribe { channel, lag } => {
                let frame = Frame::Subscribe(Subscribe { channel: name(channel), lag });
                self.frame(&frame, Act::Subscribe { channel, lag }, &mut out);
            }
            Command::Unsubscribe { channel } => {
                self.frame(&Frame::Unsubscribe(name(channel)), Act::Unsubscribe(channel), &mut out);
            }
            Command::Ping { length } => {
                let body = self.ping_body(length);
                self.frame(&Frame::Ping(&body), Act::Ping(body.clone()), &mut out);
            }
            Command::Close => {
                let reason = native::Reason::new(Code::Normal, "");
                self.frame(&Frame::Close(reason), Act::Close, &mut out);
            }
            Command::Violate(offence) => self.violate(offence, &mut out),
        }
        out
    }

    /// Returns the answer to a PING of the server.
    pub(crate) fn pong(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.frame(&Frame::Pong(&[]), Act::Pong, &mut out);
        out
    }

    fn publish(&mut self, channel: usize, filler: usize, acknowledged: bool, no_echo: bool, out: &mut Vec<u8>) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let payload = Message::payload(self.client, sequence, filler);
        if self.plain {
            let before = out.len();
            plain::encode(&payload, out);
            let act = Act::Publish { sequence, channel: 0, filler, token: None, no_echo: false };
            return self.add(act, out.len() - before);
        }
        // Tokens are unique among all clients, so that an answer to another client's request is found.
        let token = acknowledged.then(|| sequence * 256 + u32::try_from(self.client % 256).expect("below 256"));
        let publish = Publish { channel: name(channel), payload: &payload, ack: token, no_echo };
        self.frame(&Frame::Publish(publish), Act::Publish { sequence, channel, filler, token, no_echo }, out);
    }

    fn ping_body(&mut self, length: usize) -> Vec<u8> {
        let mut body = u16::try_from(self.client).expect("few clients").to_be_bytes().to_vec();
        body.extend_from_slice(&self.next_ping.to_be_bytes());
        self.next_ping += 1;
        body.resize(length, b'.');
        body
    }

    fn violate(&mut self, offence: Offence, out: &mut Vec<u8>) {
        let altered = |frame: &Frame<'_>, index: usize, value: u8| {
            let mut bytes = Vec::new();
            native::encode(frame, &mut bytes);
            bytes[index] = value;
            bytes
        };
        let (bytes, act) = match offence {
            Offence::BadChecksum => (altered(&Frame::Ping(b"x"), 10, b'y'), Act::Undecodable(Code::BadChecksum)),
            Offence::UnknownKind => (resealed(altered(&Frame::Ping(b"x"), 8, 99)), Act::Undecodable(Code::UnknownKind)),
            Offence::ReservedFlag => (resealed(altered(&Frame::Ping(b"x"), 9, 128)), Act::Undecodable(Code::Malformed)),
            Offence::InvalidChannel => {
                let bytes = resealed(altered(&Frame::Subscribe(name(2).into()), 11, 7));
                (bytes, Act::Undecodable(Code::InvalidChannel))
            }
            Offence::SecondHello => return self.frame(&Frame::Hello { version: 1 }, Act::Hello, out),
            Offence::ServersFrame => return self.frame(&Frame::Published { token: 1 }, Act::ServersFrame, out),
            Offence::TooLarge | Offence::Truncated => return,
        };
        out.extend_from_slice(&bytes);
        self.add(act, bytes.len());
    }

    fn frame(&mut self, frame: &Frame<'_>, act: Act, out: &mut Vec<u8>) {
        let before = out.len();
        native::encode(frame, out);
        self.add(act, out.len() - before);
    }

    fn add(&mut self, act: Act, bytes: usize) {
        self.under_way.push_back((bytes, act));
    }
}

/// Returns the name of a channel.
pub(crate) fn name(channel: usize) -> ChannelName<'static> {
    ChannelName::new(Scenario::CHANNELS[channel]).expect("a valid name")
}

/// Returns the frame with the checksum of its bytes.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_be_bytes());
    bytes
}
