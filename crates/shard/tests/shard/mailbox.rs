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

/// What is in the mailbox of a shard, which does not take it.
fn contents(driver: &Driver) -> Vec<&'static str> {
    std::iter::from_fn(|| driver.mesh.pop()).collect()
}

#[test]
fn what_a_full_mailbox_does_not_take_waits_in_its_order() {
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
fn two_shards_that_are_full_for_each_other_both_go_on() {
    let [mut here, mut there] = shards(&tight());
    let one = join(&mut [&mut here, &mut there], "news");
    let other = join(&mut [&mut there, &mut here], "news");
    here.mesh.fill();
    there.mesh.fill();
    // No tick between them, so that neither empties its mailbox before both have something for the other.
    let (mut publisher, mut other_publisher) = (one, other);
    here.send(&mut publisher, &[publish("news", "from here")]);
    there.send(&mut other_publisher, &[publish("news", "from there")]);
    for driver in [&mut here, &mut there] {
        driver.mesh.take_accesses();
    }
    here.exchange();
    assert_eq!(here.mesh.take_accesses()[0], Access::Refused(1));
    here.mesh.fill();
    there.exchange();
    assert_eq!(there.mesh.take_accesses()[0], Access::Refused(0));
    here.flush(64);
    there.flush(64);
    settle(&mut [&mut here, &mut there]);
    for client in [&publisher, &other_publisher] {
        let mut messages: Vec<_> = client.read().split("; ").map(str::to_owned).collect();
        messages.sort_unstable();
        assert_eq!(messages, ["news: from here", "news: from there"]);
    }
}

#[test]
fn the_end_of_a_shard_is_its_last_message_and_comes_once() {
    let [mut here, mut there] = shards(&tight());
    let _subscriber = join(&mut [&mut there, &mut here], "news");
    there.mesh.fill();
    let _publishers = publish_each(&mut here, &["one", "two"]);
    here.shard.stop();
    here.tick();
    assert_eq!(contents(&there), ["request", "request"], "there is no room for anything else");
    here.tick();
    assert_eq!(contents(&there), ["batch", "batch"]);
    assert!(!here.shard.is_congested() || here.shard.is_waiting_for(1));
    here.tick();
    assert_eq!(contents(&there), ["finished"]);
    for _ in 0..3 {
        here.tick();
        assert!(there.mesh.is_empty(), "it was said already");
    }
}

#[test]
fn every_other_shard_is_told_of_the_end() {
    let [mut here, first, second] = shards(&tight());
    here.tick();
    assert!(first.mesh.is_empty() && second.mesh.is_empty(), "it serves");
    here.shard.stop();
    here.tick();
    assert_eq!((contents(&first), contents(&second)), (vec!["finished"], vec!["finished"]));
}

#[test]
fn the_end_waits_for_what_is_still_to_be_done_elsewhere() {
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
fn nobody_waits_for_a_shard_that_has_finished() {
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
