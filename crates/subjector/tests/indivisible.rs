//! Calls that await either exclude others or let them in. Without exclusion, a user manager has a race on ages; with
//! it, an interface does not respond while a user is fetched.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::{Gate, Local, gate, run};
use futures_lite::future::poll_once;
use subjector::{Access, Policy, Subjector, subjector};

under! {
    spin: subjector::Spin, mutex: subjector::Mutex, channel: subjector::Channel::default(), channel_on: subjector::Channel::on(super::common::there())
    => [an_age_is_safe, a_click_waits_for_the_user]
}
under! {
    portal: subjector::Portal::default(), alone: subjector::Alone::default(), portal_on: subjector::Portal::on(super::common::there()), alone_on: subjector::Alone::on(super::common::there())
    => [an_age_is_raced, the_interface_responds_while_a_user_is_fetched]
}

struct Users {
    age: u32,
}

#[subjector]
impl Users {
    /// Asks the registry, then makes the user one year older.
    pub(crate) async fn birthday(access: Access<'_, Self>, registry: Gate) {
        let age = access.with(|users| users.age).await;
        registry.pass().await;
        access.with(move |users| users.age = age + 1).await;
    }

    pub(crate) fn age(&self) -> u32 {
        self.age
    }
}

/// Makes two birthdays at once. `at_once` is the number of them that reach the registry before it answers.
async fn two_birthdays<P: Policy>(local: Local, policy: P, at_once: usize) -> u32 {
    let users = Subjector::with(Users { age: 20 }, policy);
    let (answer, registry) = gate();
    let birthdays = [(); 2].map(|()| {
        let (users, registry) = (users.clone(), registry.clone());
        local.spawn(async move { users.birthday(registry).await })
    });
    for _ in 0..2 / at_once {
        for _ in 0..at_once {
            registry.reached().await;
        }
        assert!(!registry.has_been_reached());
        for _ in 0..at_once {
            answer.send(()).expect("the gate is held");
        }
    }
    for birthday in birthdays {
        birthday.await;
    }
    users.age().await
}

fn an_age_is_safe<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| assert_eq!(two_birthdays(local, policy(), 1).await, 22));
}

fn an_age_is_raced<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| assert_eq!(two_birthdays(local, policy(), 2).await, 21));
}

#[derive(Default)]
struct Interface {
    shown: Option<&'static str>,
    clicks: u32,
}

#[subjector]
impl Interface {
    pub(crate) async fn show(access: Access<'_, Self>, server: Gate) {
        server.pass().await;
        access.with(|interface| interface.shown = Some("user")).await;
    }

    pub(crate) fn click(&mut self) -> (u32, Option<&'static str>) {
        self.clicks += 1;
        (self.clicks, self.shown)
    }
}

fn the_interface_responds_while_a_user_is_fetched<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let interface = Subjector::with(Interface::default(), policy());
        let (answer, server) = gate();
        let (shows, at) = (interface.clone(), server.clone());
        let show = local.spawn(async move { shows.show(at).await });
        server.reached().await;
        assert_eq!(interface.click().await, (1, None));
        answer.send(()).expect("the gate is held");
        show.await;
        assert_eq!(interface.click().await, (2, Some("user")));
    });
}

fn a_click_waits_for_the_user<P: Policy>(policy: impl Fn() -> P) {
    run(async |local| {
        let interface = Subjector::with(Interface::default(), policy());
        let (answer, server) = gate();
        let (shows, at) = (interface.clone(), server.clone());
        let show = local.spawn(async move { shows.show(at).await });
        server.reached().await;
        let mut click = Box::pin(interface.click());
        assert_eq!(poll_once(&mut click).await, None);
        answer.send(()).expect("the gate is held");
        assert_eq!(click.await, (1, Some("user")));
        show.await;
    });
}
