//! PUBLISH: who receives the message, and the acknowledgement.

use super::{acknowledged, encoded, frames, greet, join, message, name, publish};
use crate::harness::Shard;
use corecast_wire::native::{Frame, Publish};

#[test]
fn a_message_reaches_the_subscribers_of_its_channel_unaltered() {
    let mut shard = Shard::new();
    let subscribers = [join(&mut shard, "lobby"), join(&mut shard, "lobby")];
    let other = join(&mut shard, "other");
    let mut publisher = greet(&mut shard);
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    shard.receive(&mut publisher, &encoded(&[publish("lobby", &every_byte), publish("lobby", b"")])).unwrap();
    for subscriber in &subscribers {
        assert_eq!(frames(&subscriber.take_received()), [message("lobby", &every_byte), message("lobby", b"")]);
    }
    assert_eq!(other.take_received(), b"");
    assert_eq!(publisher.take_received(), b"", "it is not subscribed and asked for no acknowledgement");
}

#[test]
fn tokens_return_as_they_came_in_the_order_of_their_messages() {
    let tokens = [7, 0, u32::MAX, 7];
    let mut shard = Shard::new();
    let mut publisher = greet(&mut shard);
    let requests = tokens.map(|token| acknowledged("lobby", b"payload", token));
    shard.receive(&mut publisher, &encoded(&requests)).unwrap();
    assert_eq!(frames(&publisher.take_received()), tokens.map(|token| Frame::Published { token }));
}

#[test]
fn no_echo_spares_the_publishers_own_subscription_alone() {
    let mut shard = Shard::new();
    let other = join(&mut shard, "lobby");
    let mut publisher = join(&mut shard, "lobby");
    let unheard = Frame::Publish(Publish { channel: name("lobby"), payload: b"1", ack: Some(1), no_echo: true });
    shard.receive(&mut publisher, &encoded(&[unheard, publish("lobby", b"2")])).unwrap();
    assert_eq!(frames(&publisher.take_received()), [Frame::Published { token: 1 }, message("lobby", b"2")]);
    assert_eq!(frames(&other.take_received()), [message("lobby", b"1"), message("lobby", b"2")]);
}
