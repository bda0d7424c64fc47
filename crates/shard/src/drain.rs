//! The end of a shard, stage by stage.
//!
//! Everything that was read is published, everything that was published is sent, and every peer is told the reason. Each
//! stage has a deadline: when it passes, the shard goes on without what it waited for.

use std::time::Duration;

/// The stage that the end of a shard has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drain {
    /// The shard serves.
    Serving,
    /// Nothing is read. Connections that the kernel has queued may still be accepted.
    Stopping,
    /// The shard waits for what other shards have published, until this time of its clock.
    Exchanging(Duration),
    /// The shard waits for its peers to take what was published, until this time.
    Flushing(Duration),
    /// Every peer has been told the reason, and has until this time to leave.
    Closing(Duration),
    /// The connections that did not leave are broken off, and accounted for until this time.
    Expired(Duration),
    /// The drain is over.
    Done,
}

/// The action at the end of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DrainAction {
    /// Wait no longer for the messages that other shards have not posted.
    StopWaiting,
    /// Tell every peer that the server is stopping.
    TellEverybody,
    /// Break off the connections that are left.
    BreakOffEverybody,
    /// The drain is over.
    Finish,
}

impl Drain {
    /// Returns true if the shard accepts nothing new.
    pub(crate) fn is_stopping(self) -> bool {
        self != Self::Serving
    }

    /// Begins to stop, if the shard still serves.
    pub(crate) fn stop(&mut self) {
        *self = (*self).max(Self::Stopping);
    }

    /// Begins the next stage if the current one is complete or its deadline has passed, and returns the action that this
    /// requires. Every peer has twice `linger` to leave. A connection that is broken off has `linger` more.
    pub(crate) fn advance(&mut self, is_complete: bool, now: Duration, linger: Duration) -> Option<DrainAction> {
        let is_over = |deadline| is_complete || now >= deadline;
        let (stage, action) = match *self {
            Self::Exchanging(deadline) if is_over(deadline) => (Self::Flushing(deadline), DrainAction::StopWaiting),
            Self::Flushing(deadline) if is_over(deadline) => {
                (Self::Closing(now + 2 * linger), DrainAction::TellEverybody)
            }
            Self::Closing(_) if is_complete => (Self::Done, DrainAction::Finish),
            Self::Closing(deadline) if now >= deadline => (Self::Expired(now + linger), DrainAction::BreakOffEverybody),
            Self::Expired(deadline) if is_over(deadline) => (Self::Done, DrainAction::Finish),
            _ => return None,
        };
        *self = stage;
        Some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::DrainAction::{BreakOffEverybody, Finish, StopWaiting, TellEverybody};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_stage_that_is_complete_is_followed_by_the_next() {
        let mut drain = Drain::Exchanging(5 * SECOND);
        assert_eq!(drain.advance(false, SECOND, SECOND), None);
        assert_eq!((drain.advance(true, SECOND, SECOND), drain), (Some(StopWaiting), Drain::Flushing(5 * SECOND)));
        assert_eq!((drain.advance(true, SECOND, SECOND), drain), (Some(TellEverybody), Drain::Closing(3 * SECOND)));
        assert_eq!((drain.advance(true, SECOND, SECOND), drain), (Some(Finish), Drain::Done));
        assert_eq!(drain.advance(true, SECOND, SECOND), None);
    }

    #[test]
    fn a_stage_whose_time_is_over_is_followed_by_the_next() {
        let mut drain = Drain::Exchanging(5 * SECOND);
        let mut advance = |second: u32| (drain.advance(false, second * SECOND, SECOND), drain);
        assert_eq!(advance(5), (Some(StopWaiting), Drain::Flushing(5 * SECOND)));
        assert_eq!(advance(5), (Some(TellEverybody), Drain::Closing(7 * SECOND)));
        assert_eq!(advance(6), (None, Drain::Closing(7 * SECOND)));
        assert_eq!(advance(7), (Some(BreakOffEverybody), Drain::Expired(8 * SECOND)));
        assert_eq!(advance(7), (None, Drain::Expired(8 * SECOND)));
        assert_eq!(advance(8), (Some(Finish), Drain::Done));
    }

    #[test]
    fn connections_that_were_broken_off_end_the_drain_when_they_are_gone() {
        let mut drain = Drain::Expired(8 * SECOND);
        assert_eq!((drain.advance(true, 7 * SECOND, SECOND), drain), (Some(Finish), Drain::Done));
    }

    #[test]
    fn a_shard_that_drains_is_not_set_back() {
        for (before, after) in [(Drain::Serving, Drain::Stopping), (Drain::Flushing(SECOND), Drain::Flushing(SECOND))] {
            let mut drain = before;
            drain.stop();
            assert_eq!(drain, after);
            assert!(drain.is_stopping());
            assert_eq!(before.is_stopping(), before != Drain::Serving);
        }
        assert_eq!(Drain::Serving.advance(true, SECOND, SECOND), None);
        assert_eq!(Drain::Stopping.advance(true, SECOND, SECOND), None);
    }
}
