//! What became of the messages, over all connections.

use anyhow::{anyhow, bail};
use corecast_client::Error;
use corecast_command::period::Period;

use crate::connection::Connection;

/// Messages so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) published: u64,
    pub(super) acknowledged: u64,
    /// Messages that were not acknowledged and are not sent again.
    pub(super) given_up: u64,
}

impl Count {
    /// Messages whose acknowledgement may still come.
    pub(super) fn unacknowledged(self) -> u64 {
        self.published - self.acknowledged - self.given_up
    }

    /// Checks that no message may be lost.
    ///
    /// # Errors
    /// How many messages the server is known to have accepted.
    pub(super) fn check(self) -> anyhow::Result<()> {
        let Self { published, acknowledged, given_up } = self;
        if given_up > 0 {
            bail!(
                "a connection ended before the server acknowledged all messages: it accepted {acknowledged} of {published}, and \
                 perhaps more"
            );
        }
        Ok(())
    }

    /// Why publishing failed, and what the server is known to have accepted: a retry may skip that.
    pub(super) fn explain(self, connection: &Connection, end: &Error) -> anyhow::Error {
        let Self { published, acknowledged, .. } = self;
        let reason = match end {
            Error::TimedOut { .. } => {
                anyhow!("the server has taken and acknowledged nothing for {}", Period(connection.timeout()))
            }
            end => connection.ended(end),
        };
        if published == 0 {
            reason
        } else if acknowledged == published {
            reason.context("the server had accepted all messages")
        } else {
            anyhow!("{reason}; it accepted {acknowledged} of {published} messages, and perhaps more")
        }
    }
}
