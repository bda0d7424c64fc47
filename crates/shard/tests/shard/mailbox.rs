//! Messages to other shards, whose mailboxes may be full: nothing is lost, the order stays, the end comes last and once.

use crate::harness::{Access, Client, Driver, Settings, join, publish, settle, shards, subscribe};
use corecast_session::Native;
use corecast_shard::{Mailboxes as _, Step};

/// Mailboxes that hold two messages.
fn tight() -> Settings {
    Settings { mailbox: 2, ..Settings::default() }
}

/// Publishes each of these from a connection of its own, with a tick behind each.
fn publish_each(driver: &mut Driver, payloads: &[&str]) -> Vec<Client<Native>> {
    payloads
        .iter()
        .map(|payload| {
            let mut publisher = driver.greeted();
            driver.send(&mut publisher, &[publish("news", payload)]);
            driver.tick();
            publisher
        })
        .collect()
}

/// Takes the messages out of a shard's mailbox, before the shard does.
fn contents(driver: &Driver) -> Vec<&'static str> {
    std::iter::from_fn(|| driver.mesh.pop()).collect()
}

#[test]
fn messages_to_a_full_mailbox_wait_in_order() {
    let [mut here, mut there] = shards(&tight());
    let subscriber = join(&mut [&mut there, &mut here], "news");
    there.mesh.fill();
    let _publishers = publish_each(&mut here, &["one", "two", "three", "four", "five"]);
    assert!(here.shard.is_waiting_for(1) && here.shard.is_congested());
    settle(&mut [&mut here, &mut there]);
    assert_eq!(subscriber.read(), "news: one; news: two; news: three; news: four; news: five");
    assert!(!here.shard.is_waiting_for(1) && !here.shard.is_congested());
    assert_eq!(there.answered.len(), 2, "the requests that were there before");
}

#[test]
fn a_full_mailbox_holds_up_no_message_to_another_shard() {
    let [mut here, mut full, mut free] = shards(&tight());
    let behind = join(&mut [&mut full, &mut here, &mut free], "news");
    let subscriber = join(&mut [&mut free, &mut here, &mut full], "news");
    full.mesh.fill();
    let _publishers = publish_each(&mut here, &["one", "two"]);
    assert!(here.shard.is_waiting_for(1) && !here.shard.is_waiting_for(2) && !here.shard.is_waiting_for(0));
    free.tick();
    assert_eq!((subscriber.read(), behind.read()), ("news: one; news: two".to_owned(), String::new()));
    settle(&mut [&mut here, &mut full, &mut free]);
    assert_eq!(behind.read(), "news: one; news: two");
}

#[test]
fn two_shards_with_full_mailboxes_do_not_block_each_other() {
    let [mut here, mut there] = shards(&tight());
    let mut one = join(&mut [&mut here, &mut there], "news");
    let mut other = join(&mut [&mut there, &mut here], "news");
    here.mesh.fill();
    there.mesh.fill();
    here.send(&mut one, &[publish("news", "from here")]);
    there.send(&mut other, &[publish("news", "from there")]);
    for driver in [&mut here, &mut there] {
        driver.mesh.take_accesses();
    }
    here.exchange();
    assert_eq!(here.mesh.take_accesses()[0], Access::Refused(1));
    // The exchange has emptied it.
    here.mesh.fill();
    there.exchange();
    assert_eq!(there.mesh.take_accesses()[0], Access::Refused(0));
    here.flush(64);
    there.flush(64);
    settle(&mut [&mut here, &mut there]);
    for client in [&one, &other] {
        let mut messages: Vec<_> = client.read().split("; ").map(str::to_owned).collect();
        messages.sort_unstable();
        assert_eq!(messages, ["news: from here", "news: from there"]);
    }
}

#[test]
fn finished_is_the_last_message_and_comes_once() {
    let [mut here, mut there] = shards(&tight());
    let _subscriber = join(&mut [&mut there, &mut here], "news");
    there.mesh.fill();
    let _publishers = publish_each(&mut here, &["one", "two"]);
    here.shard.stop();
    here.tick();
    assert_eq!(contents(&there), ["request", "request"], "there is no room for anything else");
    here.tick();
    assert_eq!(contents(&there), ["batch", "batch"]);
    assert!(here.shard.is_waiting_for(1), "its end");
    here.tick();
    assert_eq!(contents(&there), ["finished"]);
    for _ in 0..3 {
        here.tick();
        assert!(there.mesh.is_empty(), "it was said already");
    }
}

#[test]
fn finished_goes_to_every_other_shard_once_the_shard_stops() {
    let [mut here, first, second] = shards(&tight());
    here.tick();
    assert!(first.mesh.is_empty() && second.mesh.is_empty(), "it serves");
    here.shard.stop();
    here.tick();
    assert_eq!((contents(&first), contents(&second)), (vec!["finished"], vec!["finished"]));
}

#[test]
fn finished_waits_for_pending_work_of_the_policy() {
    let [mut here, there] = shards(&tight());
    here.shard.policy_mut().is_pending = true;
    here.shard.stop();
    here.tick();
    assert!(there.mesh.is_empty());
    here.shard.policy_mut().is_pending = false;
    here.tick();
    assert_eq!(contents(&there), ["finished"]);
}

#[test]
fn a_subscription_does_not_wait_for_a_shard_that_has_finished() {
    let [mut here, mut there] = shards(&tight());
    let mut client = here.greeted();
    here.send(&mut client, &[subscribe("news")]);
    here.tick();
    assert_eq!(contents(&there), ["batch"], "the question, which is lost");
    there.shard.stop();
    there.tick();
    here.tick();
    assert_eq!((client.read(), here.go_on(&mut client)), ("subscribed news".to_owned(), Step::Read));
}
