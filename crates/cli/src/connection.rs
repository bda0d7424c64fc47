//! What `pub` and `sub` have in common: the server that they talk to, and the names of channels.

use anyhow::Context;
use clap::Args;
use corecast_client::{Client, Options};
use corecast_wire::{ChannelName, InvalidChannel};

/// Where the server is.
#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// The native listener of the server, as a name or IP address with a port.
    #[arg(long, env = "CORECAST_ADDRESS", value_name = "HOST:PORT", default_value = "127.0.0.1:7070")]
    address: String,
}

impl Connection {
    /// Connects; gives up after 5 s.
    pub(crate) fn open(&self) -> anyhow::Result<Client> {
        Client::connect(self.address.as_str(), &Options::default())
            .with_context(|| format!("cannot connect to {} (--address names another server)", self.address))
    }
}

/// The name of a channel, as an argument.
pub(crate) fn channel(name: &str) -> Result<String, InvalidChannel> {
    ChannelName::new(name).map(|_| name.to_owned())
}
