//! A subscriber of a channel log: a cursor.

use super::ranges::Ranges;
use crate::Lag;
use crate::policy::leaving::Leaving;

/// How far into a channel log's log one connection has been sent.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The connection's slot.
    pub(crate) slot: u32,
    /// The channel log's key.
    pub(crate) channel_log: u32,
    /// Where the channel log lists it.
    pub(crate) index_in_channel_log: u32,
    /// Where the connection lists it.
    pub(crate) index_in_connection: u32,
    /// What lagging means for it.
    pub(crate) lag: Lag,
    /// The next message to send.
    pub(crate) cursor: u64,
    /// Messages before the cursor that it missed and has not been told of.
    pub(crate) missed: u64,
    /// Its connection lists it as behind, to be sent to at the end of the round.
    pub(crate) coalesced: bool,
    /// Messages that it is not to have, because it published them.
    pub(crate) own: Ranges,
    /// It was asked to end.
    pub(crate) leaving: Option<Box<Leaving>>,
}

impl Subscription {
    /// The message behind the last that it is to have, of a log with this head.
    pub(crate) fn end(&self, head: u64) -> u64 {
        self.leaving.as_ref().and_then(|leaving| leaving.until).unwrap_or(head)
    }

    /// Returns true if the end of the subscription is known and it has received or missed everything before that.
    pub(crate) fn is_complete(&self) -> bool {
        let until = self.leaving.as_ref().and_then(|leaving| leaving.until);
        until.is_some_and(|until| self.cursor >= until)
    }
}
