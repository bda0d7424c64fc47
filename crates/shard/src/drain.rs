//! The end of a server, stage by stage.
//!
//! Everything that was read is published, everything that was published is sent, everybody is told.

use crate::connections::Endpoint;
use crate::outbound::Mailboxes;
use crate::shard::Shard;
use corecast_fanout::{ConnectionId, Policy};
use corecast_session::End;
use corecast_wire::Code;
use std::time::Duration;

/// How far the end of a shard has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drain {
    /// Not at all.
    Serving,
    /// Nothing is read; connections that the kernel has queued may still come.
    Stopping,
    /// Waits for what other shards have published, until this time of the shard's.
    Exchanging(Duration),
    /// Waits for the peers to take what was published, until this time.
    Flushing(Duration),
    /// Everybody has been told, and has until this time to leave.
    Closing(Duration),
    /// Those that have not left are broken off, and accounted for until this time.
    Expired(Duration),
    /// It is over.
    Done,
}

impl<P: Policy<E::Outlet>, E: Endpoint> Shard<P, E> {
    /// The stage of the end.
    pub fn drain_stage(&self) -> Drain {
        self.drain
    }

    /// Returns true if the shard takes nothing new.
    pub fn is_stopping(&self) -> bool {
        self.drain != Drain::Serving
    }

    /// Begins to stop: nothing is read from now on.
    pub fn stop(&mut self) {
        self.drain = self.drain.max(Drain::Stopping);
        self.wants_tick = true;
    }

    /// Begins the drain, once the last connection has come; `at` is the driver's time.
    pub fn begin_drain(&mut self, at: Duration) {
        self.stats.undelivered_before = self.policy.counters().undelivered;
        self.drain = Drain::Exchanging(self.clock.read(at) + self.limits.drain_timeout);
        self.wants_tick = true;
    }

    /// Takes the drain a stage further, if nothing is in its way or its time is over. Call it after every tick of a shard that
    /// drains.
    pub fn drain(&mut self, at: Duration, mailboxes: &impl Mailboxes<Item = P::Item>) {
        let now = self.clock.read(at);
        let linger = self.limits.linger;
        match self.drain {
            Drain::Serving | Drain::Stopping | Drain::Done => return,
            Drain::Exchanging(deadline) => {
                let others = self.outbound.others().count();
                let is_complete = self.finished == others && mailboxes.is_empty() && !self.outbound.is_congested();
                if !is_complete && now < deadline {
                    return;
                }
                // The messages that others have not posted by now are not waited for.
                self.outbound.others().for_each(|other| self.policy.finished(other));
                self.drain = Drain::Flushing(deadline);
            }
            Drain::Flushing(deadline) => {
                let is_complete = self.blocked == 0 && !self.policy.flush(0) && !self.policy.is_pending();
                if !is_complete && now < deadline {
                    return;
                }
                self.tell_everybody();
                self.drain = Drain::Closing(now + 2 * linger);
            }
            Drain::Closing(deadline) => {
                if self.connections.len() == 0 {
                    self.drain = Drain::Done;
                } else if now >= deadline {
                    self.connection_ids().into_iter().for_each(|id| self.expire(id));
                    self.drain = Drain::Expired(now + linger);
                } else {
                    return;
                }
            }
            Drain::Expired(deadline) => {
                if self.connections.len() > 0 && now < deadline {
                    return;
                }
                self.drain = Drain::Done;
            }
        }
        self.wants_tick = true;
    }

    fn tell_everybody(&mut self) {
        let (open, cut_off) = (self.connections.len() as u64, self.blocked as u64);
        self.stats.cut_off += cut_off;
        self.stats.drained += open.saturating_sub(cut_off);
        for id in self.connection_ids() {
            let delay = self.random_below_spread();
            self.end(id, End::new(Code::GoingAway, "the server is stopping").with_reconnect_delay(delay));
        }
    }

    fn connection_ids(&self) -> Vec<ConnectionId> {
        self.connections.iter().map(|connection| connection.id).collect()
    }

    /// A random part of the window for reconnecting, to the millisecond; none if there is no window.
    fn random_below_spread(&mut self) -> Option<Duration> {
        let milliseconds = u32::try_from(self.limits.reconnect_spread.as_millis()).unwrap_or(u32::MAX);
        (milliseconds > 0).then(|| Duration::from_millis(self.random.u32(..milliseconds).into()))
    }
}
