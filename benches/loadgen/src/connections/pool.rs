//! All connections of a run on one epoll instance, with the one reader through which they are read.
//!
//! Subscribers come first, then publishers, and the index of a connection is its name. Events are edge-triggered: after
//! an event the socket is read until it has no more, and nothing is registered twice.

use crate::connections::connection::{Connection, Stage};
use crate::connections::reader::{HEADROOM, RECEIVE, Reader, Sink};
use crate::measure::clock::{Clock, duration_ns};
use crate::measure::scheduling_stall::{LONGEST_SLEEP, SchedulingStall};
use crate::protocol::dialect::Dialect;
use crate::{Error, Settings};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv};

/// The outcome of one receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// There was nothing to receive.
    Nothing,
    /// The socket has no more.
    All,
    /// The buffer was filled or a signal came, so there may be more.
    Part,
    /// The server closed the connection.
    End,
}

/// The traffic of the sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) receives: u64,
    pub(crate) received_bytes: u64,
    /// The number of sends that the socket did not take in full.
    pub(crate) blocked_sends: u64,
    pub(crate) max_queued_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct ConnectionPool<D> {
    pub(crate) reader: Reader<D>,
    pub(crate) clock: Clock,
    pub(crate) connections: Vec<Connection>,
    pub(crate) subscribers: usize,
    pub(crate) traffic: Traffic,
    /// The longest time for which the thread did not run although it should have.
    pub(crate) scheduling_stall: SchedulingStall,
    epoll: OwnedFd,
}

/// The most events of one wait. The kernel checks each socket again before it reports its event, which takes some 0.5
/// µs if the socket is not cached. A message that falls due meanwhile is sent after all of them.
const EVENTS: usize = 128;

impl<D: Dialect> ConnectionPool<D> {
    pub(crate) fn new(settings: &Settings, names: &[String], dialect: D, clock: Clock) -> Result<Self, Error> {
        Ok(Self {
            reader: Reader::new(settings, names, dialect),
            clock,
            connections: Vec::with_capacity(settings.connections()),
            subscribers: settings.subscribers,
            traffic: Traffic::default(),
            scheduling_stall: SchedulingStall::default(),
            epoll: epoll::create(CreateFlags::CLOEXEC).map_err(Error::system("epoll_create"))?,
        })
    }

    /// Returns an empty list of events, of the size that [`ConnectionPool::wait`] fills.
    pub(crate) fn events() -> Vec<Event> {
        Vec::with_capacity(EVENTS)
    }

    /// Adds a connection under the next index.
    pub(crate) fn add(&mut self, connection: Connection) -> Result<(), Error> {
        self.watch(self.connections.len(), &connection)?;
        self.connections.push(connection);
        Ok(())
    }

    /// Closes the connection at an index, which ends its registration, and puts another in its place.
    pub(crate) fn replace(&mut self, index: usize, mut connection: Connection) -> Result<(), Error> {
        connection.generation = self.connections[index].generation.wrapping_add(1);
        self.watch(index, &connection)?;
        self.connections[index] = connection;
        Ok(())
    }

    /// Closes a connection, even in the middle of a frame that is being sent to it.
    pub(crate) fn hang_up(&mut self, index: usize) -> Result<(), Error> {
        let connection = &mut self.connections[index];
        connection.stage = Stage::Closed;
        rustix::net::shutdown(&connection.socket, Shutdown::Both)
            .or_else(|errno| if errno == Errno::NOTCONN { Ok(()) } else { Err(errno) })
            .map_err(Error::system("shutdown"))
    }

    fn watch(&self, index: usize, connection: &Connection) -> Result<(), Error> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let data = EventData::new_u64(index as u64 | u64::from(connection.generation) << 32);
        epoll::add(&self.epoll, &connection.socket, data, flags).map_err(Error::system("epoll_ctl"))
    }

    /// Returns true if an event belongs to the connection that has its index now.
    pub(crate) fn is_current(&self, event: &Event) -> bool {
        let (index, _) = subject(event);
        u64::from(self.connections[index].generation) == event.data.u64() >> 32
    }

    /// Stops reading a connection, or resumes, first with everything that has arrived meanwhile.
    pub(crate) fn pause(&mut self, index: usize, paused: bool, sink: &mut impl Sink) -> Result<(), Error> {
        self.connections[index].paused = paused;
        let mut open = !paused && self.connections[index].stage == Stage::Connected;
        while open {
            open = !matches!(self.receive(index, sink)?, Received::Nothing | Received::End);
        }
        Ok(())
    }

    /// Reads one byte of a paused connection, and keeps it until the connection is read again.
    pub(crate) fn trickle(&mut self, index: usize) {
        let Connection { socket, tail, stage, .. } = &mut self.connections[index];
        let mut byte = [0];
        if *stage == Stage::Connected && tail.len() < HEADROOM {
            // An error of the connection shows when it is read again.
            if let Ok((1, _)) = recv(socket, &mut byte, RecvFlags::empty()) {
                tail.extend_from_slice(&byte);
            }
        }
    }

    /// Waits for events until `until_ns`, or for at most [`LONGEST_SLEEP`].
    pub(crate) fn wait(&mut self, events: &mut Vec<Event>, until_ns: u64) -> Result<(), Error> {
        events.clear();
        let now_ns = self.clock.now_ns();
        let until_ns = until_ns.min(now_ns + duration_ns(LONGEST_SLEEP));
        self.scheduling_stall.look(now_ns);
        self.scheduling_stall.excuse_until(until_ns);
        let left_ns = until_ns.saturating_sub(now_ns);
        let timeout = Timespec {
            tv_sec: i64::try_from(left_ns / 1_000_000_000).expect("at most 584 years"),
            tv_nsec: i64::try_from(left_ns % 1_000_000_000).expect("below a second"),
        };
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(Error::system("epoll_wait")(errno)),
        }
    }

    /// Returns the number of the publisher at an index, or none if it is not a publisher's.
    pub(crate) fn publisher(&self, index: usize) -> Option<usize> {
        index.checked_sub(self.subscribers)
    }

    pub(crate) fn role(&self, index: usize) -> &'static str {
        if index < self.subscribers { "subscriber" } else { "publisher" }
    }

    /// Handles an event: sends the waiting bytes, or reads everything that has arrived.
    pub(crate) fn serve(&mut self, event: &Event, sink: &mut impl Sink) -> Result<(), Error> {
        let (index, flags) = subject(event);
        if flags.contains(EventFlags::OUT) && !self.connections[index].outbox.is_empty() {
            self.flush(index)?;
        }
        if self.connections[index].paused {
            return Ok(());
        }
        let mut received = Received::Part;
        let ended = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        if flags.contains(EventFlags::IN) || ended {
            while received == Received::Part || (ended && received == Received::All) {
                received = self.receive(index, sink)?;
            }
        }
        Ok(())
    }

    /// Receives once. Every whole item goes to the sink, and the rest is kept for the next receive.
    pub(crate) fn receive(&mut self, index: usize, sink: &mut impl Sink) -> Result<Received, Error> {
        let connection = &mut self.connections[index];
        let count = match recv(&connection.socket, self.reader.room(), RecvFlags::empty()) {
            Ok((0, _)) | Err(Errno::CONNRESET | Errno::PIPE | Errno::TIMEDOUT) => {
                connection.stage = Stage::Closed;
                return Ok(Received::End);
            }
            Ok((count, _)) => count,
            Err(Errno::AGAIN) => return Ok(Received::Nothing),
            Err(Errno::INTR) => return Ok(Received::Part),
            Err(errno) => return Err(Error::system("recv")(errno)),
        };
        let now_ns = self.clock.now_ns();
        self.scheduling_stall.look(now_ns);
        self.traffic.receives += 1;
        self.traffic.received_bytes += count as u64;

        let queued = connection.outbox.len();
        self.reader.read(index, count, now_ns, &mut connection.tail, connection.outbox.buffer(), sink)?;
        if connection.outbox.len() > queued {
            self.flush(index)?;
        }
        Ok(if count == RECEIVE { Received::Part } else { Received::All })
    }

    /// Sends the waiting bytes, as far as the socket takes them.
    pub(crate) fn flush(&mut self, index: usize) -> Result<(), Error> {
        let connection = &mut self.connections[index];
        match connection.flush() {
            // The end of a connection is noticed when it is read.
            Ok(true) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Ok(false) => {
                self.traffic.blocked_sends += 1;
                self.traffic.max_queued_bytes = self.traffic.max_queued_bytes.max(connection.outbox.len());
                Ok(())
            }
            Err(errno) => Err(Error::system("send")(errno)),
        }
    }
}

/// Returns the index of an event's connection, and its flags.
pub(crate) fn subject(event: &Event) -> (usize, EventFlags) {
    let index = usize::try_from(event.data.u64() & u64::from(u32::MAX)).expect("set from an index");
    (index, event.flags)
}
