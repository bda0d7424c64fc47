//! The journal: the last connections that left a shard, with the reasons.
//!
//! Each disconnect is also a line of the log. If too many connections leave in a second, a line counts those left out; the
//! journal has them all. A client that is refused at the listener has no name and is only counted.

use corecast_fanout::{Backlog, ConnectionId};
use corecast_wire::Code;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

/// The number of disconnects that each shard keeps; a new one replaces the oldest.
pub const JOURNAL_LENGTH: usize = 1000;

/// The record of a connection that has left.
#[derive(Clone, Debug)]
pub struct DisconnectRecord {
    /// The time at which it left.
    pub at: SystemTime,
    /// The connection's name.
    pub connection: ConnectionId,
    /// The address of its peer.
    pub peer: SocketAddr,
    /// The time for which it was connected.
    pub age: Duration,
    /// The reason, as the client was told it if that was possible.
    pub code: Code,
    /// The reason in words, with more detail.
    pub reason: Cow<'static, str>,
    /// The number of channels that it subscribed to, and the bytes by which it was behind, when it was ended.
    pub backlog: Backlog,
}

/// The disconnects of one shard.
#[derive(Debug)]
pub(crate) struct Journal {
    records: VecDeque<DisconnectRecord>,
    lines: LineLimit,
}

impl Journal {
    /// Creates a journal that logs this many disconnects per second.
    pub(crate) fn new(lines_per_second: u32) -> Self {
        Self { records: VecDeque::with_capacity(JOURNAL_LENGTH), lines: LineLimit::new(lines_per_second) }
    }

    /// Records a disconnect at `now`, by the shard's clock.
    pub(crate) fn add(&mut self, now: Duration, record: DisconnectRecord) {
        self.close_second(now);
        if self.lines.admit() {
            record.log();
        }
        if self.records.len() == JOURNAL_LENGTH {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    /// Logs the number of lines left out, if a second has passed.
    pub(crate) fn close_second(&mut self, now: Duration) {
        if let Some(left_out) = self.lines.begin_second(now.as_secs()) {
            tracing::info!(left_out, "disconnects");
        }
    }

    /// Returns the records from the oldest to the latest.
    pub(crate) fn to_vec(&self) -> Vec<DisconnectRecord> {
        self.records.iter().cloned().collect()
    }
}

impl DisconnectRecord {
    fn log(&self) {
        let Backlog { channels, bytes_behind } = self.backlog;
        tracing::info!(
            connection = %self.connection,
            peer = %self.peer,
            age_ms = u64::try_from(self.age.as_millis()).unwrap_or(u64::MAX),
            code = self.code.number(),
            name = self.code.name(),
            // A string field is quoted and escaped; an administrator may have written the text.
            reason = &*self.reason,
            bytes_behind,
            channels,
            "disconnect"
        );
    }
}

/// A limit on the lines of each second, with a count of the lines left out.
#[derive(Debug)]
struct LineLimit {
    per_second: u32,
    second: u64,
    lines: u32,
    left_out: u64,
}

impl LineLimit {
    fn new(per_second: u32) -> Self {
        Self { per_second, second: 0, lines: 0, left_out: 0 }
    }

    /// Returns true if there is room for a line.
    fn admit(&mut self) -> bool {
        let admitted = self.lines < self.per_second;
        if admitted {
            self.lines += 1;
        } else {
            self.left_out += 1;
        }
        admitted
    }

    /// Begins a second. Returns the number of lines left out in the one before, if it is a new second and there were any.
    fn begin_second(&mut self, second: u64) -> Option<u64> {
        if second == self.second {
            return None;
        }
        (self.second, self.lines) = (second, 0);
        Some(std::mem::take(&mut self.left_out)).filter(|left_out| *left_out > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(slot: u32) -> DisconnectRecord {
        let connection = ConnectionId { shard: 0, slot, generation: 0 };
        DisconnectRecord {
            at: SystemTime::now(),
            connection,
            peer: ([127, 0, 0, 1], 1).into(),
            age: Duration::ZERO,
            code: Code::Normal,
            reason: "gone".into(),
            backlog: Backlog::default(),
        }
    }

    #[test]
    fn the_latest_are_kept_in_order_and_in_the_room_of_the_beginning() {
        let mut journal = Journal::new(0);
        let room = journal.records.capacity();
        for slot in 0..2500 {
            journal.add(Duration::ZERO, record(slot));
        }
        let kept: Vec<u32> = journal.to_vec().iter().map(|record| record.connection.slot).collect();
        assert_eq!(kept, (1500..2500).collect::<Vec<_>>());
        assert_eq!(journal.records.capacity(), room);
    }

    #[test]
    fn a_second_has_so_many_lines_and_then_a_count_of_the_others() {
        let mut lines = LineLimit::new(2);
        assert_eq!([lines.admit(), lines.admit(), lines.admit(), lines.admit()], [true, true, false, false]);
        assert_eq!(lines.begin_second(0), None);
        assert_eq!(lines.begin_second(3), Some(2));
        assert_eq!(lines.begin_second(4), None);
        assert!(lines.admit());
    }
}
