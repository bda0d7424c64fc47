//! Subscribers that leave and return while the load runs.
//!
//! A subscriber that leaves in order has first received everything that was sent before its turn. One that is cut off
//! is owed nothing more. In both cases it is owed, once it has returned, everything that is sent after its subscription
//! was confirmed.

use crate::connections::connect::{self, Newcomer};
use crate::connections::connection::{Connection, Stage};
use crate::connections::deadline::Deadline;
use crate::connections::pool::{ConnectionPool, subject};
use crate::connections::reader::Sink;
use crate::connections::sender::Sender;
use crate::measure::latency::Latency;
use crate::protocol::dialect::{Dialect, Item};
use crate::verify::delivery_verifier::DeliveryVerifier;
use crate::{Error, Percentiles, Settings};
use rustix::event::epoll::Event;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::Range;

/// The outcome of leaving and returning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reconnections {
    /// The number of times that a subscriber left.
    pub begun: u64,
    /// The number of renewed subscriptions.
    pub completed: u64,
    /// The number of turns that were skipped because the subscriber was still leaving or returning.
    pub skipped: u64,
    /// The number of times that the server refused the connection or ended it before it was subscribed.
    pub refused: u64,
    /// The time from connecting to the confirmed subscription.
    pub subscribe_us: Percentiles,
    /// The time from the first connecting to the last confirmed subscription if all left at once; none if some did not
    /// return.
    pub all_subscribed_seconds: Option<f64>,
}

/// The subscribers that are leaving or returning.
#[derive(Debug)]
pub(crate) struct Membership {
    leaving: Vec<Leaver>,
    /// The time at which each connection that is not subscribed yet began to connect.
    arriving: HashMap<usize, u64>,
    first_ns: Option<u64>,
    last_ns: u64,
    counts: Reconnections,
    subscribe: Latency,
}

#[derive(Debug)]
struct Leaver {
    subscriber: usize,
    /// The sequence to reach before it leaves, by subscription and publisher.
    owed: Vec<u64>,
    deadline: Deadline,
}

impl Membership {
    pub(crate) fn new() -> Self {
        Self {
            leaving: Vec::new(),
            arriving: HashMap::new(),
            first_ns: None,
            last_ns: 0,
            counts: Reconnections::default(),
            subscribe: Latency::new(),
        }
    }

    /// Returns true if no subscriber is leaving or returning.
    pub(crate) fn is_settled(&self) -> bool {
        self.leaving.is_empty() && self.arriving.is_empty()
    }

    /// Makes these subscribers leave once they have received everything sent so far.
    pub(crate) fn bid_leave<D>(
        &mut self,
        subscribers: Range<usize>,
        pool: &ConnectionPool<D>,
        verifier: &DeliveryVerifier<'_>,
        sender: &Sender<'_>,
        settings: &Settings,
    ) {
        let deadline = Deadline::after(settings.drain_timeout, pool.clock.now_ns());
        for subscriber in subscribers {
            let busy = self.leaving.iter().any(|leaver| leaver.subscriber == subscriber);
            if busy || pool.connections[subscriber].stage != Stage::Connected {
                self.counts.skipped += 1;
                continue;
            }
            let owed = verifier.owed(subscriber, |publisher, channel| sender.sent(publisher, channel));
            self.leaving.push(Leaver { subscriber, owed, deadline });
        }
    }

    /// Lets subscribers go that have received everything they were owed, or have waited for it until the deadline.
    pub(crate) fn see_off<D: Dialect>(
        &mut self,
        pool: &mut ConnectionPool<D>,
        verifier: &mut DeliveryVerifier<'_>,
        settings: &Settings,
    ) -> Result<(), Error> {
        let now_ns = pool.clock.now_ns();
        let gone = |leaver: &mut Leaver| {
            leaver.deadline.is_over(now_ns) || verifier.has_reached(leaver.subscriber, &leaver.owed)
        };
        let gone: Vec<Leaver> = self.leaving.extract_if(.., gone).collect();
        for Leaver { subscriber, owed, .. } in gone {
            if pool.connections[subscriber].stage == Stage::Connected {
                verifier.leave(subscriber, Some(&owed));
                self.reconnect(subscriber, pool, settings)?;
            }
        }
        Ok(())
    }

    /// Cuts these subscribers off now, whatever they were owed.
    pub(crate) fn cut<D: Dialect>(
        &mut self,
        subscribers: Range<usize>,
        pool: &mut ConnectionPool<D>,
        verifier: &mut DeliveryVerifier<'_>,
        settings: &Settings,
    ) -> Result<(), Error> {
        let connected: Vec<usize> =
            subscribers.filter(|subscriber| pool.connections[*subscriber].stage == Stage::Connected).collect();
        for &subscriber in &connected {
            verifier.leave(subscriber, None);
            pool.hang_up(subscriber)?;
        }
        for &subscriber in &connected {
            self.reconnect(subscriber, pool, settings)?;
        }
        Ok(())
    }

    fn reconnect<D: Dialect>(
        &mut self,
        subscriber: usize,
        pool: &mut ConnectionPool<D>,
        settings: &Settings,
    ) -> Result<(), Error> {
        let now_ns = pool.clock.now_ns();
        pool.replace(subscriber, Connection::open(settings.address, subscriber)?)?;
        self.counts.begun += 1;
        self.first_ns.get_or_insert(now_ns);
        self.arriving.insert(subscriber, now_ns);
        Ok(())
    }

    /// Handles an event of a connection that may be returning. Returns false if it is not.
    pub(crate) fn serve<D: Dialect>(
        &mut self,
        event: &Event,
        pool: &mut ConnectionPool<D>,
        verifier: &mut DeliveryVerifier<'_>,
        sender: &Sender<'_>,
        settings: &Settings,
        names: &[String],
    ) -> Result<bool, Error> {
        let (index, _) = subject(event);
        if self.arriving.is_empty() || !self.arriving.contains_key(&index) {
            return Ok(false);
        }
        match connect::advance(pool, settings, names, event, &mut Returner { index, verifier, sender }) {
            Ok(true) => {
                let now_ns = pool.clock.now_ns();
                let since_ns = self.arriving.remove(&index).unwrap_or(now_ns);
                self.subscribe.record(now_ns - since_ns);
                self.last_ns = now_ns;
                self.counts.completed += 1;
            }
            Ok(false) => {}
            Err(Error::Closed { .. } | Error::Connect { .. }) => {
                self.arriving.remove(&index);
                self.counts.refused += 1;
                pool.connections[index].stage = Stage::Closed;
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Returns the outcome, or none if no subscriber was to leave. `at_once` is true if all left together.
    pub(crate) fn finish(mut self, at_once: bool) -> Option<Reconnections> {
        let all = at_once && self.counts.begun == self.counts.completed;
        let took = |first_ns| std::time::Duration::from_nanos(self.last_ns - first_ns).as_secs_f64();
        let all_subscribed_seconds = self.first_ns.filter(|_| all).map(took);
        let subscribe_us = self.subscribe.summary();
        (self.counts.begun + self.counts.skipped > 0).then_some(Reconnections {
            subscribe_us,
            all_subscribed_seconds,
            ..self.counts
        })
    }
}

/// A subscriber that returns and is owed every message from the answer on.
struct Returner<'r, 'i, 's> {
    index: usize,
    verifier: &'r mut DeliveryVerifier<'i>,
    sender: &'r Sender<'s>,
}

impl Sink for Returner<'_, '_, '_> {
    fn begin(&mut self, connection: usize, now_ns: u64) {
        self.verifier.begin(connection, now_ns);
    }

    fn deliver(&mut self, payload: &[u8]) {
        self.verifier.deliver(payload);
    }

    fn item(&mut self, item: Item<'_>) {
        self.verifier.item(item);
    }

    fn end(&mut self) {
        self.verifier.end();
    }
}

impl Newcomer for Returner<'_, '_, '_> {
    fn connected(&mut self) {
        self.verifier.join(self.index, |publisher, channel| self.sender.sent(publisher, channel));
    }
}
