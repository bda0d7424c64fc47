//! The outcome of the messages, over all connections.

use crate::connection::Connection;
use anyhow::{anyhow, bail};
use corecast_client::Error;
use corecast_command::period::Period;

/// The number of messages so far, by outcome.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) published: u64,
    pub(super) acknowledged: u64,
    /// Messages that were not acknowledged and are not sent again.
    pub(super) lost: u64,
}

impl Count {
    /// Returns the number of messages whose acknowledgement may still come.
    pub(super) fn unacknowledged(self) -> u64 {
        self.published - self.acknowledged - self.lost
    }

    /// Checks that no message may be lost.
    ///
    /// # Errors
    /// Some may be lost; the error says how many the server is known to have accepted.
    pub(super) fn check(self) -> anyhow::Result<()> {
        let Self { published, acknowledged, lost } = self;
        if lost > 0 {
            bail!(
                "a connection ended before the server acknowledged all messages: at least {acknowledged} of \
                 {published} were accepted"
            );
        }
        Ok(())
    }

    /// Returns the reason for the failure, and the number of messages that the server is known to have accepted, which a
    /// retry may skip.
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
            anyhow!("{reason}; at least {acknowledged} of {published} messages were accepted")
        }
    }
}
