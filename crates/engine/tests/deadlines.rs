//! Every wait for a peer has a deadline with a code of its own, and a peer that keeps to it is left alone.

use corecast_engine::{Config, PolicyKind, Protocol, Summary};
use corecast_testkit::{Deadline, LocalServer, Peer, everywhere, wait_until};
use corecast_wire::native::{Frame, Publish};
use corecast_wire::{ChannelName, Code};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);

fn server(policy: PolicyKind, shards: usize, set: impl Fn(&mut Config)) -> LocalServer {
    let mut config = LocalServer::config(policy, shards);
    set(&mut config);
    LocalServer::start(config)
}

fn news() -> ChannelName<'static> {
    ChannelName::new("news").expect("a valid name")
}

fn publish(payload: &[u8]) -> Frame<'_> {
    Frame::Publish(Publish { channel: news(), payload, ack: None, no_echo: false })
}

fn closed(summary: &Summary, code: Code) -> u64 {
    summary.closed.get(&code).copied().unwrap_or(0)
}

#[test]
fn who_does_not_say_hello_is_told_so_and_closed() {
    everywhere(|policy, shards| {
        let server = server(policy, shards, |config| config.limits.hello_timeout = SHORT);
        let mut greeted = Peer::connect_native(server.address(Protocol::Native));
        greeted.subscribe("news");
        let mut silent = Peer::connect(server.address(Protocol::Native));
        let mut slow = Peer::connect(server.address(Protocol::Native));
        slow.send(&[0, 0]);
        silent.expect_refusal(Code::HelloTimeout);
        slow.expect_refusal(Code::HelloTimeout);
        greeted.send_native(&publish(b"here"));
        greeted.expect_native(&Frame::Message { channel: news(), payload: b"here" });
        assert_eq!(closed(&server.stop(), Code::HelloTimeout), 2);
    });
}

#[test]
fn a_frame_that_does_not_end_in_time_ends_its_connection() {
    everywhere(|policy, shards| {
        let server = server(policy, shards, |config| config.limits.frame_timeout = SHORT);
        let mut native = Peer::connect_native(server.address(Protocol::Native));
        let mut plain = Peer::connect(server.address(Protocol::Plain));
        let mut whole = Peer::connect_native(server.address(Protocol::Native));
        // The length field announces nine bytes; five arrive.
        native.send(&[0, 0, 0, 9, 1, 2, 3, 4, 5]);
        plain.send(&[0, 0, 0, 9, 1, 2, 3, 4, 5]);
        native.expect_refusal(Code::FrameTimeout);
        plain.expect_end();
        whole.send_native(&Frame::Ping(b"still"));
        whole.expect_native(&Frame::Pong(b"still"));
        assert_eq!(closed(&server.stop(), Code::FrameTimeout), 2);
    });
}

#[test]
fn a_silent_peer_is_asked_and_only_one_that_does_not_answer_is_closed() {
    everywhere(|policy, shards| {
        let server = server(policy, shards, |config| config.limits.idle_timeout = 2 * SHORT);
        let mut listener = Peer::connect(server.address(Protocol::Plain));
        let mut dead = Peer::connect_native(server.address(Protocol::Native));
        let mut alive = Peer::connect_native(server.address(Protocol::Native));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                dead.expect_native(&Frame::Ping(&[]));
                dead.expect_refusal(Code::IdleTimeout);
            });
            // Three times half the idle timeout, in which it sends nothing else.
            for _ in 0..3 {
                alive.expect_native(&Frame::Ping(&[]));
                alive.send_native(&Frame::Pong(&[]));
            }
        });
        // Plain has no PING: a client that only listens stays.
        let mut speaker = Peer::connect(server.address(Protocol::Plain));
        speaker.send_plain(b"hello");
        listener.expect_plain(b"hello");
        assert_eq!(closed(&server.stop(), Code::IdleTimeout), 1);
    });
}

#[test]
fn a_plain_listener_with_an_idle_timeout_closes_who_says_nothing() {
    for (policy, shards) in [(PolicyKind::Sharded, 1), (PolicyKind::Sharded, 2), (PolicyKind::Mutex, 2)] {
        let server = server(policy, shards, |config| {
            let mut plain = config.listeners.iter_mut().filter(|listener| listener.protocol == Protocol::Plain);
            plain.next().expect("one of each protocol").idle_timeout = Some(4 * SHORT);
        });
        let mut speaker = Peer::connect(server.address(Protocol::Plain));
        let mut speak = || {
            speaker.send_plain(b"here");
            speaker.expect_plain(b"here");
        };
        speak();
        let silent = Peer::connect(server.address(Protocol::Plain));
        wait_until(Deadline::start(), "the end of the silent", || {
            speak();
            has_ended(&silent)
        });
        speak();
        assert_eq!(closed(&server.stop(), Code::IdleTimeout), 1);
    }
}

/// Returns true if the server has ended its half of a connection, even if earlier bytes are still unread.
fn has_ended(peer: &Peer) -> bool {
    let mut wanted = [PollFd::new(peer.stream(), PollFlags::RDHUP)];
    poll(&mut wanted, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).expect("poll(2) works");
    wanted[0].revents().contains(PollFlags::RDHUP)
}

/// Waits until a connection is reset, without reading from it: reading would be progress.
fn wait_for_reset(peer: &Peer) {
    let deadline = Deadline::start();
    let mut wanted = [PollFd::new(peer.stream(), PollFlags::empty())];
    while !wanted[0].revents().contains(PollFlags::ERR) {
        let left = Timespec::try_from(deadline.remaining_for("the reset")).expect("a few seconds");
        poll(&mut wanted, Some(&left)).expect("poll(2) works");
    }
}

/// A full socket takes more only once its peer has read a third of the bytes that the kernel holds: megabytes.
#[test]
fn a_peer_that_reads_too_slowly_for_its_socket_to_take_more_is_reset_only_when_it_stops() {
    let write_timeout = Duration::from_millis(1500);
    let server = server(PolicyKind::Sharded, 1, |config| {
        config.limits.write_timeout = write_timeout;
        config.limits.log_bytes = 64 * 1024 * 1024;
    });
    let mut slow = Peer::over(with_receive_buffer(server.address(Protocol::Native), 32 * 1024));
    slow.greet();
    slow.subscribe("news");
    let mut publisher = Peer::connect_native(server.address(Protocol::Native));
    std::thread::scope(|scope| {
        // More than the socket buffers hold (at most 4 MiB by default, plus this small one).
        scope.spawn(|| (0..200).for_each(|_| publisher.send_native(&publish(&vec![7; 64 * 1024]))));
        let begin = Instant::now();
        while begin.elapsed() < 3 * write_timeout {
            slow.stream().read_exact(&mut [0; 8 * 1024]).expect("it is not reset");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let journal = server.control().journal().expect("the server runs");
    assert!(journal.is_empty(), "{journal:?}");
    wait_for_reset(&slow);
    assert_eq!(closed(&server.stop(), Code::WriteTimeout), 1);
}

/// Connects with a kernel buffer for about this many unread bytes. The smaller it is, the sooner the kernel tells the
/// server of room.
fn with_receive_buffer(address: SocketAddr, bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(bytes).expect("SO_RCVBUF");
    socket.connect(&address.into()).expect("the server accepts");
    socket.into()
}

#[test]
fn a_peer_that_takes_nothing_is_reset_and_one_that_reads_slowly_is_not() {
    // Long enough that a busy machine does not keep the slow peer from reading.
    let write_timeout = Duration::from_secs(2);
    for (policy, shards) in [(PolicyKind::Sharded, 1), (PolicyKind::Sharded, 2), (PolicyKind::Mutex, 2)] {
        let server = server(policy, shards, |config| {
            config.limits.write_timeout = write_timeout;
            config.limits.log_bytes = 64 * 1024 * 1024;
        });
        let subscriber = || {
            let mut peer = Peer::connect_native(server.address(Protocol::Native));
            peer.subscribe("news");
            peer
        };
        let (stalled, mut slow) = (subscriber(), subscriber());
        let mut publisher = Peer::connect_native(server.address(Protocol::Native));
        // More than the socket buffers of both ends hold (at most 4 and 6 MiB by default).
        let payload = vec![7; 64 * 1024];
        for _ in 0..400 {
            publisher.send_native(&publish(&payload));
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..400 {
                    slow.expect_native(&Frame::Message { channel: news(), payload: &payload });
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            wait_for_reset(&stalled);
        });
        assert_eq!(closed(&server.stop(), Code::WriteTimeout), 1, "{policy}");
    }
}
