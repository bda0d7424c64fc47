//! The steps that can happen in a simulated server.

use corecast_wire::native::Lag;

/// One step. It names a client or shard by a number modulo the number of clients or shards. So every step has a meaning
/// whatever happened before, and steps can be left out of a failing run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A client connects.
    Open {
        /// The shard that it connects to.
        shard: u16,
        /// The way in which it begins.
        arrival: Arrival,
        /// The bytes that its transport takes; `None` for no limit.
        capacity: Option<usize>,
    },
    /// A client writes.
    Write {
        /// The client.
        client: usize,
        /// The command that it writes.
        command: Command,
    },
    /// A client writes its last byte.
    EndStream {
        /// The client.
        client: usize,
    },
    /// A connection breaks.
    Reset {
        /// The client of the connection.
        client: usize,
    },
    /// A client stalls, which means that it reads only in a `Read` step, or reads everything at once again.
    Pace {
        /// The client.
        client: usize,
        /// The bytes that its transport takes; `None` for no limit.
        capacity: Option<usize>,
    },
    /// A stalling client reads a few bytes.
    Read {
        /// The client.
        client: usize,
        /// The number of bytes.
        bytes: usize,
    },
    /// A connection's task on the server has its turn, if it was woken.
    Serve {
        /// The client of the connection.
        client: usize,
        /// The most bytes that it receives.
        bytes: usize,
    },
    /// A shard is told that a full transport takes bytes again, if one does.
    Writable {
        /// The shard.
        shard: u16,
        /// The index among the writable transports for which the shard waits.
        nth: usize,
    },
    /// The first half of a tick.
    Exchange {
        /// The shard.
        shard: u16,
        /// The most messages that are taken from the mailbox.
        posts: usize,
    },
    /// The second half of a tick, with the reaping.
    Flush {
        /// The shard.
        shard: u16,
        /// The most subscribers that are visited.
        budget: usize,
    },
    /// A shard sweeps.
    Sweep {
        /// The shard.
        shard: u16,
    },
    /// Time passes, and all shards sweep at their interval.
    Elapse {
        /// The number of sweeps.
        sweeps: u32,
    },
    /// Time passes while all shards stand still.
    StandStill {
        /// The time in milliseconds.
        millis: u64,
    },
}

/// The protocol of a client, and its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// `plain`.
    Plain,
    /// `native`, with HELLO.
    Native,
    /// `native`, without HELLO.
    Mute,
    /// `native`, with a version that does not exist.
    Outdated,
}

/// A command that a client writes; channels are given by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the frames of the protocol")]
pub enum Command {
    Subscribe { channel: usize, lag: Option<Lag> },
    Unsubscribe { channel: usize },
    Publish { channel: usize, messages: usize, filler: usize, acknowledged: bool, no_echo: bool },
    Ping { length: usize },
    Close,
    Violate(Offence),
}

/// A way in which a client breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the code that answers it, or nearly")]
pub enum Offence {
    TooLarge,
    BadChecksum,
    UnknownKind,
    ReservedFlag,
    InvalidChannel,
    SecondHello,
    ServersFrame,
    /// Half a frame, then the end of the stream.
    Truncated,
}

impl Offence {
    pub(crate) const ALL: [Self; 8] = [
        Self::TooLarge,
        Self::BadChecksum,
        Self::UnknownKind,
        Self::ReservedFlag,
        Self::InvalidChannel,
        Self::SecondHello,
        Self::ServersFrame,
        Self::Truncated,
    ];
}
