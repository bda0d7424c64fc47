//! A counter on which `set(get() + 1)` is a race under every policy, called through the methods that the attribute
//! generates.

mod common;
#[macro_use]
#[path = "common/policies.rs"]
mod policies;

use common::run;
use futures_lite::future::zip;
use subjector::{Policy, Subjector, subjector};

under! { each policy => [a_counter_is_raced_by_its_callers_and_safe_in_one_call] }

struct Counter(u32);

#[subjector]
impl Counter {
    pub(crate) fn get(&self) -> u32 {
        self.0
    }

    pub(crate) fn set(&mut self, to: u32) {
        self.0 = to;
    }

    pub(crate) fn add(&mut self, more: u32) -> u32 {
        self.0 += more;
        self.0
    }
}

/// A policy keeps single calls apart, but not what a caller does between two calls.
fn a_counter_is_raced_by_its_callers_and_safe_in_one_call<P: Policy>(policy: impl Fn() -> P) {
    run(async |_| {
        let counter = Subjector::with(Counter(0), policy());
        let (first, second) = zip(counter.get(), counter.get()).await;
        zip(counter.set(first + 1), counter.set(second + 1)).await;
        assert_eq!(counter.get().await, 1, "one of two is lost");
        zip(counter.add(1), counter.add(1)).await;
        assert_eq!(counter.get().await, 3);
    });
}
