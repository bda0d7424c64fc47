//! The asynchronous variant: the same exchange, and cancelled calls.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    ACKNOWLEDGE, DEADLINE, IN_VAIN, Peer, Script, came, channel, close, impatient, message, options, publish, script,
    serve, serve_in_turn, subscribed,
};
use corecast_client::tokio::{Client, ReconnectingClient};
use corecast_client::{BufferOptions, Error, Event, InvalidArgument, Options, ReconnectOptions, WhenFull};
use corecast_engine::{PolicyKind, Protocol};
use corecast_testkit::LocalServer;
use corecast_wire::Code;
use corecast_wire::native::{Frame, Reason};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::timeout;

/// Long enough for a task to start waiting, and far too short for a whole exchange.
const INSTANT: Duration = Duration::from_millis(1);

/// Runs a test on a new runtime, up to the deadline.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(DEADLINE, test).await.expect("the test ends") })
}

/// Waits for a server while the tasks of the client keep running.
async fn joined(server: JoinHandle<()>) {
    tokio::task::spawn_blocking(move || server.join().unwrap()).await.unwrap();
}

/// Serves one connection whose handshake is done.
async fn greeted(options: &Options, script: impl FnOnce(&mut Peer) + Send + 'static) -> (Client, JoinHandle<()>) {
    let (address, server) = serve_in_turn(vec![common::script(script)]);
    (Client::connect(address, options).await.unwrap(), server)
}

#[test]
fn a_server_is_subscribed_to_and_published_to() {
    let server = LocalServer::start(LocalServer::config(PolicyKind::Sharded, 2));
    let address = server.address(Protocol::Native);
    run(async {
        let mut client = Client::connect(address, &options()).await.unwrap();
        client.subscribe("lobby").await.unwrap();
        client.publish_acknowledged("lobby", b"hello").await.unwrap();
        assert_eq!(client.next_event().await.unwrap(), came("lobby", b"hello"));
        client.ping().await.unwrap();
        client.unsubscribe("lobby").await.unwrap();
        let (publisher, subscriber) = client.split();
        let publishing = tokio::spawn(async move {
            for _ in 0..1000 {
                publisher.publish("lobby", b"nobody hears it").await.unwrap();
            }
            publisher.close().await.unwrap();
            publisher.flush().await.unwrap();
            publisher.published()
        });
        subscriber.wait_closed().await.unwrap();
        assert_eq!(publishing.await.unwrap(), 1001);
    });
    assert_eq!(server.stop().counters.published, 1001);
}

#[test]
fn answers_are_matched_and_pings_are_answered() {
    run(async {
        let (mut client, server) = greeted(&options(), |peer| {
            peer.send(&Frame::Ping(b"alive?"));
            peer.expect(&Frame::Subscribe(channel("a").into()));
            peer.expect(&Frame::Pong(b"alive?"));
            peer.send_all(&[message("b", b"1"), Frame::Subscribed(channel("b")), Frame::Subscribed(channel("a"))]);
            peer.send(&close(Code::GoingAway, "stopping"));
        })
        .await;
        client.subscribe("a").await.unwrap();
        assert_eq!(client.next_event().await.unwrap(), came("b", b"1"));
        assert_eq!(client.next_event().await.unwrap(), subscribed("b"));
        assert!(matches!(client.next_event().await.unwrap(), Event::Closed { code: 201, .. }));
        for _ in 0..2 {
            assert!(matches!(client.next_event().await.unwrap_err(), Error::Closed { code: 201, .. }));
        }
        assert!(matches!(client.subscribe("a").await.unwrap_err(), Error::Closed { code: 201, .. }));
        joined(server).await;
    });
}

#[test]
fn what_goes_wrong_is_told_as_by_the_blocking_client() {
    run(async {
        let (address, server) = serve(|peer| peer.send(&Frame::Hello { version: 1 }));
        assert!(matches!(Client::connect(address, &options()).await, Err(Error::NotNative(_))));
        joined(server).await;

        let (address, server) = serve(|peer| {
            peer.expect(&Frame::Hello { version: 1 });
            peer.expect_end();
        });
        let error = Client::connect(address, &impatient()).await.err().unwrap();
        assert!(matches!(error, Error::TimedOut { awaited: "WELCOME" }), "{error:?}");
        joined(server).await;
        assert!(matches!(Client::connect(address, &options()).await, Err(Error::Io(_))));

        let (mut client, server) = greeted(&impatient(), |peer| while peer.next().is_some() {}).await;
        let error = client.subscribe("a").await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { awaited: "SUBSCRIBED" }), "{error:?}");
        let error = client.publish("a", &[0; 2000]).await.unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(InvalidArgument::TooLarge { .. })), "{error:?}");
        let error = client.close().await.unwrap_err();
        assert!(matches!(error, Error::Unanswered { published: 0, acknowledged: 0 }), "{error:?}");
        joined(server).await;

        let (mut client, server) = greeted(&options(), |peer| peer.send(&close(Code::GoingAway, "stopping"))).await;
        joined(server).await;
        let error = loop {
            if let Err(error) = client.publish("a", b"x").await {
                break error;
            }
            // Lets the writing task discover it.
            tokio::task::yield_now().await;
        };
        assert!(matches!(error, Error::Closed { code: 201, .. }), "{error:?}");
    });
}

#[test]
fn a_cancelled_receive_loses_nothing() {
    const MESSAGES: u32 = 50;
    run(async {
        let (go, gone) = mpsc::channel();
        let (mut client, server) = greeted(&options(), move |peer| {
            for number in 0..MESSAGES {
                let frame = common::bytes(&message("a", &number.to_be_bytes()));
                // The frame is split at every offset in turn. The rest is sent after a call was cancelled.
                let (start, rest) = frame.split_at(number as usize % frame.len());
                std::io::Write::write_all(&mut peer.stream, start).unwrap();
                gone.recv_timeout(DEADLINE).unwrap();
                std::io::Write::write_all(&mut peer.stream, rest).unwrap();
            }
        })
        .await;
        for number in 0..MESSAGES {
            assert!(timeout(INSTANT, client.next_event()).await.is_err(), "message {number} is incomplete");
            go.send(()).unwrap();
            assert_eq!(client.next_event().await.unwrap(), came("a", &number.to_be_bytes()));
        }
        joined(server).await;
    });
}

#[test]
fn a_cancelled_request_is_answered_by_an_event() {
    run(async {
        let (go, gone) = mpsc::channel();
        let (mut client, server) = greeted(&options(), move |peer| {
            peer.expect(&Frame::Subscribe(channel("a").into()));
            gone.recv_timeout(DEADLINE).unwrap();
            peer.send(&Frame::Subscribed(channel("a")));
        })
        .await;
        assert!(timeout(INSTANT, client.subscribe("a")).await.is_err(), "cancelled");
        go.send(()).unwrap();
        assert_eq!(client.next_event().await.unwrap(), subscribed("a"));
        joined(server).await;
    });
}

const PAYLOAD: [u8; 900] = [7; 900];

/// Returns a script that counts messages up to the end of the stream, once it is told to read.
fn reads_late(told: mpsc::Receiver<()>, count: mpsc::Sender<usize>) -> impl FnOnce(&mut Peer) + Send {
    move |peer| {
        told.recv_timeout(DEADLINE).unwrap();
        let mut messages = 0;
        while let Some(frame) = peer.next() {
            // Decoding in `next` shows that no frame was torn.
            messages += usize::from(frame.len() > PAYLOAD.len());
        }
        count.send(messages).unwrap();
    }
}

#[test]
fn a_cancelled_publish_sends_nothing_and_tears_no_frame() {
    let ((tell, told), (count, counted)) = (mpsc::channel(), mpsc::channel());
    run(async {
        let small = options().with_max_unwritten_bytes(10_000);
        let (mut client, server) = greeted(&small, reads_late(told, count)).await;
        let mut accepted = 0;
        let mut cancelled = 0;
        while cancelled < 3 {
            match timeout(IN_VAIN, client.publish("a", &PAYLOAD)).await {
                Ok(result) => {
                    result.unwrap();
                    accepted += 1;
                }
                Err(_) => cancelled += 1,
            }
        }
        tell.send(()).unwrap();
        client.publish("a", &PAYLOAD).await.unwrap();
        let (publisher, subscriber) = client.split();
        publisher.flush().await.unwrap();
        assert_eq!((publisher.unwritten(), publisher.published()), (0, accepted + 1));
        drop((publisher, subscriber));
        let counted = tokio::task::spawn_blocking(move || counted.recv_timeout(DEADLINE).unwrap()).await.unwrap();
        assert_eq!(counted as u64, accepted + 1);
        joined(server).await;
    });
}

#[test]
fn a_buffer_is_flushed_by_size_by_time_and_by_call() {
    run(async {
        let (ready, is_ready) = mpsc::channel();
        let (client, server) = greeted(&options(), move |peer| {
            for name in ["size", "time", "call", "other"] {
                for _ in 0..3 {
                    peer.expect(&publish(name, b"x", None));
                }
                ready.send(name).unwrap();
            }
        })
        .await;
        let (publisher, _subscriber) = client.split();
        let by_call = BufferOptions::default().with_flush_bytes(usize::MAX).with_flush_delay(Duration::MAX);
        let frame_len = common::bytes(&publish("size", b"x", None)).len();
        let mut written = 0;
        for (name, options) in [
            ("size", by_call.clone().with_flush_bytes(3 * frame_len)),
            ("time", by_call.clone().with_flush_delay(Duration::from_millis(1))),
            ("call", by_call.clone()),
            ("other", by_call),
        ] {
            let buffered = publisher.buffered(options);
            for _ in 0..2 {
                buffered.publish(name, b"x").await.unwrap();
            }
            if name != "time" {
                tokio::task::yield_now().await;
                assert_eq!((publisher.published(), buffered.unwritten()), (written, 2), "{name}");
            }
            if name == "other" {
                // Any other frame also flushes the buffered messages.
                publisher.publish(name, b"x").await.unwrap();
            } else {
                buffered.publish(name, b"x").await.unwrap();
            }
            if name == "call" {
                buffered.flush().await.unwrap();
            }
            while let Err(mpsc::TryRecvError::Empty) = is_ready.try_recv() {
                tokio::time::sleep(INSTANT).await;
            }
            written += 3;
        }
        joined(server).await;
        assert_eq!(publisher.published(), written);
    });
}

#[test]
fn a_full_buffer_refuses_messages_if_asked_to() {
    let ((tell, told), (count, counted)) = (mpsc::channel(), mpsc::channel());
    run(async {
        let (client, server) = greeted(&options(), reads_late(told, count)).await;
        let (publisher, subscriber) = client.split();
        let full = BufferOptions::default().with_max_bytes(10_000).with_when_full(WhenFull::Fail);
        let buffered = publisher.buffered(full);
        let mut accepted = 0;
        // No task runs in between, so the buffer fills up however much the kernel takes.
        let error = loop {
            match buffered.publish("a", &PAYLOAD).await {
                Ok(()) => accepted += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::BufferFull { limit: 10_000, .. }), "{error:?}");
        assert_eq!(buffered.unwritten(), accepted);
        tell.send(()).unwrap();
        buffered.flush().await.unwrap();
        drop((buffered, publisher, subscriber));
        let counted = tokio::task::spawn_blocking(move || counted.recv_timeout(DEADLINE).unwrap()).await.unwrap();
        assert_eq!(counted as u64, accepted);
        joined(server).await;
    });
}

#[test]
fn a_server_that_takes_nothing_ends_the_write() {
    let (go, gone) = mpsc::channel();
    run(async {
        let short = options().with_write_timeout(IN_VAIN);
        let (client, server) = greeted(&short, move |_: &mut Peer| gone.recv_timeout(DEADLINE).unwrap()).await;
        let (publisher, _subscriber) = client.split();
        let error = loop {
            if let Err(error) = publisher.publish("a", &PAYLOAD).await {
                break error;
            }
        };
        assert!(matches!(&error, Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut), "{error:?}");
        assert!(matches!(publisher.flush().await.unwrap_err(), Error::Disconnected));
        assert!(publisher.unwritten() > 0);
        go.send(()).unwrap();
        joined(server).await;
    });
}

fn hasty() -> ReconnectOptions {
    ReconnectOptions::default().with_initial_delay(Duration::from_millis(1)).with_max_delay(Duration::from_millis(5))
}

async fn connected(reconnect: ReconnectOptions, scripts: Vec<Script>) -> (ReconnectingClient, JoinHandle<()>) {
    let (address, server) = serve_in_turn(scripts);
    (ReconnectingClient::connect(&address, options(), reconnect).await.unwrap(), server)
}

#[test]
fn a_lost_connection_is_made_again_and_restored() {
    run(async {
        let scripts = vec![
            script(|peer| {
                for name in ["b", "a"] {
                    peer.expect(&Frame::Subscribe(channel(name).into()));
                    peer.send(&Frame::Subscribed(channel(name)));
                }
                peer.expect(&publish("a", b"x", Some(1)));
                peer.send(&Frame::Close(Reason::new(Code::GoingAway, "bye\u{0}20")));
            }),
            script(|peer| {
                peer.expect(&Frame::Subscribe(channel("b").into()));
                peer.expect(&Frame::Subscribe(channel("a").into()));
                peer.expect(&publish("a", b"x", Some(1)));
                peer.send_all(&[Frame::Subscribed(channel("b")), Frame::Published { token: 1 }]);
                peer.expect_end();
            }),
        ];
        let (mut client, server) = connected(hasty().with_resend_unacknowledged(true), scripts).await;
        client.subscribe("b").await.unwrap();
        client.subscribe("a").await.unwrap();
        let token = client.publish_with("a", b"x", ACKNOWLEDGE).await.unwrap().unwrap();
        client.wait_published(token).await.unwrap();
        assert!(matches!(client.next_event().await.unwrap(), Event::Closed { code: 201, .. }));
        let lost = client.next_event().await.unwrap();
        let delay = Some(Duration::from_millis(20));
        assert!(
            matches!(&lost, Event::ConnectionLost { retry_after, unacknowledged, .. }
                if *retry_after == delay && unacknowledged.is_empty()),
            "{lost:?}"
        );
        assert_eq!(
            client.next_event().await.unwrap(),
            Event::Reconnected { attempts: 1, resent: 1, too_large: Vec::new() }
        );
        assert_eq!(client.next_event().await.unwrap(), subscribed("b"));
        drop(client);
        joined(server).await;
    });
}

#[test]
fn a_call_that_is_cancelled_between_connections_loses_nothing() {
    run(async {
        let again = || {
            script(|peer| {
                peer.expect(&Frame::Subscribe(channel("a").into()));
                peer.send_all(&[Frame::Subscribed(channel("a")), message("a", b"1")]);
            })
        };
        let (mut client, server) = connected(hasty(), vec![again(), again()]).await;
        client.subscribe("a").await.unwrap();
        let mut events = Vec::new();
        while events.len() < 5 {
            if let Ok(event) = timeout(INSTANT, client.next_event()).await {
                events.push(event.unwrap());
            }
        }
        assert_eq!(events[0], came("a", b"1"));
        assert!(matches!(events[1], Event::ConnectionLost { retry_after: Some(_), .. }));
        assert!(matches!(events[2], Event::Reconnected { .. }));
        assert_eq!(events[3..], [subscribed("a"), came("a", b"1")]);
        joined(server).await;
    });
}

#[test]
fn clients_may_move_between_tasks() {
    run(async {
        let (address, server) = serve_in_turn(vec![script(Peer::expect_end)]);
        let task = tokio::spawn(async move {
            let mut client = ReconnectingClient::connect(&address, options(), hasty()).await.unwrap();
            let waiting = timeout(INSTANT, client.next_event()).await;
            assert!(waiting.is_err());
        });
        task.await.unwrap();
        joined(server).await;
    });
}
