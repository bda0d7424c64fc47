//! A subscriber of a feed: a cursor.

use crate::Lag;
use crate::policy::ranges::Ranges;

/// How far into a feed's log one connection has been sent.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The connection's slot.
    pub(super) slot: u32,
    /// The feed's key.
    pub(super) feed: u32,
    /// Where the feed lists it.
    pub(super) index_in_feed: u32,
    /// Where the connection lists it.
    pub(super) index_in_connection: u32,
    /// What lagging means for it.
    pub(super) lag: Lag,
    /// The next message to send.
    pub(super) cursor: u64,
    /// Messages before the cursor that it missed and has not been told of.
    pub(super) missed: u64,
    /// Its connection lists it as behind, to be sent to at the end of the round.
    pub(super) gathered: bool,
    /// Messages that it is not to have, because it published them.
    pub(super) own: Ranges,
}
