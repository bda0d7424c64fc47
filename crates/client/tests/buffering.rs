//! Many messages in each write: flushed by size, time or call, bounded, and never lost silently.
#![allow(clippy::unwrap_used)]

mod common;

use common::{ACKNOWLEDGE, DEADLINE, IN_VAIN, Peer, greeted, options, publish};
use corecast_client::{BufferOptions, Error, InvalidArgument, WhenFull};
use std::io::ErrorKind;
use std::sync::mpsc;
use std::time::Duration;

/// Returns options for a buffer that only a call flushes.
fn by_call() -> BufferOptions {
    BufferOptions::default().with_flush_bytes(usize::MAX).with_flush_delay(Duration::MAX)
}

/// The bytes of a PUBLISH of `x` to `a`.
const FRAME_LEN: usize = 4 + 7 + 1 + 1;

fn expect_all(peer: &mut Peer, count: usize) {
    for _ in 0..count {
        peer.expect(&publish("a", b"x", None));
    }
}

#[test]
fn size_flushes() {
    let (client, server) = greeted(&options(), |peer| expect_all(peer, 10));
    let (publisher, _subscriber) = client.split();
    let buffered = publisher.buffered(by_call().with_flush_bytes(10 * FRAME_LEN)).unwrap();
    for _ in 0..9 {
        buffered.publish("a", b"x").unwrap();
    }
    assert_eq!((buffered.unwritten(), publisher.published()), (9, 0), "nothing was written yet");
    buffered.publish("a", b"x").unwrap();
    server.join().unwrap();
}

#[test]
fn time_flushes() {
    let (client, server) = greeted(&options(), |peer| {
        expect_all(peer, 1);
        expect_all(peer, 2);
    });
    let (publisher, _subscriber) = client.split();
    let buffered = publisher.buffered(by_call().with_flush_delay(Duration::from_millis(1))).unwrap();
    for _ in 0..3 {
        buffered.publish("a", b"x").unwrap();
    }
    server.join().unwrap();
}

#[test]
fn a_call_flushes() {
    let (client, server) = greeted(&options(), |peer| expect_all(peer, 100));
    let (publisher, _subscriber) = client.split();
    let buffered = publisher.buffered(by_call()).unwrap();
    for _ in 0..100 {
        buffered.publish("a", b"x").unwrap();
    }
    assert_eq!((buffered.unwritten(), publisher.published()), (100, 0));
    buffered.flush().unwrap();
    assert_eq!((buffered.unwritten(), publisher.published()), (0, 100));
    buffered.flush().unwrap();
    server.join().unwrap();
}

#[test]
fn dropping_the_publisher_writes_what_is_buffered() {
    let (client, server) = greeted(&options(), |peer| expect_all(peer, 3));
    let (publisher, _subscriber) = client.split();
    let buffered = publisher.buffered(by_call()).unwrap();
    for _ in 0..3 {
        buffered.publish("a", b"x").unwrap();
    }
    drop(buffered);
    assert_eq!(publisher.published(), 3);
    server.join().unwrap();
}

#[test]
fn tokens_are_those_of_the_connection() {
    let (client, server) = greeted(&options(), |peer| {
        peer.expect(&publish("a", b"2", Some(2)));
        peer.expect(&publish("a", b"1", Some(1)));
        peer.expect(&publish("a", b"3", Some(3)));
    });
    let (publisher, _subscriber) = client.split();
    let buffered = publisher.buffered(by_call()).unwrap();
    assert_eq!(buffered.publish_with("a", b"1", ACKNOWLEDGE).unwrap(), Some(1));
    assert_eq!(publisher.publish_with("a", b"2", ACKNOWLEDGE).unwrap(), Some(2));
    buffered.flush().unwrap();
    assert_eq!(publisher.publish_with("a", b"3", ACKNOWLEDGE).unwrap(), Some(3));
    server.join().unwrap();
}

#[test]
fn an_invalid_argument_is_not_buffered() {
    let (client, server) = greeted(&options(), |peer| expect_all(peer, 1));
    let (publisher, _subscriber) = client.split();
    let buffered = publisher.buffered(by_call()).unwrap();
    let error = buffered.publish("a", &[0; 2000]).unwrap_err();
    assert!(matches!(error, Error::InvalidArgument(InvalidArgument::TooLarge { .. })), "{error:?}");
    assert!(matches!(buffered.publish("", b"x").unwrap_err(), Error::InvalidArgument(_)));
    buffered.publish("a", b"x").unwrap();
    buffered.flush().unwrap();
    server.join().unwrap();
}

/// Returns the script of a server that reads nothing until it is told to, then counts messages up to the end of the
/// stream.
fn reads_late(told: mpsc::Receiver<()>, count: mpsc::Sender<usize>) -> impl FnOnce(&mut Peer) + Send {
    move |peer| {
        told.recv_timeout(DEADLINE).unwrap();
        let mut messages = 0;
        while let Some(frame) = peer.next() {
            // Decoding in `next` shows that no frame was torn.
            messages += usize::from(frame.len() > 900);
        }
        count.send(messages).unwrap();
    }
}

const PAYLOAD: [u8; 900] = [7; 900];
const MAX_BYTES: usize = 10_000;

#[test]
fn a_full_buffer_refuses_messages_if_asked_to() {
    let ((tell, told), (count, counted)) = (mpsc::channel(), mpsc::channel());
    let (client, server) = greeted(&options(), reads_late(told, count));
    let (publisher, subscriber) = client.split();
    let full = BufferOptions::default().with_max_bytes(MAX_BYTES).with_when_full(WhenFull::Fail);
    let buffered = publisher.buffered(full).unwrap();
    let mut accepted = 0;
    // The kernel's buffers fill up first. While the writer is behind, a burst is refused too.
    while publisher.unsent_bytes().is_some() {
        match buffered.publish("a", &PAYLOAD) {
            Ok(()) => accepted += 1,
            Err(Error::BufferFull { buffered_bytes, limit: MAX_BYTES }) => {
                assert!((1..=MAX_BYTES).contains(&buffered_bytes), "{buffered_bytes}");
                assert!(buffered_bytes + PAYLOAD.len() + 11 > MAX_BYTES, "{buffered_bytes}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    tell.send(()).unwrap();
    buffered.flush().unwrap();
    drop((buffered, publisher, subscriber));
    assert_eq!(counted.recv_timeout(DEADLINE).unwrap(), accepted);
    server.join().unwrap();
}

#[test]
fn a_full_buffer_makes_publishers_wait() {
    const MESSAGES: usize = 20_000;
    let ((tell, told), (count, counted)) = (mpsc::channel(), mpsc::channel());
    let (client, server) = greeted(&options(), reads_late(told, count));
    let (publisher, subscriber) = client.split();
    let buffered = publisher.buffered(BufferOptions::default().with_max_bytes(MAX_BYTES)).unwrap();
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| (0..MESSAGES).for_each(|_| buffered.publish("a", &PAYLOAD).unwrap()));
        // This is more than the kernel's buffers hold, so the publisher stops. The thread that writes holds the socket.
        while publisher.unsent_bytes().is_some() {}
        assert!(!publishing.is_finished());
        assert!(usize::try_from(buffered.unwritten()).unwrap() <= MAX_BYTES / PAYLOAD.len());
        tell.send(()).unwrap();
    });
    drop((buffered, publisher, subscriber));
    assert_eq!(counted.recv_timeout(DEADLINE).unwrap(), MESSAGES);
    server.join().unwrap();
}

#[test]
fn a_server_that_takes_nothing_is_told_with_what_was_not_written() {
    let (go, gone) = mpsc::channel();
    let short = options().with_write_timeout(IN_VAIN);
    let (client, server) = greeted(&short, move |_: &mut Peer| gone.recv_timeout(DEADLINE).unwrap());
    let (publisher, _subscriber) = client.split();
    let buffered = publisher.buffered(BufferOptions::default().with_max_bytes(MAX_BYTES)).unwrap();
    let error = (0..1_000_000).find_map(|_| buffered.publish("a", &PAYLOAD).err()).expect("full socket buffers");
    assert!(matches!(&error, Error::Io(error) if error.kind() == ErrorKind::TimedOut), "{error:?}");
    assert!(matches!(buffered.publish("a", b"x").unwrap_err(), Error::Disconnected));
    assert!(matches!(buffered.flush().unwrap_err(), Error::Disconnected));
    assert!(buffered.unwritten() > 0);
    go.send(()).unwrap();
    server.join().unwrap();
}
