//! What can happen in a simulated server.

use corecast_wire::native::Lag;

/// One thing that happens. Which client or shard is meant is a number modulo how many there are, so that
/// every step means something whatever went before, and steps can be left out of a failing run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A client connects.
    Open {
        /// To which shard.
        shard: u16,
        /// With what.
        arrival: Arrival,
        /// How much its transport takes; all, if none.
        capacity: Option<usize>,
    },
    /// A client writes.
    Write {
        /// Which client.
        client: usize,
        /// What.
        command: Command,
    },
    /// A client writes its last byte.
    EndStream {
        /// Which client.
        client: usize,
    },
    /// A connection breaks.
    Reset {
        /// Whose.
        client: usize,
    },
    /// A client stalls (it reads nothing by itself), or goes on reading all at once.
    Pace {
        /// Which client.
        client: usize,
        /// How much its transport takes; all, if none.
        capacity: Option<usize>,
    },
    /// A client that stalls reads a few bytes.
    Read {
        /// Which client.
        client: usize,
        /// How many.
        bytes: usize,
    },
    /// The server's task of a connection has its turn, if it was woken.
    Serve {
        /// Whose.
        client: usize,
        /// The most bytes that it receives.
        bytes: usize,
    },
    /// A shard hears that a full transport takes bytes again, if one does.
    Writable {
        /// Which shard.
        shard: u16,
        /// Which of those that it waits for.
        nth: usize,
    },
    /// The first half of a tick.
    Exchange {
        /// Which shard.
        shard: u16,
        /// Posts that are taken at most.
        posts: usize,
    },
    /// The second half of a tick, with the reaping.
    Flush {
        /// Which shard.
        shard: u16,
        /// Subscribers that are visited at most.
        budget: usize,
    },
    /// A shard sweeps.
    Sweep {
        /// Which shard.
        shard: u16,
    },
    /// Time passes, and all shards sweep as often as they should.
    Elapse {
        /// How many times.
        sweeps: u32,
    },
    /// Time passes while all shards stand still.
    StandStill {
        /// How long.
        millis: u64,
    },
}

/// What a client speaks, and how it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// `plain`.
    Plain,
    /// `native`, with HELLO.
    Native,
    /// `native`, without.
    Mute,
    /// `native`, with a version that there is not.
    Outdated,
}

/// What a client writes; channels by number.
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

/// How a client breaks the protocol.
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
