//! `corecast serve`: runs a server until it is told to end.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use corecast_engine::{Config, Listener, Server, open_files_needed};
use rustix::process::{Resource, getrlimit};

use crate::admin::AdminSocket;
use crate::command_line::{SetupError, one_line};
use crate::contradictions::contradictions;
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
    serve(settings, &config)
}

/// Serves, with the log that is installed.
fn serve(settings: &Settings, config: &Config) -> anyhow::Result<ExitCode> {
    tracing::debug!(?config, "starting");
    end_on_panic();
    journal::block_signal().context("cannot block SIGUSR1")?;
    if let Some(file) = &settings.admin.journal {
        journal::probe(file).map_err(|error| SetupError(format!("--journal {}: {error}", file.display())))?;
    }
    let mut admin = settings.admin.admin_socket.as_deref().map(bind).transpose()?;
    let server = Server::start(config).map_err(|error| SetupError(error.to_string()))?;
    let (shards, cpus) = (config.cpus.len(), cpus::compact(&config.cpus));
    tracing::info!(shards, %cpus, policy = %config.policy, "serving");
    for contradiction in contradictions(config) {
        tracing::warn!("{contradiction}");
    }
    warn_of_few_files(config);
    journal::write_on_signal(server.control(), settings.admin.journal.clone())
        .context("cannot start the thread for SIGUSR1")?;
    if let Some(admin) = &mut admin {
        admin.serve(server.control()).context("cannot start the thread for the administrator")?;
    }
    if let Err(error) = announce(server.listeners()) {
        tracing::warn!(%error, "cannot write the ready lines to standard output");
    }
    let summary = server.wait()?;
    tracing::info!(%summary, "ended");
    Ok(ExitCode::SUCCESS)
}

fn bind(path: &Path) -> Result<AdminSocket, SetupError> {
    AdminSocket::bind(path).map_err(|error| SetupError(format!("--admin-socket {}: {error}", path.display())))
}

/// Says so if fewer files may be open than as many connections take as there is room for.
fn warn_of_few_files(config: &Config) {
    let needed = open_files_needed(config.limits.max_connections, config.cpus.len());
    if let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|allowed| *allowed < needed) {
        tracing::warn!(
            allowed,
            needed,
            "too few open files for --max-connections: newcomers will wait; 'corecast doctor' says how to raise the limit"
        );
    }
}

/// Has a panic in any thread end the process at once, with exit code 1: without one of its shards a server would be
/// half alive.
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let name = thread.name().unwrap_or("a thread");
        // Nobody may be there to read it; the exit code stands.
        let _ = writeln!(io::stderr(), "corecast: {name} panicked{place}: {}", one_line(message));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            let _ = writeln!(io::stderr(), "{backtrace}");
        }
        std::process::exit(1);
    }));
}

/// One line per listener, once all accept: what a script waits for.
fn announce(listeners: &[Listener]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for listener in listeners {
        writeln!(out, "listening {} {}", listener.protocol, listener.address)?;
    }
    out.flush()
}

#[cfg(test)]
mod panicking;
