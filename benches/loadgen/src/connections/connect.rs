//! Connecting, with a proof before any load that messages reach every connection.
//!
//! If the protocol answers a subscription, the answer is the proof. `plain` has no answers, so each publisher sends
//! probes until every connection has received one of its probes. A connection that receives the probes of one publisher
//! may not yet receive those of another on a different shard.

use crate::connections::connection::{Connection, Stage};
use crate::connections::deadline::Deadline;
use crate::connections::pool::{ConnectionPool, subject};
use crate::connections::reader::Sink;
use crate::measure::clock::Clock;
use crate::protocol::dialect::{Channel, Dialect, Item};
use crate::verify::payload::{Header, PROBE, Reading, Stamp};
use crate::{Error, Settings, interruption};
use rustix::event::epoll::{Event, EventFlags};

/// The number of connections between `connect` and the last answer at one time; it is below the backlog of every
/// listener.
const CONCURRENCY: usize = 128;
/// The first pause between two probes of one publisher. Each pause is twice as long as the one before.
const FIRST_PROBE_INTERVAL_NS: u64 = 20_000_000;
/// The longest pause between two probes.
const MAX_PROBE_INTERVAL_NS: u64 = 1_000_000_000;

/// Opens all connections, and waits until the server knows each of them.
pub(crate) fn connect<D: Dialect>(
    settings: &Settings,
    names: &[String],
    stamp: &Stamp,
    dialect: D,
    clock: Clock,
) -> Result<ConnectionPool<D>, Error> {
    let mut deadline = Deadline::after(settings.connect_timeout, clock.now_ns());
    let mut pool = ConnectionPool::new(settings, names, dialect, clock)?;
    open_all(&mut pool, settings, names, &mut deadline)?;
    if D::subscriber_answers(settings.subscriptions) == 0 {
        probe(&mut pool, settings, stamp, &mut deadline)?;
    }
    Ok(pool)
}

fn open_all<D: Dialect>(
    pool: &mut ConnectionPool<D>,
    settings: &Settings,
    names: &[String],
    deadline: &mut Deadline,
) -> Result<(), Error> {
    let wanted = settings.connections();
    let mut events = ConnectionPool::<D>::events();
    let mut connected = 0;
    while connected < wanted {
        while pool.connections.len() < wanted.min(connected + CONCURRENCY) {
            pool.add(Connection::open(settings.address, pool.connections.len())?)?;
        }
        interruption::check()?;
        if deadline.is_over(pool.clock.now_ns()) {
            return Err(Error::ConnectTimeout { connected, wanted, waited: settings.connect_timeout });
        }
        pool.wait(&mut events, deadline.at_ns())?;
        for event in &events {
            connected += usize::from(advance(pool, settings, names, event, &mut Nobody)?);
        }
    }
    Ok(())
}

/// Advances a connection by one event. Returns true if that connected it.
pub(crate) fn advance<D: Dialect>(
    pool: &mut ConnectionPool<D>,
    settings: &Settings,
    names: &[String],
    event: &Event,
    newcomer: &mut impl Newcomer,
) -> Result<bool, Error> {
    let (index, flags) = subject(event);
    let before = pool.connections[index].stage;
    if before == Stage::Connecting {
        if !flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            return Ok(false);
        }
        pool.connections[index].connected(settings.address)?;
        introduce(pool, settings, names, index)?;
    }
    let closed = |pool: &ConnectionPool<D>, reason| Error::Closed { connection: index, role: pool.role(index), reason };
    let answers = match pool.connections[index].stage {
        Stage::Greeting { answers } => answers,
        Stage::Connected => 0,
        Stage::Connecting => return Ok(false),
        Stage::Closed => return Err(closed(pool, "before it was connected".to_owned())),
    };
    let mut greeter = Greeter { answers, refusal: None, newcomer };
    pool.serve(event, &mut greeter)?;
    let Greeter { answers, refusal, .. } = greeter;
    if let Some(reason) = refusal {
        return Err(closed(pool, reason));
    }
    if pool.connections[index].stage == Stage::Closed {
        return Err(closed(pool, "before it was connected".to_owned()));
    }
    let stage = if answers == 0 { Stage::Connected } else { Stage::Greeting { answers } };
    pool.connections[index].stage = stage;
    Ok(stage == Stage::Connected && before != stage)
}

/// Sends the first bytes of a connection.
fn introduce<D: Dialect>(
    pool: &mut ConnectionPool<D>,
    settings: &Settings,
    names: &[String],
    index: usize,
) -> Result<(), Error> {
    let out = pool.connections[index].outbox.buffer();
    let answers = if index < settings.subscribers {
        let channel = |number: usize| Channel { name: &names[number], number };
        pool.reader.dialect.subscribe(settings.channels_of(index).map(channel), out);
        D::subscriber_answers(settings.subscriptions)
    } else {
        pool.reader.dialect.greet(out);
        D::PUBLISHER_ANSWERS
    };
    pool.connections[index].stage = if answers == 0 { Stage::Connected } else { Stage::Greeting { answers } };
    pool.flush(index)
}

/// The receiver of a new connection's items, which is told when the connection is complete.
pub(crate) trait Newcomer: Sink {
    /// Called after the last answer. Items after it in the same receive have not been processed.
    fn connected(&mut self);
}

/// A receiver that ignores everything, for the time before the load begins.
struct Nobody;

impl Sink for Nobody {
    fn deliver(&mut self, _payload: &[u8]) {}

    fn item(&mut self, _item: Item<'_>) {}
}

impl Newcomer for Nobody {
    fn connected(&mut self) {}
}

/// Counts the answers of one connection.
struct Greeter<'n, N> {
    /// The number of answers that are still to come.
    answers: usize,
    refusal: Option<String>,
    newcomer: &'n mut N,
}

impl<N: Newcomer> Sink for Greeter<'_, N> {
    fn begin(&mut self, connection: usize, now_ns: u64) {
        self.newcomer.begin(connection, now_ns);
    }

    fn deliver(&mut self, payload: &[u8]) {
        self.newcomer.deliver(payload);
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Answer if self.answers > 0 => {
                self.answers -= 1;
                if self.answers == 0 {
                    self.newcomer.connected();
                }
            }
            Item::Refusal(reason) if self.answers > 0 => {
                self.refusal = Some(String::from_utf8_lossy(reason).into_owned());
            }
            item => self.newcomer.item(item),
        }
    }

    fn end(&mut self) {
        self.newcomer.end();
    }
}

/// Sends probes from every publisher until each publisher has reached every connection.
fn probe<D: Dialect>(
    pool: &mut ConnectionPool<D>,
    settings: &Settings,
    stamp: &Stamp,
    deadline: &mut Deadline,
) -> Result<(), Error> {
    let connections = settings.connections();
    let mut roll = Roll {
        stamp,
        publishers: settings.publishers,
        connection: 0,
        seen: vec![false; connections * settings.publishers],
        unreached: vec![connections; settings.publishers],
    };
    let mut events = ConnectionPool::<D>::events();
    let mut interval_ns = FIRST_PROBE_INTERVAL_NS;
    while !roll.complete() {
        interruption::check()?;
        let now_ns = pool.clock.now_ns();
        if deadline.is_over(now_ns) {
            let connected = roll.connected();
            return Err(Error::ConnectTimeout { connected, wanted: connections, waited: settings.connect_timeout });
        }
        send_probes(pool, settings, stamp, &roll)?;
        let next_ns = now_ns + interval_ns;
        interval_ns = (interval_ns * 2).min(MAX_PROBE_INTERVAL_NS);
        while !roll.complete() && !deadline.is_over(pool.clock.now_ns()) && pool.clock.now_ns() < next_ns {
            pool.wait(&mut events, next_ns.min(deadline.at_ns()))?;
            for event in &events {
                pool.serve(event, &mut roll)?;
                let (index, _) = subject(event);
                if pool.connections[index].stage == Stage::Closed {
                    let reason = "before it was connected".to_owned();
                    return Err(Error::Closed { connection: index, role: pool.role(index), reason });
                }
            }
        }
    }
    Ok(())
}

fn send_probes<D: Dialect>(
    pool: &mut ConnectionPool<D>,
    settings: &Settings,
    stamp: &Stamp,
    roll: &Roll<'_>,
) -> Result<(), Error> {
    let mut payload = Vec::with_capacity(settings.payload_bytes);
    for publisher in (0..settings.publishers).filter(|publisher| roll.unreached[*publisher] > 0) {
        let number = u16::try_from(publisher).expect("settings are checked");
        payload.clear();
        stamp.write(Header { publisher: number, channel: PROBE, sequence: 0, intended_ns: 0 }, &mut payload);
        let index = settings.subscribers + publisher;
        pool.reader.dialect.publish("", &payload, pool.connections[index].outbox.buffer());
        pool.flush(index)?;
    }
    Ok(())
}

/// The publishers whose probes have reached each connection.
struct Roll<'a> {
    stamp: &'a Stamp,
    publishers: usize,
    /// The connection whose receives are processed now.
    connection: usize,
    seen: Vec<bool>,
    /// The number of connections without a probe, by publisher.
    unreached: Vec<usize>,
}

impl Roll<'_> {
    fn complete(&self) -> bool {
        self.unreached.iter().all(|count| *count == 0)
    }

    /// Returns the number of connections that have received a probe of every publisher.
    fn connected(&self) -> usize {
        self.seen.chunks(self.publishers).filter(|row| row.iter().all(|seen| *seen)).count()
    }
}

impl Sink for Roll<'_> {
    fn begin(&mut self, connection: usize, _now_ns: u64) {
        self.connection = connection;
    }

    fn deliver(&mut self, payload: &[u8]) {
        let Reading::Ours { header, .. } = self.stamp.read(payload) else { return };
        let publisher = usize::from(header.publisher);
        if header.channel != PROBE || publisher >= self.publishers {
            return;
        }
        if !std::mem::replace(&mut self.seen[self.connection * self.publishers + publisher], true) {
            self.unreached[publisher] -= 1;
        }
    }

    fn item(&mut self, _item: Item<'_>) {}
}
