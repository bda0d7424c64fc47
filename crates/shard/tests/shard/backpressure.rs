//! Publishers that are not read while the other shards or the flush have to catch up.

use crate::harness::{Driver, PING, Settings, join, publish, settle, shards};
use corecast_fanout::FanoutLimits;
use corecast_shard::{MailboxMessage, Mailboxes as _, Step};

#[test]
fn a_full_mailbox_pauses_publishers_and_nobody_else() {
    let [mut here, mut there] = shards(&Settings { mailbox: 2, ..Settings::default() });
    let subscriber = join(&mut [&mut there, &mut here], "news");
    let (mut first, mut second, mut other) = (here.greeted(), here.greeted(), here.greeted());
    there.mesh.fill();
    assert_eq!(here.send(&mut first, &[publish("news", "one")]), Step::Read, "there may yet be room");
    here.tick();
    assert!(here.shard.is_congested());
    assert_eq!(here.next(&mut first), Step::Wait);
    assert_eq!(here.send(&mut other, &[PING]), Step::Read);
    assert_eq!(here.send(&mut second, &[publish("news", "two")]), Step::Wait, "accepted, and no more of it");
    for _ in 0..3 {
        here.tick();
        assert!(!here.is_woken(&first) && !here.is_woken(&second));
    }
    there.tick();
    here.tick();
    assert!(!here.shard.is_congested());
    for client in [&mut first, &mut second] {
        assert_eq!(here.go_on(client), Step::Read);
        assert!(!here.is_woken(client));
    }
    settle(&mut [&mut here, &mut there]);
    assert_eq!((subscriber.read(), other.read()), ("news: one; news: two".to_owned(), "pong".to_owned()));
}

#[test]
fn a_connection_whose_last_read_published_nothing_is_not_paused() {
    let [mut here, mut there] = shards(&Settings { mailbox: 2, ..Settings::default() });
    let _subscriber = join(&mut [&mut there, &mut here], "news");
    let mut client = here.greeted();
    there.mesh.fill();
    here.send(&mut client, &[publish("news", "one")]);
    here.send(&mut client, &[PING]);
    here.tick();
    assert!(here.shard.is_congested());
    assert_eq!(here.next(&mut client), Step::Read);
}

#[test]
fn a_saturated_shard_reads_no_publisher_and_receives_no_message() {
    let settings =
        Settings { fanout: FanoutLimits { log_bytes: 100, ..FanoutLimits::default() }, ..Settings::default() };
    let mut shard = Driver::alone(&settings);
    let subscribers: Vec<_> = (0..5).map(|_| shard.join("news")).collect();
    let (mut publisher, mut other) = (shard.greeted(), shard.greeted());
    for _ in 0..10 {
        assert_eq!(shard.send(&mut publisher, &[publish("news", "a message")]), Step::Read);
    }
    shard.exchange();
    assert!(shard.flush(1), "four have not had them");
    assert_eq!(shard.next(&mut publisher), Step::Wait);
    assert_eq!(shard.send(&mut other, &[PING]), Step::Read);
    shard.mesh.push(MailboxMessage::Request(1));
    shard.exchange();
    assert!(shard.flush(1), "three have not had them");
    assert!(!shard.is_woken(&publisher) && shard.answered.is_empty());
    shard.exchange();
    assert_eq!(shard.answered, []);
    assert!(shard.flush(64), "a message waits in the mailbox");
    assert_eq!(shard.go_on(&mut publisher), Step::Read);
    assert!(!shard.tick());
    assert!(shard.mesh.is_empty() && shard.answered.len() == 1);
    for subscriber in subscribers {
        assert_eq!(subscriber.read(), ["news: a message"; 10].join("; "), "nobody has lagged");
    }
}
