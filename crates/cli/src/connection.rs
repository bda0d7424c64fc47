//! The shared parts of `pub` and `sub`: the server that they connect to, and the names of channels.

use std::time::Duration;

use clap::Args;
use corecast_client::{Error, Options, ReconnectOptions, ReconnectingClient};
use corecast_wire::{ChannelName, InvalidChannel};

use crate::settings::{GREATEST_FRAME, LEAST_FRAME, LONGEST_WAIT};
use corecast_command::SetupError;
use corecast_command::period::{self, Period};
use corecast_command::size::{self, Size};

/// The shortest wait: a millisecond, the kernel's resolution.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The flags that name the server.
#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// The native listener of the server, as a name or IP address with a port.
    #[arg(long, env = "CORECAST_ADDRESS", value_name = "HOST:PORT", default_value = "127.0.0.1:7070")]
    address: String,

    /// Maximum time without progress from the server.
    ///
    /// This applies to connecting, to answers, and to taking or acknowledging published messages.
    #[arg(
        long,
        value_name = "TIME",
        value_parser = period::within(SHORTEST_WAIT..=LONGEST_WAIT),
        default_value_t = Period(Options::default().answer_timeout)
    )]
    timeout: Period,

    /// Maximum size of a frame from the server, without its length field.
    ///
    /// A longer one ends the connection. The server's own limit, --max-frame-native, applies to the frames that clients
    /// send, and may be higher.
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = size::within(LEAST_FRAME..=GREATEST_FRAME),
        default_value_t = Size(Options::default().max_frame.into())
    )]
    max_frame: Size,
}

impl Connection {
    /// Connects, and makes as many attempts to reconnect as the options say.
    ///
    /// # Errors
    /// No usable server answers at the address. The user has to fix that first.
    pub(crate) fn open(&self, reconnect: ReconnectOptions) -> Result<ReconnectingClient, SetupError> {
        ReconnectingClient::connect(&self.address, self.options(), reconnect).map_err(|error| {
            let address = &self.address;
            SetupError(format!("cannot connect to {address} (--address names another server): {error}"))
        })
    }

    fn options(&self) -> Options {
        let timeout = self.timeout.0;
        Options::default()
            .with_connect_timeout(timeout)
            .with_answer_timeout(timeout)
            .with_write_timeout(timeout)
            .with_max_frame(u32::try_from(self.max_frame.0).expect("parsed as at most GREATEST_FRAME"))
    }

    /// Returns the maximum time without progress from the server.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.0
    }

    /// Returns the reason why the connection ended, with the server or the flag that it concerns.
    pub(crate) fn ended(&self, error: &Error) -> anyhow::Error {
        anyhow::Error::msg(self.in_words(error))
    }

    fn in_words(&self, error: &Error) -> String {
        match error {
            Error::FrameTooLarge { length, limit } => format!(
                "the server sent a frame of {length} bytes, over this client's own limit of {limit}: raise --max-frame"
            ),
            Error::Disconnected => format!(
                "the connection ended without a reason from the server at {}: it was killed, or the network failed",
                self.address
            ),
            Error::Io(error) => format!("the connection to {} failed: {error}", self.address),
            error => error.to_string(),
        }
    }
}

/// Parses the name of a channel, as an argument.
pub(crate) fn channel(name: &str) -> Result<String, InvalidChannel> {
    ChannelName::new(name).map(|_| name.to_owned())
}
