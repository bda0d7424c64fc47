//! Subscribers that leave and come again while the load runs.
//!
//! One that leaves in peace has first had everything that was sent before its turn; one that is cut off is
//! owed nothing more. Either way it is owed, once it is back, everything that is sent after its
//! subscription was confirmed.

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

/// The outcome of leaves and returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reconnections {
    /// The number of leaves.
    pub begun: u64,
    /// The number of renewed subscriptions.
    pub completed: u64,
    /// How often a turn was passed over because the subscriber was still on its way.
    pub skipped: u64,
    /// How often the server refused the connection or ended it before it was subscribed.
    pub refused: u64,
    /// From connecting to the confirmed subscription.
    pub subscribe_us: Percentiles,
    /// Where all left at once: from the first connecting to the last confirmed subscription, if all came that far.
    pub all_subscribed_seconds: Option<f64>,
}

/// The subscribers that are leaving or returning.
#[derive(Debug)]
pub(crate) struct Membership {
    leaving: Vec<Leaver>,
    /// When each connection that is not subscribed yet began to connect.
    arriving: HashMap<usize, u64>,
    first_ns: Option<u64>,
    last_ns: u64,
    tally: Reconnections,
    subscribe: Latency,
}

#[derive(Debug)]
struct Leaver {
    subscriber: usize,
    /// What it gets before it goes: per subscription and publisher, the sequence to reach.
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
            tally: Reconnections::default(),
            subscribe: Latency::new(),
        }
    }

    /// Returns true if nobody is on the way.
    pub(crate) fn is_settled(&self) -> bool {
        self.leaving.is_empty() && self.arriving.is_empty()
    }

    /// These are to leave when they have what was sent so far.
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
                self.tally.skipped += 1;
                continue;
            }
            let owed = verifier.owed(subscriber, |publisher, channel| sender.sent(publisher, channel));
            self.leaving.push(Leaver { subscriber, owed, deadline });
        }
    }

    /// Lets those go who have what they were owed, or have waited for it in vain.
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

    /// These are gone now, whatever they were to get.
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
        self.tally.begun += 1;
        self.first_ns.get_or_insert(now_ns);
        self.arriving.insert(subscriber, now_ns);
        Ok(())
    }

    /// Serves an event of a connection that may be on its way in; false if it is not.
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
                self.tally.completed += 1;
            }
            Ok(false) => {}
            Err(Error::Closed { .. } | Error::Connect { .. }) => {
                self.arriving.remove(&index);
                self.tally.refused += 1;
                pool.connections[index].stage = Stage::Closed;
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// What became of them; nothing, if nobody was to leave. `at_once`: all left together.
    pub(crate) fn finish(mut self, at_once: bool) -> Option<Reconnections> {
        let all = at_once && self.tally.begun == self.tally.completed;
        let took = |first_ns| std::time::Duration::from_nanos(self.last_ns - first_ns).as_secs_f64();
        let all_subscribed_seconds = self.first_ns.filter(|_| all).map(took);
        let subscribe_us = self.subscribe.summary();
        (self.tally.begun + self.tally.skipped > 0).then_some(Reconnections {
            subscribe_us,
            all_subscribed_seconds,
            ..self.tally
        })
    }
}

/// A subscriber that comes again: owed from the answer on.
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
