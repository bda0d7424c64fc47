//! What one delivery costs the generator, from the socket to the histogram.
//!
//! A measurement, not a test: `cargo test --release -p corecast-loadgen receive_cost -- --ignored --nocapture`.

use crate::clock::Clock;
use crate::connection::{Connection, Stage};
use crate::dialect::{Dialect, Native, Nats, Plain, Redis};
use crate::fleet::{Fleet, Received};
use crate::flight::Flight;
use crate::intake::Intake;
use crate::payload::{Header, Stamp};
use crate::usage::CpuTime;
use crate::{Load, Protocol, Settings};
use corecast_wire::{ChannelName, native, plain};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
use std::net::SocketAddr;
use std::time::Duration;

/// Messages that arrive at once: some 20 KiB.
const RUN: u64 = 240;
const ROUNDS: u64 = 200;
const SUBSCRIBERS: usize = 100;
const PUBLISHERS: u64 = 8;

/// What a server sends for a message on the channel `bench0`.
fn encode(protocol: Protocol, payload: &[u8], out: &mut Vec<u8>) {
    let channel = "bench0";
    match protocol {
        Protocol::Plain => plain::encode(payload, out),
        Protocol::Native => {
            let channel = ChannelName::new(channel).unwrap();
            native::encode(&native::Frame::Message { channel, payload }, out);
        }
        Protocol::Redis => {
            let head = format!("*3\r\n$7\r\nmessage\r\n${}\r\n{channel}\r\n${}\r\n", channel.len(), payload.len());
            out.extend_from_slice(&[head.as_bytes(), payload, b"\r\n"].concat());
        }
        Protocol::Nats => {
            let head = format!("MSG {channel} 00000 {}\r\n", payload.len());
            out.extend_from_slice(&[head.as_bytes(), payload, b"\r\n"].concat());
        }
    }
}

fn measure<D: Dialect>(protocol: Protocol, dialect: D) {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let load = Load::Saturate { in_flight: usize::try_from(RUN).unwrap() };
    let settings = Settings { subscribers: SUBSCRIBERS, ..Settings::new(address, protocol, load) };
    let names = settings.channel_names();
    let stamp = Stamp::new(1, settings.payload_bytes);
    let clock = Clock::start();
    let mut fleet = Fleet::new(&settings, &names, dialect, clock).unwrap();
    let mut feeds = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let (socket, feed) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        fleet.add(Connection::new(socket, Stage::Attached)).unwrap();
        feeds.push(feed);
    }
    let flight = Some(Flight::new(&settings, usize::try_from(RUN).unwrap()));
    let mut intake = Intake::new(&settings, &names, &stamp, false, 0..u64::MAX, flight);
    let mut spent = Duration::ZERO;
    let (mut bytes, mut payload) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bytes.clear();
        for message in 0..RUN {
            let publisher = u16::try_from(message % PUBLISHERS).unwrap();
            let sequence = (round * RUN + message) / PUBLISHERS;
            payload.clear();
            let intended_ns = clock.now_ns();
            stamp.write(Header { publisher, channel: 0, sequence, intended_ns }, &mut payload);
            intake.sent(usize::from(publisher), 0, intended_ns);
            encode(protocol, &payload, &mut bytes);
        }
        for feed in &feeds {
            assert_eq!(send(feed, &bytes, SendFlags::empty()).unwrap(), bytes.len());
        }
        let begin = CpuTime::of_this_thread().unwrap();
        for subscriber in 0..SUBSCRIBERS {
            assert_eq!(fleet.receive(subscriber, &mut intake).unwrap(), Received::All);
        }
        spent += CpuTime::of_this_thread().unwrap().since(begin).total;
    }
    let messages = ROUNDS * RUN;
    assert!(intake.checks(|_, _| messages / PUBLISHERS).all_held());
    let deliveries = u32::try_from(messages * SUBSCRIBERS as u64).unwrap();
    let per_delivery_ns = spent.as_secs_f64() * 1e9 / f64::from(deliveries);
    println!("{protocol}: {per_delivery_ns:.1} ns a delivery, receiving {} bytes at once", bytes.len());
}

#[test]
#[ignore = "a measurement, for a release build on a quiet machine"]
fn receive_cost() {
    // Twice, because the first run pays for memory that no run has touched.
    measure(Protocol::Plain, Plain::new());
    measure(Protocol::Plain, Plain::new());
    measure(Protocol::Native, Native::new());
    measure(Protocol::Redis, Redis);
    measure(Protocol::Nats, Nats);
}
