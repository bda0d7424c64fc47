//! The contract of the session of every protocol.

use crate::harness::{Connection, Shard};
use corecast_session::{End, Session, Taken};
use corecast_wire::Code;

/// A protocol, as far as the contract needs to know it.
pub(crate) trait Protocol {
    type Session: Session;

    /// Creates the session of a connection that has just been accepted.
    fn session() -> Self::Session;

    /// Returns the frames with which a client subscribes to the channel of [`publish`](Self::publish).
    fn opening() -> Vec<u8>;

    /// Returns a frame that publishes this payload.
    fn publish(payload: &[u8]) -> Vec<u8>;

    /// Returns bytes that break the protocol.
    fn violation() -> Vec<u8>;

    /// Returns the payloads of the messages among the whole frames that a client received.
    fn payloads(received: &[u8]) -> Vec<Vec<u8>>;
}

/// Turns each generic function into one test for each protocol.
macro_rules! for_every_protocol {
    ($($test:ident),+ $(,)?) => {
        for_every_protocol! { @ ($($test)+)
            native: crate::native::NativeProtocol;
            plain: crate::plain::PlainProtocol;
        }
    };
    (@ $tests:tt $($name:ident: $protocol:ty;)+) => {
        $(mod $name { for_every_protocol! { @@ $protocol, $tests } })+
    };
    (@@ $protocol:ty, ($($test:ident)+)) => {
        $(#[test] fn $test() { super::$test::<$protocol>(); })+
    };
}

for_every_protocol! {
    any_split_of_the_bytes_means_the_same,
    a_frame_that_is_not_admitted_is_not_taken,
    a_frame_that_came_in_two_parts_is_admitted_as_one,
    frames_before_a_violation_take_effect_and_those_behind_it_do_not,
    a_stream_ends_between_two_frames_or_inside_one,
    a_publication_is_reported_to_the_owner,
    the_close_frame_comes_behind_everything_else,
    any_byte_is_a_sign_of_life,
}

/// Returns a client that has subscribed and has read everything so far.
fn join<P: Protocol>(shard: &mut Shard) -> Connection<P::Session> {
    let mut connection = shard.connect(P::session());
    shard.receive(&mut connection, &P::opening()).unwrap();
    connection.take_received();
    connection
}

fn received<P: Protocol>(connection: &Connection<P::Session>) -> Vec<Vec<u8>> {
    P::payloads(&connection.take_received())
}

fn any_split_of_the_bytes_means_the_same<P: Protocol>() {
    let bytes = [P::opening(), P::publish(b"first"), P::publish(b""), P::publish(b"third")].concat();
    let exchange = |parts: &[&[u8]]| {
        let mut shard = Shard::new();
        let mut connection = shard.connect(P::session());
        let frames: usize = parts.iter().map(|part| shard.receive(&mut connection, part).unwrap()).sum();
        (frames, connection.take_received())
    };
    let whole = exchange(&[&bytes]);
    assert_eq!(P::payloads(&whole.1), [&b"first"[..], b"", b"third"]);
    assert!(whole.0 >= 3, "{} frames", whole.0);
    for cut in 1..bytes.len() {
        assert_eq!(exchange(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
    }
    assert_eq!(exchange(&bytes.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
}

fn a_frame_that_is_not_admitted_is_not_taken<P: Protocol>() {
    let mut shard = Shard::new();
    let mut connection = join::<P>(&mut shard);
    let frames = [P::publish(b"1"), P::publish(b"two"), P::publish(b"the third")];
    let bytes = frames.concat();
    let mut asked = Vec::new();
    let taken = shard.receive_admitted(&mut connection, &bytes, |length| {
        asked.push(length);
        asked.len() <= 2
    });
    let before = frames[0].len() + frames[1].len();
    assert_eq!(taken.unwrap(), Taken { frames: 2, bytes: before });
    assert_eq!(asked, frames.map(|frame| frame.len()), "each is asked for once, by its length");
    assert_eq!(received::<P>(&connection), [&b"1"[..], b"two"]);

    let taken = shard.receive_admitted(&mut connection, &bytes[before..], |_| true).unwrap();
    assert_eq!(taken, Taken { frames: 1, bytes: bytes.len() - before });
    assert_eq!(received::<P>(&connection), [b"the third"]);
}

fn a_frame_that_came_in_two_parts_is_admitted_as_one<P: Protocol>() {
    let frame = P::publish(b"in parts");
    for cut in 1..frame.len() {
        let mut shard = Shard::new();
        let mut connection = join::<P>(&mut shard);
        let (head, tail) = frame.split_at(cut);
        let taken = shard.receive_admitted(&mut connection, head, |_| panic!("no frame is complete")).unwrap();
        assert_eq!(taken, Taken { frames: 0, bytes: cut });

        let refused = shard.receive_admitted(&mut connection, tail, |length| length != frame.len()).unwrap();
        assert_eq!(refused, Taken { frames: 0, bytes: 0 }, "cut at {cut}");
        let admitted = shard.receive_admitted(&mut connection, tail, |length| length == frame.len()).unwrap();
        assert_eq!(admitted, Taken { frames: 1, bytes: tail.len() }, "cut at {cut}");
        assert_eq!(received::<P>(&connection), [b"in parts"]);
    }
}

fn frames_before_a_violation_take_effect_and_those_behind_it_do_not<P: Protocol>() {
    let mut shard = Shard::new();
    let bystander = join::<P>(&mut shard);
    let mut offender = join::<P>(&mut shard);
    let bytes = [P::publish(b"before"), P::violation(), P::publish(b"behind")].concat();
    let end = shard.receive(&mut offender, &bytes).unwrap_err();
    assert!(end.code.is_violation(), "{end:?}");
    assert!(offender.published, "the owner has a message to send on");
    assert_eq!(received::<P>(&bystander), [b"before"]);
    shard.end(&offender, &end);
    assert!(received::<P>(&bystander).is_empty());
}

fn a_stream_ends_between_two_frames_or_inside_one<P: Protocol>() {
    let mut shard = Shard::new();
    let mut connection = join::<P>(&mut shard);
    assert_eq!(connection.end_of_stream().code, Code::Normal);
    let frame = P::publish(b"payload");
    for cut in 1..frame.len() {
        shard.receive(&mut connection, &frame[..cut]).unwrap();
        assert_eq!(connection.end_of_stream().code, Code::Malformed, "{cut} bytes of a frame");
        shard.receive(&mut connection, &frame[cut..]).unwrap();
        assert_eq!(connection.end_of_stream().code, Code::Normal);
    }
}

fn a_publication_is_reported_to_the_owner<P: Protocol>() {
    let mut shard = Shard::new();
    let mut connection = join::<P>(&mut shard);
    assert!(!connection.published, "subscribing publishes nothing");
    shard.receive(&mut connection, &P::publish(b"payload")).unwrap();
    assert!(connection.published);
    shard.receive(&mut connection, &[]).unwrap();
    assert!(!connection.published);
}

fn the_close_frame_comes_behind_everything_else<P: Protocol>() {
    let mut shard = Shard::new();
    let mut connection = join::<P>(&mut shard);
    connection.stall();
    shard.receive(&mut connection, &P::publish(b"the last")).unwrap();
    let end = End::new(Code::GoingAway, "the server stops");
    shard.end(&connection, &end);
    assert_eq!(connection.take_received(), b"");

    shard.resume(&connection);
    let (mut close_frame, mut refusal) = (Vec::new(), Vec::new());
    connection.session.close_frame(&end, &mut close_frame);
    connection.session.refusal(&end, &mut refusal);
    assert_eq!(close_frame, refusal, "a client that is refused is told why likewise");
    let bytes = connection.take_received();
    let messages = bytes.strip_suffix(&close_frame[..]).unwrap_or_else(|| panic!("{bytes:?} ends in {close_frame:?}"));
    assert_eq!(P::payloads(messages), [b"the last"]);
}

fn any_byte_is_a_sign_of_life<P: Protocol>() {
    assert!(!P::Session::is_sign_of_life(Taken { frames: 0, bytes: 0 }));
    assert!(P::Session::is_sign_of_life(Taken { frames: 0, bytes: 1 }), "half a frame is one");
    assert!(P::Session::is_sign_of_life(Taken { frames: 1, bytes: 4 }));
}
