//! `corecast serve`: runs a server until it is told to end.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;
use corecast_engine::{Config, Listener, Server, open_files_needed};
use rustix::process::{Resource, getrlimit};

use crate::admin::AdminSocket;
use crate::contradictions::contradictions;
use crate::journal::JournalOutput;
use crate::logging::{self, Log};
use crate::settings::Settings;
use crate::signals;
use corecast_command::complain;
use corecast_command::cpus;
use corecast_command::{MAX_TEXT, printable};
use corecast_command::{SetupError, one_line};

/// The flags of `corecast serve`.
pub(crate) type Arguments = Settings;

/// Starts the server, prints its addresses, and waits for its end.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = settings.engine()?;
    let log = logging::install(settings.log_format, settings.log_level).context("cannot start the log thread")?;
    let outcome = serve(settings, &config, &log);
    log.flush();
    outcome
}

/// Serves after the log is installed.
fn serve(settings: &Settings, config: &Config, log: &Log) -> anyhow::Result<ExitCode> {
    tracing::debug!(?config, "starting");
    end_on_panic(log.clone());
    signals::block().context("cannot block signals")?;
    let journal_file = settings.admin.journal.as_deref();
    let journal = JournalOutput::new(journal_file, log).map_err(|error| {
        SetupError(format!("--journal {}: {error}", journal_file.unwrap_or(Path::new("")).display()))
    })?;
    let mut admin = settings.admin.admin_socket.as_deref().map(bind).transpose()?;
    let server = Server::start(config).map_err(|error| SetupError(error.to_string()))?;
    let (shards, cpus) = (config.cpus.len(), cpus::compact(&config.cpus));
    tracing::info!(shards, %cpus, policy = %config.policy, "serving");
    for contradiction in contradictions(config) {
        tracing::warn!("{contradiction}");
    }
    warn_of_few_files(config);
    signals::handle(server.control(), journal).context("cannot start the signal thread")?;
    if let Some(admin) = &mut admin {
        admin.serve(server.control(), log.clone()).context("cannot start the admin thread")?;
    }
    announce(server.listeners()).context("cannot start the thread for standard output")?;
    let summary = server.wait()?;
    tracing::info!(%summary, "ended");
    Ok(ExitCode::SUCCESS)
}

fn bind(path: &Path) -> Result<AdminSocket, SetupError> {
    AdminSocket::bind(path).map_err(|error| SetupError(format!("--admin-socket {}: {error}", path.display())))
}

/// Warns if the limit on open files is too low for the maximum number of connections.
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

/// Makes a panic in any thread end the process with exit code 1, because a server that has lost a shard would only half
/// work. A blocked standard error delays the exit by two seconds at most.
fn end_on_panic(log: Log) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = thread::current();
        let message = printable(&one_line(panic.payload_as_str().unwrap_or("no message")), MAX_TEXT).into_owned();
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let name = thread.name().unwrap_or("a thread");
        let mut text = format!("corecast: {name} panicked{place}: {message}\n");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            let _ = writeln!(text, "{backtrace}");
        }
        log.flush();
        complain(&text);
        std::process::exit(1);
    }));
}

/// Writes one line per listener, once all accept, for scripts that wait for it. This happens in a thread, because standard
/// output may be a pipe that nobody reads.
fn announce(listeners: &[Listener]) -> io::Result<()> {
    let line = |listener: &Listener| format!("listening {} {}\n", listener.protocol, listener.address);
    let lines: String = listeners.iter().map(line).collect();
    let body = move || {
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
            tracing::warn!(%error, "cannot write the ready lines to standard output");
        }
    };
    thread::Builder::new().name("ready".into()).spawn(body).map(drop)
}

#[cfg(test)]
mod panicking;
