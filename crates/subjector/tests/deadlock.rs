//! Two friends greet each other at once. There is never a deadlock if a call that awaits lets others in. Under the
//! other policies, a debug build names the cycle instead of hanging.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::run;
use futures_lite::future::zip;
use subjector::{Access, Error, Policy, Subjector};

under! {
    portal: subjector::Portal::default(), alone: subjector::Alone::default(), portal_on: subjector::Portal::on(super::common::there()), alone_on: subjector::Alone::on(super::common::there())
    => [friends_greet_each_other]
}
#[cfg(debug_assertions)]
under! {
    spin: subjector::Spin, mutex: subjector::Mutex, channel: subjector::Channel::default(), channel_on: subjector::Channel::on(super::common::there())
    => [one_of_two_friends_is_told_the_cycle, a_circle_of_three_is_told_the_cycle, a_call_to_itself_is_told,
        a_chain_through_a_portal_is_followed, a_call_that_cannot_wait_panics_with_the_cycle]
}
under! {
    waiting_spin: subjector::Spin, waiting_mutex: subjector::Mutex, waiting_channel: subjector::Channel::default()
    => [waiting_for_a_busy_friend_is_no_deadlock]
}

/// A friend, whose state is the number of greetings received.
type Friend<P> = Subjector<u32, P>;

fn friend<P: Policy>(name: &str, policy: P) -> Friend<P> {
    Subjector::build(0).name(name).policy(policy)
}

/// Makes one friend greet the other once both have begun. `ready` tells the other, and `other_ready` waits for it.
async fn greet<P: Policy>(
    one: &Friend<P>,
    other: &Friend<P>,
    ready: flume::Sender<()>,
    other_ready: flume::Receiver<()>,
) -> Result<u32, Error> {
    let other = other.clone();
    let greet = one.try_call_async(async move |access: Access<'_, u32>| {
        access.with(|_| ()).await;
        ready.send(()).expect("the other one waits");
        other_ready.recv_async().await.expect("the other one begins");
        other
            .try_call(|greeted| {
                *greeted += 1;
                *greeted
            })
            .await
    });
    greet.await?
}

/// Makes friends in a circle greet the next one, all at once.
async fn greet_round<P: Policy>(friends: [Friend<P>; 2]) -> [Result<u32, Error>; 2] {
    let [alice, bob] = friends;
    let ((alice_ready, alice_began), (bob_ready, bob_began)) = (flume::unbounded(), flume::unbounded());
    let greetings = zip(greet(&alice, &bob, alice_ready, bob_began), greet(&bob, &alice, bob_ready, alice_began)).await;
    [greetings.0, greetings.1]
}

fn friends_greet_each_other<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let greeted = greet_round([friend("alice", policy()), friend("bob", policy())]).await;
        assert_eq!(greeted, [Ok(1), Ok(1)]);
    });
}

#[cfg(debug_assertions)]
fn cycle(error: Error) -> subjector::Deadlock {
    match error {
        Error::Deadlock(cycle) => cycle,
        other => panic!("{other}"),
    }
}

#[cfg(debug_assertions)]
fn one_of_two_friends_is_told_the_cycle<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let friends = [friend("alice", policy()), friend("bob", policy())];
        let greeted = greet_round(friends.clone()).await;
        let (mut errors, greeted): (Vec<_>, Vec<_>) = greeted.into_iter().partition(Result::is_err);
        assert_eq!(greeted, [Ok(1)], "who is not told goes on");
        let cycle = cycle(errors.remove(0).expect_err("a deadlock"));
        let expected = if cycle.objects()[0] == "alice" { ["alice", "bob", "alice"] } else { ["bob", "alice", "bob"] };
        assert_eq!(cycle.objects(), expected);
        let text = cycle.to_string();
        let chains =
            ["alice (called at crates/subjector/tests/deadlock.rs:", " → bob (called at crates/subjector/tests/"];
        assert!(chains.iter().all(|chain| text.contains(chain)), "{text}");
        assert_eq!(greet_round(friends).await.into_iter().filter(Result::is_err).count(), 1, "they are usable still");
    });
}

#[cfg(debug_assertions)]
fn a_circle_of_three_is_told_the_cycle<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let names = ["alice", "bob", "carol"];
        let friends = names.map(|name| friend(name, policy()));
        let ready: Vec<_> = names.iter().map(|_| flume::unbounded()).collect();
        let greetings: Vec<_> = (0..3)
            .map(|index| {
                let (one, other) = (friends[index].clone(), friends[(index + 1) % 3].clone());
                let (ready, other_ready) = (ready[index].0.clone(), ready[(index + 1) % 3].1.clone());
                local.spawn(async move { greet(&one, &other, ready, other_ready).await })
            })
            .collect();
        let mut told = Vec::new();
        for greeting in greetings {
            told.extend(greeting.await.err());
        }
        assert_eq!(told.len(), 1, "{told:?}");
        let cycle = cycle(told.remove(0));
        assert_eq!(cycle.objects().len(), 4);
        assert!(names.iter().all(|name| cycle.objects().iter().any(|object| object == name)), "{cycle}");
    });
}

#[cfg(debug_assertions)]
fn a_call_to_itself_is_told<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let alice = friend("alice", policy());
        let again = alice.clone();
        let call = alice.call_async(async move |_: Access<'_, u32>| again.try_call(|greeted| *greeted).await);
        assert_eq!(cycle(call.await.expect_err("a deadlock")).objects(), ["alice", "alice"]);
    });
}

#[cfg(debug_assertions)]
fn a_chain_through_a_portal_is_followed<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let alice = friend("alice", policy());
        let door = Subjector::build(()).name("door").policy(subjector::Portal::on(common::there()));
        let again = alice.clone();
        let call = alice.call_async(async move |_: Access<'_, u32>| {
            door.call_async(async move |_: Access<'_, ()>| again.try_call(|greeted| *greeted).await).await
        });
        let cycle = cycle(call.await.expect_err("a deadlock"));
        assert_eq!(cycle.objects(), ["alice", "alice"]);
        assert!(cycle.to_string().contains("→ door (called at "), "{cycle}");
    });
}

#[cfg(debug_assertions)]
fn a_call_that_cannot_wait_panics_with_the_cycle<P: Policy>(policy: impl Fn() -> P) {
    use futures_lite::FutureExt;
    run(async |_| {
        let alice = friend("alice", policy());
        let again = alice.clone();
        let call = alice.call_async(async move |_: Access<'_, u32>| again.call(|greeted| *greeted).await);
        let panic = std::panic::AssertUnwindSafe(call).catch_unwind().await.expect_err("it panics");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.starts_with("deadlock: alice → alice"), "{text}");
    });
}

fn waiting_for_a_busy_friend_is_no_deadlock<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let (alice, bob) = (friend("alice", policy()), friend("bob", policy()));
        let (open, gate) = common::gate();
        let (busy, at) = (bob.clone(), gate.clone());
        let call = local.spawn(async move { busy.call_async(async move |_: Access<'_, u32>| at.pass().await).await });
        gate.reached().await;
        let other = bob.clone();
        let mut greets =
            Box::pin(alice.try_call_async(async move |_: Access<'_, u32>| other.try_call(|greeted| *greeted).await));
        assert!(futures_lite::future::poll_once(&mut greets).await.is_none());
        open.send(()).expect("the gate is held");
        assert_eq!(greets.await, Ok(Ok(0)));
        call.await;
    });
}
