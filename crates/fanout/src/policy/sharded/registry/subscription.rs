//! A subscriber of a channel log: a cursor.

use super::ranges::Ranges;
use crate::LagRule;
use crate::policy::leaving::Leaving;

/// The progress of one connection through a channel log's log.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The connection's slot.
    pub(crate) slot: u32,
    /// The channel log's key.
    pub(crate) channel_log: u32,
    /// The index at which the channel log lists it.
    pub(crate) index_in_channel_log: u32,
    /// The index at which the connection lists it.
    pub(crate) index_in_connection: u32,
    /// The effect of lagging.
    pub(crate) lag: LagRule,
    /// The next message to send.
    pub(crate) cursor: u64,
    /// The number of messages before the cursor that it missed and has not been told of.
    pub(crate) missed: u64,
    /// True if its connection lists it as behind, to be sent to at the end of the round.
    pub(crate) coalesced: bool,
    /// The messages that it must not receive because it published them.
    pub(crate) own: Ranges,
    /// The steps of its end, if it was asked to end.
    pub(crate) leaving: Option<Box<Leaving>>,
}

impl Subscription {
    /// Returns the message after the last that it must receive, of a log with this head.
    pub(crate) fn end(&self, head: u64) -> u64 {
        self.leaving.as_ref().and_then(|leaving| leaving.until).unwrap_or(head)
    }

    /// Returns true if the end of the subscription is known and it has received or missed everything before that.
    pub(crate) fn is_complete(&self) -> bool {
        let until = self.leaving.as_ref().and_then(|leaving| leaving.until);
        until.is_some_and(|until| self.cursor >= until)
    }
}
