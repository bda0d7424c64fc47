//! `corecast admin`: shows what a running server is doing, connection by connection, and closes connections or ends the
//! server.

mod message;
mod settings;
mod socket;
mod socket_file;

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use corecast_engine::ConnectionId;
use corecast_wire::native::MAX_REASON;
use serde::Serialize;

use corecast_command::{MAX_TEXT, printable, printable_json};
use corecast_command::{complain, print};
use message::{ConnectionLine, Reply, Request, ShardLine};

pub(crate) use message::DisconnectLine;
pub(crate) use settings::AdminSettings;
pub(crate) use socket::AdminSocket;

/// The time that a server has to answer; longer than its shards have.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The flags of `corecast admin`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Path of the server's --admin-socket.
    #[arg(long, env = "CORECAST_ADMIN_SOCKET", value_name = "FILE", global = true)]
    socket: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print what each shard has done since it started
    Status(Output),
    /// Print all connections, the largest backlog first
    Connections(Output),
    /// Print the last 1,000 disconnects of each shard, a JSON object a line
    Journal,
    /// Close a connection, with code 211 (administrator)
    Close {
        /// The connection, as the log and 'admin connections' name it.
        #[arg(value_name = "SHARD/SLOT.GENERATION")]
        connection: ConnectionId,

        /// Reason sent to a native client; truncated to 255 bytes.
        #[arg(long, value_name = "TEXT", default_value = "closed by an administrator", conflicts_with = "reset")]
        reason: String,

        /// Reset it at once instead, without a reason; messages that are queued for it are dropped.
        #[arg(long)]
        reset: bool,
    },
    /// End the server, as SIGTERM does
    Stop,
}

#[derive(Args, Debug)]
struct Output {
    /// Print a JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

/// Asks the server, and prints its answer.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(path) = &arguments.socket else {
        bail!(corecast_command::SetupError(
            "--socket is required: give the path of the server's --admin-socket".to_owned()
        ))
    };
    let reply = match &arguments.command {
        Command::Status(_) => ask(path, &Request::Status),
        Command::Connections(_) => ask(path, &Request::Connections),
        Command::Journal => ask(path, &Request::Journal),
        Command::Close { connection, reason, reset } => {
            let reason = reason[..reason.floor_char_boundary(MAX_REASON)].to_owned();
            ask(path, &Request::Close { connection: connection.to_string(), reason, reset: *reset })
        }
        Command::Stop => ask(path, &Request::Stop),
    }?;
    let text = match (reply, &arguments.command) {
        (Reply::Status(shards), Command::Status(Output { json: true })) => json_lines(&shards)?,
        (Reply::Status(shards), _) => table(&SHARD_COLUMNS, shards.iter().map(shard_cells)),
        (Reply::Connections(mut connections), Command::Connections(Output { json })) => {
            connections.sort_by_key(|connection| std::cmp::Reverse(connection.bytes_behind));
            if *json {
                json_lines(&connections)?
            } else {
                table(&CONNECTION_COLUMNS, connections.iter().map(connection_cells))
            }
        }
        (Reply::Journal(records), _) => json_lines(&records)?,
        (Reply::Close(false), Command::Close { connection, .. }) => {
            bail!("no open connection {connection}")
        }
        (Reply::Close(_) | Reply::Stop, _) => String::new(),
        (Reply::Error(reason), _) => bail!("the server says: {reason}"),
        (reply, _) => bail!("the server answers another question: {reply:?}"),
    };
    print(&text)?;
    if matches!(arguments.command, Command::Status(_)) {
        note_dropped_lines(path);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a note on standard error if the server dropped lines of its log. Failures are ignored.
fn note_dropped_lines(path: &Path) {
    if let Ok(Reply::Log { dropped: dropped @ 1.. }) = ask(path, &Request::Log) {
        complain(&format!(
            "corecast: the server dropped {dropped} log lines: its standard error was blocked or failed\n"
        ));
    }
}

fn ask(path: &Path, request: &Request) -> anyhow::Result<Reply> {
    let ask = || -> anyhow::Result<Reply> {
        let mut server = UnixStream::connect(path)?;
        server.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        server.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        server.write_all(&line)?;
        Ok(serde_json::from_reader(io::BufReader::new(server))?)
    };
    ask().with_context(|| format!("no answer from a server at {}", path.display()))
}

fn json_lines(lines: &[impl Serialize]) -> anyhow::Result<String> {
    let mut text = String::new();
    for line in lines {
        text += &printable_json(&serde_json::to_string(line)?);
        text.push('\n');
    }
    Ok(text)
}

const SHARD_COLUMNS: [&str; 9] =
    ["shard", "connections", "accepted", "published", "deliveries", "missed", "undelivered", "paused", "closed"];

fn shard_cells(line: &ShardLine) -> [String; 9] {
    let closed: Vec<_> = line.closed.iter().map(|(code, count)| format!("{code} {count}")).collect();
    [
        line.shard.to_string(),
        line.connections.to_string(),
        line.accepted.to_string(),
        line.published.to_string(),
        line.deliveries.to_string(),
        line.missed.to_string(),
        line.undelivered.to_string(),
        format!("{:.1?}", Duration::from_millis(line.pause.paused_ms)),
        closed.join(", "),
    ]
}

const CONNECTION_COLUMNS: [&str; 6] = ["connection", "peer", "state", "age", "channels", "bytes behind"];

fn connection_cells(line: &ConnectionLine) -> [String; 6] {
    [
        line.connection.clone(),
        line.peer.clone(),
        line.state.clone(),
        format!("{:.1?}", Duration::from_millis(line.age_ms)),
        line.channels.to_string(),
        line.bytes_behind.to_string(),
    ]
}

/// Formats columns as wide as their widest cell.
fn table<const N: usize>(columns: &[&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    // The texts come from the server, which is untrusted.
    let rows = rows.map(|row| row.map(|cell| printable(&cell, MAX_TEXT).into_owned()));
    let rows: Vec<_> = std::iter::once(columns.map(str::to_owned)).chain(rows).collect();
    let width = |cell: &String| cell.chars().count();
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or_default());
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_and_has_no_trailing_space() {
        let rows = [["1".to_owned(), "long".to_owned()], ["22".to_owned(), String::new()]];
        assert_eq!(table(&["a", "b"], rows.into_iter()), "a   b\n1   long\n22\n");
    }

    #[test]
    fn control_characters_in_a_cell_are_escaped() {
        let rows = [["a\nb\u{1b}[2J".to_owned(), "x".repeat(2 * MAX_TEXT)]];
        let text = table(&["a", "b"], rows.into_iter());
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains(r"a\nb\u{1b}[2J  x") && text.ends_with("x…\n") && !text.contains('\u{1b}'), "{text}");
    }
}
