//! All connections, all messages, and the observers that show what a shard had to deliver.

use crate::common::{Driver, FIRST, PolicyFactory, SECOND, answer, limits};
use crate::steps::Step;
use crate::stream::{Connection, Event, Life, Published, Subscription};
use corecast_fanout::{ConnectionId, Effect, Encoding, Hooks as _, Policy, Publication};

/// The bytes of a channel's log, enough for about five messages.
const LOG_BYTES: usize = 150;
/// The bytes of all logs of a shard in half of the worlds; two of the six logs fill them.
const SHARD_LOG_BYTES: usize = 300;
const CHANNELS: [&str; 3] = ["0", "1", "2"];
/// Each shard has observers of these channels: a subscriber in each encoding that takes everything, and so sees the
/// order in which the shard has the messages. The last channel has none, so that interest comes and goes.
const OBSERVED: usize = 2;

pub(crate) struct World<F: PolicyFactory> {
    driver: Driver<F>,
    connections: Vec<Connection>,
    observers: Vec<Observer>,
    published: Vec<Published>,
    answers: usize,
}

struct Observer {
    connection: Connection,
    channel: usize,
}

impl<F: PolicyFactory> World<F> {
    pub(crate) fn new(shards: u16, mailbox_capacity: usize) -> Self {
        let mut limits = limits(LOG_BYTES);
        if mailbox_capacity == 1 {
            limits.shard_log_bytes = SHARD_LOG_BYTES;
        }
        let mut driver = Driver::with(shards, &limits, mailbox_capacity);
        let mut observers = Vec::new();
        for shard in driver.shard_ids() {
            for (channel, encoding) in (0..OBSERVED).flat_map(|channel| [(channel, FIRST), (channel, SECOND)]) {
                let peer = driver.join(shard, encoding, CHANNELS[channel]);
                let mut connection = Connection::new(usize::MAX, peer);
                connection.subscribe(channel, 0);
                connection.expect_answer(&format!("+{channel}"));
                connection.check_stream(0);
                observers.push(Observer { connection, channel });
            }
        }
        let connections = Vec::new();
        let mut world = Self { driver, connections, observers, published: Vec::new(), answers: 0 };
        (0..3).for_each(|shard| world.open(shard, FIRST));
        world
    }

    pub(crate) fn take(&mut self, step: Step) {
        let shards = self.driver.shard_ids().end;
        match step {
            Step::Open { shard, disconnects } => self.open(shard % shards, if disconnects { SECOND } else { FIRST }),
            Step::Subscribe { peer, channel } => self.subscribe(self.pick(peer), channel),
            Step::Unsubscribe { peer, channel } => self.unsubscribe(self.pick(peer), channel),
            Step::Publish { peer, channel, messages, no_echo, filler } => {
                self.publish(self.pick(peer), channel, messages, no_echo, filler);
            }
            Step::Answer { peer } => self.answer(self.pick(peer)),
            Step::Room { peer, bytes } => {
                self.connections[self.pick(peer)].peer.outlet.set_room(bytes);
            }
            Step::Writable { peer } => self.writable(self.pick(peer)),
            Step::End { peer } => self.end(self.pick(peer)),
            Step::Close { peer } => self.close(self.pick(peer)),
            Step::Break { peer } => self.connections[self.pick(peer)].peer.outlet.break_off(),
            Step::Stale { peer, channel } => self.misuse(self.pick(peer), channel),
            Step::Dispatch { shard } => drop(self.driver.dispatch(shard % shards)),
            Step::Receive { shard } => drop(self.driver.receive(shard % shards)),
            Step::Flush { shard, budget } => drop(self.driver.flush(shard % shards, budget)),
            Step::Settle => self.driver.settle(),
        }
        self.carry_out_effects();
    }

    fn pick(&self, peer: usize) -> usize {
        // Steps are mostly for recent connections, because the others have often been closed.
        let count = self.connections.len();
        count - 1 - peer % count
    }

    fn open(&mut self, shard: u16, encoding: Encoding) {
        let peer = self.driver.open(shard, encoding);
        self.connections.push(Connection::new(self.connections.len(), peer));
    }

    fn next_answer(&mut self, kind: &str) -> String {
        self.answers += 1;
        format!("{kind} {}", self.answers)
    }

    fn subscribe(&mut self, index: usize, channel: usize) {
        let text = self.next_answer(&format!("+{channel}"));
        let connection = &mut self.connections[index];
        if connection.life != Life::Open {
            return;
        }
        let id = connection.peer.id;
        let same = |observer: &&mut Observer| {
            let peer = &observer.connection.peer;
            observer.channel == channel && peer.id.shard == id.shard && peer.encoding == connection.peer.encoding
        };
        let after = self.observers.iter_mut().find(same).map_or(0, |observer| {
            observer.connection.check_stream(self.published.len());
            observer.connection.subscriptions[channel][0].events.len()
        });
        connection.subscribe(channel, after);
        connection.expect_answer(&text);
        let frame = answer(connection.peer.encoding, &text);
        self.driver.shard(id.shard).subscribe(id, CHANNELS[channel], &frame).unwrap();
    }

    fn unsubscribe(&mut self, index: usize, channel: usize) {
        let text = self.next_answer(&format!("-{channel}"));
        let connection = &mut self.connections[index];
        if connection.life == Life::Open {
            connection.unsubscribe(channel, self.published.len());
            connection.expect_answer(&text);
            let (id, frame) = (connection.peer.id, answer(connection.peer.encoding, &text));
            self.driver.shard(id.shard).unsubscribe(id, CHANNELS[channel], &frame);
        }
    }

    fn publish(&mut self, index: usize, channel: usize, messages: usize, no_echo: bool, filler: usize) {
        let connection = &self.connections[index];
        if connection.life == Life::Closed {
            return;
        }
        let id = connection.peer.id;
        let policy = self.driver.shard(id.shard);
        for _ in 0..messages {
            let mut payload = u32::try_from(self.published.len()).unwrap().to_be_bytes().to_vec();
            payload.resize(4 + filler, b'.');
            self.published.push(Published { publisher: index, channel, no_echo });
            policy.publish(id, &Publication { channel: CHANNELS[channel], payload: &payload, no_echo });
        }
        policy.commit(id);
    }

    fn answer(&mut self, index: usize) {
        let text = self.next_answer("=pong");
        let connection = &mut self.connections[index];
        if connection.life == Life::Open {
            connection.expect_answer(&text);
            let peer = connection.peer.clone();
            self.driver.answer(&peer, &text);
        }
    }

    fn writable(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.full && connection.life != Life::Closed {
            connection.found_writable();
            let id = connection.peer.id;
            self.driver.shard(id.shard).writable(id);
        }
    }

    fn end(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.life == Life::Open {
            connection.end(Life::Ended, self.published.len());
            let peer = connection.peer.clone();
            self.driver.end(&peer, "bye");
        }
    }

    fn close(&mut self, index: usize) {
        let published = self.published.len();
        let connection = &mut self.connections[index];
        if connection.life != Life::Closed {
            connection.check_stream(published);
            connection.end(Life::Closed, published);
            let peer = connection.peer.clone();
            self.driver.close(&peer);
        }
    }

    /// Checks that commands for a closed connection have no effect.
    fn misuse(&mut self, index: usize, channel: usize) {
        let connection = &self.connections[index];
        if connection.life == Life::Closed {
            let peer = connection.peer.clone();
            let channel = CHANNELS[channel];
            self.driver.subscribe(&peer, channel).unwrap();
            self.driver.unsubscribe(&peer, channel);
            self.driver.answer(&peer, "nobody asked");
            self.driver.publish_as(&peer, &Publication { channel, payload: b"from nobody", no_echo: true });
            self.driver.shard(peer.id.shard).writable(peer.id);
            self.driver.end(&peer, "bye");
            self.driver.close(&peer);
        }
    }

    /// Does what an engine does: closes lost connections and tells lagging ones why they end. Returns true if there was
    /// anything to do.
    fn carry_out_effects(&mut self) -> bool {
        let mut any = false;
        loop {
            let effects = self.driver.effects();
            if effects.is_empty() {
                return any;
            }
            any = true;
            for effect in effects {
                let (Effect::Full(id) | Effect::Drained(id) | Effect::Lagged(id) | Effect::Gone(id)) = effect;
                let Some(index) = self.index_of(id) else { continue };
                self.connections[index].affect(effect, self.published.len());
                match effect {
                    Effect::Full(_) | Effect::Drained(_) => {}
                    Effect::Lagged(_) if self.connections[index].life == Life::Open => self.end(index),
                    // Its first close frame was dropped, together with the messages before it.
                    Effect::Lagged(_) => self.driver.end(&self.connections[index].peer.clone(), "bye"),
                    Effect::Gone(_) => self.close(index),
                }
            }
        }
    }

    /// Returns the index of a connection. Effects of a closed one may still arrive, and are ignored.
    fn index_of(&self, id: ConnectionId) -> Option<usize> {
        let index = self.connections.iter().rposition(|connection| connection.peer.id == id);
        let index = index.expect("an effect of a connection that there was; an observer has none");
        (self.connections[index].life != Life::Closed).then_some(index)
    }

    pub(crate) fn check_streams(&mut self) {
        let published = self.published.len();
        let observers = self.observers.iter_mut().map(|observer| &mut observer.connection);
        for connection in self.connections.iter_mut().chain(observers) {
            if connection.check_stream(published) {
                connection.check_order(&self.published);
            }
        }
    }

    /// Lets everything come to rest, and checks the outcome against what was published.
    pub(crate) fn come_to_rest(&mut self) {
        for index in 0..self.connections.len() {
            self.connections[index].peer.outlet.set_room(usize::MAX);
        }
        loop {
            self.driver.settle();
            if self.carry_out_effects() {
                continue;
            }
            let full = |connection: &Connection| connection.full && connection.life != Life::Closed;
            let Some(index) = self.connections.iter().position(full) else { break };
            self.writable(index);
        }
        self.check_streams();
        for connection in &self.connections {
            connection.check_order(&self.published);
            connection.check_complete();
            self.check_deliveries(connection);
        }
        for observer in &self.observers {
            let of_channel = |message: &&Published| message.channel == observer.channel;
            let events = &observer.connection.subscriptions[observer.channel][0].events;
            assert_eq!(events.len(), self.published.iter().filter(of_channel).count(), "an observer gets everything");
        }
    }

    fn check_deliveries(&self, connection: &Connection) {
        for (channel, subscriptions) in connection.subscriptions.iter().enumerate() {
            for subscription in subscriptions {
                let same = |observer: &&Observer| {
                    let peer = &observer.connection.peer;
                    observer.channel == channel
                        && peer.id.shard == connection.peer.id.shard
                        && peer.encoding == connection.peer.encoding
                };
                if let Some(observer) = self.observers.iter().find(same).filter(|_| F::STRETCHES) {
                    self.check_against(observer, connection, subscription);
                }
                self.check_count(channel, connection, subscription);
            }
        }
    }

    /// Checks that a subscription's messages and gaps are a contiguous part of what the observer received.
    fn check_against(&self, observer: &Observer, connection: &Connection, subscription: &Subscription) {
        let seen = observer.connection.subscriptions[observer.channel][0].events.iter();
        let seen: Vec<(usize, usize)> = seen
            .enumerate()
            .map(|(place, event)| match event {
                Event::Message(message) => (place, *message),
                Event::Gap(_) => panic!("an observer misses nothing"),
            })
            .filter(|(_, message)| connection.wants(self.published[*message]))
            .collect();
        let complete_until = connection.complete_until(subscription);
        let is_open = complete_until == usize::MAX;
        let first = subscription.events.iter().position(|event| matches!(event, Event::Message(_)));
        let told = |events: &[Event]| -> usize {
            let counts = events.iter().map(|event| match event {
                Event::Gap(count) => *count,
                Event::Message(_) => 0,
            });
            counts.sum()
        };
        // Its beginning follows from its first message or, without one, from its end.
        let begin = match first {
            Some(index) => {
                let Event::Message(message) = subscription.events[index] else { unreachable!() };
                let place = seen.iter().position(|(_, seen)| *seen == message).expect("the observer got it too");
                place.checked_sub(told(&subscription.events[..index])).expect("a gap of messages that there were")
            }
            None if is_open => {
                seen.len().checked_sub(told(&subscription.events)).expect("a gap of messages that there were")
            }
            None => return,
        };
        let mut next = begin;
        for event in &subscription.events {
            match event {
                Event::Gap(count) => next += count,
                Event::Message(message) => {
                    assert_eq!(seen[next].1, *message, "a message is missing that no gap counts");
                    next += 1;
                }
            }
        }
        assert!(next <= seen.len(), "a gap of messages that there were");
        let left_out = seen[next..].iter().find(|(_, message)| *message < complete_until);
        assert_eq!(left_out, None, "everything is delivered or counted");
        if let Some((place, _)) = seen.get(begin) {
            assert!(subscription.events.is_empty() || *place >= subscription.after, "from before the subscription");
        }
        if let Some(binding) = subscription.binding_from
            && (is_open || first.is_some())
        {
            let missed = seen[..begin.min(seen.len())].iter().find(|(_, message)| *message >= binding);
            assert_eq!(missed, None, "published after the answer");
        }
    }

    /// Without an observer the order across publishers is unknown, but the number of messages is known.
    fn check_count(&self, channel: usize, connection: &Connection, subscription: &Subscription) {
        let complete_until = connection.complete_until(subscription);
        let mut delivered = Vec::new();
        let mut told = 0;
        for event in &subscription.events {
            match event {
                Event::Message(message) => delivered.push(*message),
                Event::Gap(count) => told += count,
            }
        }
        let of_channel = self.published.iter().enumerate().filter(|(_, message)| message.channel == channel);
        let wanted: Vec<usize> =
            of_channel.filter(|(_, message)| connection.wants(**message)).map(|(number, _)| number).collect();
        assert!(delivered.len() + told <= wanted.len(), "no more than there were");
        let Some(binding) = subscription.binding_from else {
            return assert_eq!(complete_until, 0, "the answer has come");
        };
        let owed = wanted.iter().filter(|message| **message >= binding).filter(|message| {
            // A closed connection is only certain to be owed the messages before one that was delivered.
            let publisher = self.published[**message].publisher;
            **message < complete_until
                || delivered.iter().any(|later| later > message && self.published[*later].publisher == publisher)
        });
        let absent = owed.filter(|message| !delivered.contains(message)).count();
        assert!(absent <= told, "{absent} messages neither delivered nor counted in {told}");
    }

    /// Closes everything, after which nothing may remain.
    pub(crate) fn clear_away(mut self) {
        (0..self.connections.len()).for_each(|index| self.close(index));
        for observer in &self.observers {
            self.driver.close(&observer.connection.peer);
        }
        self.driver.settle();
        assert_eq!(self.driver.channel_logs(), 0, "no channel_log without a subscriber");
        for connection in self.connections.iter().chain(self.observers.iter().map(|observer| &observer.connection)) {
            assert!(connection.peer.outlet.is_released(), "nobody has the transport");
        }
        for shard in self.driver.shard_ids() {
            assert!(!self.driver.shard(shard).is_saturated());
        }
    }
}
