//! The log: `tracing` events as lines on standard error, written by a dedicated thread.
//!
//! Invariants: an event is one line, whatever its fields contain; logging never blocks and never fails.

mod queue;

use std::fmt;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use corecast_command::{printable, printable_json};

pub(crate) use queue::Log;

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severity of a logged event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Failures of the server.
    Error,
    /// Conditions that may need attention.
    Warn,
    /// Start and end with their details, and the connections that leave, with their reasons.
    Info,
    /// The settings.
    Debug,
    /// Everything.
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// Installs the log for the whole process. Only `serve` logs; call it once.
///
/// # Errors
/// The thread that writes the log cannot be started.
pub(crate) fn install(format: Format, level: Level) -> io::Result<Log> {
    let log = Log::start(io::stderr())?;
    let lines = Lines { log: log.clone(), format };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from(level))
        .with_ansi(io::stderr().is_terminal())
        // Otherwise the thread that logs would write such an error to standard error.
        .log_internal_errors(false)
        .with_writer(lines);
    match format {
        Format::Text => subscriber.fmt_fields(debug_fn(write_field).delimited(" ")).init(),
        Format::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(log)
}

/// The maximum length of a field in characters; the settings at level `debug` need the most.
const MAX_FIELD: usize = 8 * 1024;

/// Writes a field of a text line. Its value is untrusted.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = printable(&value, MAX_FIELD);
    match field.name() {
        "message" => write!(writer, "{value}"),
        name if writer.has_ansi_escapes() => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}"),
        name => write!(writer, "{name}={value}"),
    }
}

/// The writer for `tracing`, which passes each event as one call to `write`.
struct Lines {
    log: Log,
    format: Format,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match (self.format, str::from_utf8(line)) {
            (Format::Json, Ok(json)) => self.log.push(printable_json(json).as_bytes()),
            _ => self.log.push(line),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
