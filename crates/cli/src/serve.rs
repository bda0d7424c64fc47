//! `corecast serve`: runs a server until it is told to end.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use corecast_engine::{Listener, Server};

use crate::command_line::SetupError;
use crate::cpus;
use crate::journal;
use crate::logging;
use crate::settings::Settings;

/// The flags of `corecast serve`.
pub(crate) type Arguments = Settings;

/// Starts the server, says where it listens, and waits for its end.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = settings.engine()?;
    logging::install(settings.log_format, settings.log_level);
    tracing::debug!(?config, "starting");
    journal::block_signal().context("cannot block SIGUSR1")?;
    let server = Server::start(&config).map_err(|error| SetupError(error.to_string()))?;
    let (shards, cpus) = (config.cpus.len(), cpus::compact(&config.cpus));
    tracing::info!(shards, %cpus, policy = %config.policy, "serving");
    journal::write_on_signal(server.control(), settings.ending.journal.clone())
        .context("cannot start the thread for SIGUSR1")?;
    if let Err(error) = announce(server.listeners()) {
        tracing::warn!(%error, "cannot write the ready lines to standard output");
    }
    let summary = server.wait()?;
    tracing::info!(%summary, "ended");
    Ok(ExitCode::SUCCESS)
}

/// One line per listener, once all accept: what a script waits for.
fn announce(listeners: &[Listener]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for listener in listeners {
        writeln!(out, "listening {} {}", listener.protocol, listener.address)?;
    }
    out.flush()
}
