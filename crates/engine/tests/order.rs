//! Promise 2: messages of one publisher on one channel arrive in the order sent; none twice; none altered.

use corecast_engine::Protocol;
use corecast_testkit::{LocalServer, Peer, everywhere};
use corecast_wire::ChannelName;
use corecast_wire::native::{self, Frame, Publish};

const PUBLISHERS: u8 = 4;
const MESSAGES: u32 = 2_000;

fn payload(publisher: u8, number: u32) -> Vec<u8> {
    let mut payload = vec![publisher; 5 + number as usize % 300];
    payload[1..5].copy_from_slice(&number.to_be_bytes());
    payload
}

#[test]
fn each_publishers_messages_arrive_in_order_once_and_whole() {
    everywhere(|policy, shards| {
        let server = LocalServer::start(LocalServer::config(policy, shards));
        let address = server.address(Protocol::Native);
        let channel = ChannelName::new("news").expect("a valid name");
        std::thread::scope(|scope| {
            let subscribers = (0..12).map(|_| {
                let mut peer = Peer::connect_native(address);
                peer.subscribe("news");
                peer
            });
            let subscribers: Vec<_> = subscribers.collect();
            for mut subscriber in subscribers {
                scope.spawn(move || {
                    let mut next = [0; PUBLISHERS as usize];
                    for _ in 0..u32::from(PUBLISHERS) * MESSAGES {
                        subscriber.read_native(|frame| {
                            let Frame::Message { payload: got, .. } = frame else { panic!("{frame:?}") };
                            let next = &mut next[usize::from(got[0])];
                            assert_eq!(*got, payload(got[0], *next));
                            *next += 1;
                        });
                    }
                });
            }
            for publisher in 0..PUBLISHERS {
                let mut peer = Peer::connect_native(address);
                scope.spawn(move || {
                    for numbers in (0..MESSAGES).collect::<Vec<_>>().chunks(37) {
                        let mut bytes = Vec::new();
                        for number in numbers {
                            let payload = payload(publisher, *number);
                            let publish = Publish { channel, payload: &payload, ack: None, no_echo: false };
                            native::encode(&Frame::Publish(publish), &mut bytes);
                        }
                        peer.send(&bytes);
                    }
                });
            }
        });
    });
}
