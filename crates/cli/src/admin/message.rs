//! The messages between `corecast admin` and a server: one line of JSON each way.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use corecast_engine::{ConnectionInfo, DisconnectRecord, ShardId, ShardInfo};
use serde::{Deserialize, Serialize};

/// A request of the administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    Status,
    Connections,
    Journal,
    /// The state of the server's log.
    Log,
    Close {
        /// `SHARD/SLOT.GENERATION`.
        connection: String,
        /// The reason that the connection is told.
        reason: String,
        /// True to reset the connection without telling it the reason.
        reset: bool,
    },
    Stop,
}

/// The server's reply to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Status(Vec<ShardLine>),
    Connections(Vec<ConnectionLine>),
    Journal(Vec<DisconnectLine>),
    Log {
        /// The number of lines dropped since the start.
        dropped: u64,
    },
    /// True if this request ended the connection. False if it was gone or already ending.
    Close(bool),
    Stop,
    /// The request failed, for this reason.
    Error(String),
}

/// The work of a shard since it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardLine {
    pub(crate) shard: ShardId,
    pub(crate) connections: usize,
    pub(crate) accepted: u64,
    pub(crate) published: u64,
    pub(crate) deliveries: u64,
    pub(crate) sends: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) missed: u64,
    pub(crate) undelivered: u64,
    /// The number of times that the shard stood still for so long that its deadlines do not count it.
    #[serde(default)]
    pub(crate) standstills: u64,
    /// The pauses that the shard makes after its flushes, and their reasons.
    #[serde(default)]
    pub(crate) pause: PauseLine,
    /// The number of connections that have left, by the name of the code.
    pub(crate) closed: BTreeMap<String, u64>,
}

/// The pauses that a shard makes after its flushes, and their reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PauseLine {
    /// True if another thread needs the shard's CPU.
    pub(crate) contended: bool,
    /// The number of times that contention began.
    pub(crate) contentions: u64,
    /// The share of all time, in thousandths, for which the shard was ready to run but waited for its CPU.
    pub(crate) waited_per_mille: u16,
    /// The number of pauses made because the shard fell behind with many messages in each send.
    pub(crate) saturated_pauses: u64,
    /// The time paused in total.
    pub(crate) paused_ms: u64,
}

/// An open connection of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectionLine {
    pub(crate) connection: String,
    pub(crate) peer: String,
    pub(crate) state: String,
    pub(crate) age_ms: u64,
    pub(crate) bytes_behind: usize,
    pub(crate) channels: usize,
}

/// A connection that has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DisconnectLine {
    pub(crate) at_unix_ms: u64,
    pub(crate) connection: String,
    pub(crate) peer: String,
    pub(crate) age_ms: u64,
    pub(crate) code: u16,
    pub(crate) name: String,
    pub(crate) reason: String,
    pub(crate) bytes_behind: usize,
    pub(crate) channels: usize,
}

impl From<&ShardInfo> for ShardLine {
    fn from(info: &ShardInfo) -> Self {
        let counters = info.counters;
        Self {
            shard: info.shard,
            connections: info.connections,
            accepted: info.accepted,
            published: counters.published,
            deliveries: counters.deliveries,
            sends: counters.sends,
            sent_bytes: counters.sent_bytes,
            missed: counters.missed,
            undelivered: counters.undelivered,
            standstills: info.standstills,
            pause: PauseLine {
                contended: info.pause.contended,
                contentions: info.pause.contentions,
                waited_per_mille: info.pause.waited_per_mille,
                saturated_pauses: info.pause.saturated_pauses,
                paused_ms: milliseconds(info.pause.paused),
            },
            closed: info.closed.iter().map(|(code, count)| (code.name().to_owned(), *count)).collect(),
        }
    }
}

impl From<&ConnectionInfo> for ConnectionLine {
    fn from(info: &ConnectionInfo) -> Self {
        Self {
            connection: info.id.to_string(),
            peer: info.peer.to_string(),
            state: info.state.name().to_owned(),
            age_ms: milliseconds(info.age),
            bytes_behind: info.backlog.bytes_behind,
            channels: info.backlog.channels,
        }
    }
}

impl From<&DisconnectRecord> for DisconnectLine {
    fn from(record: &DisconnectRecord) -> Self {
        Self {
            at_unix_ms: milliseconds(record.at.duration_since(UNIX_EPOCH).unwrap_or_default()),
            connection: record.connection.to_string(),
            peer: record.peer.to_string(),
            age_ms: milliseconds(record.age),
            code: record.code.number(),
            name: record.code.name().to_owned(),
            reason: record.reason.to_string(),
            bytes_behind: record.backlog.bytes_behind,
            channels: record.backlog.channels,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts use this form without `corecast admin`.
    #[test]
    fn the_form_of_a_request_is_stable() {
        let close = Request::Close { connection: "0/1.2".into(), reason: "because".into(), reset: false };
        for (request, line) in [
            (Request::Status, r#""status""#),
            (close, r#"{"close":{"connection":"0/1.2","reason":"because","reset":false}}"#),
        ] {
            assert_eq!(serde_json::to_string(&request).expect("it is JSON"), line);
            assert_eq!(serde_json::from_str::<Request>(line).expect("it is a request"), request);
        }
    }
}
