//! `corecast sub`: prints the messages of channels, one a line, on standard output.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use clap::Args;
use corecast_client::{Event, Publisher, ReconnectOptions};
use corecast_command::counted;
use corecast_engine::LagRule;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde::Serialize;

use crate::base64;
use crate::connection::{Connection, channel};
use corecast_command::Stdout;
use corecast_command::{one_of, whole};
use corecast_command::{printable_json, printable_message};

/// The flags of `corecast sub`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,

    /// Write a JSON object per message instead of its bytes.
    #[arg(long)]
    json: bool,

    /// End after this many messages, all channels together; gaps do not count.
    ///
    /// Default: continue until the server ends the connection or the reader of the output is gone.
    #[arg(long, value_name = "COUNT", value_parser = whole(1..=u64::MAX))]
    count: Option<u64>,

    /// Effect on this subscriber if it falls behind by more than the server keeps.
    ///
    /// skip: it receives a gap that counts the missed messages, and continues after them. disconnect: the server closes
    /// the connection with code 202 (lagged). Default: the server's setting.
    #[arg(long, value_name = "EFFECT", value_parser = one_of(LagRule::ALL))]
    lag: Option<LagRule>,

    /// Reconnect and subscribe again when the connection ends, until the server rejects this client.
    ///
    /// The first attempt keeps the delay that a stopping server suggests; without a suggestion, delays grow from 0.1 s
    /// to 30 s. Messages published in between are missed, and nothing counts them: standard error reports when, and
    /// --json writes a line {"reconnected":ATTEMPTS}.
    #[arg(long)]
    reconnect: bool,

    /// The channels: 1 to 255 bytes without control characters each.
    #[arg(value_name = "CHANNEL", required = true, value_parser = channel)]
    channels: Vec<String>,
}

/// Prints messages until the count is reached, the connection ends or the reader is gone.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let attempts = if arguments.reconnect { None } else { Some(0) };
    let mut client = arguments.connection.open(ReconnectOptions::default().with_attempts(attempts))?;
    let publisher = Arc::new(Mutex::new(client.publisher()));
    end_with_reader(Arc::clone(&publisher))?;
    let lag = arguments.lag.map(|lag| match lag {
        LagRule::Skip => corecast_client::Lag::Skip,
        LagRule::Disconnect => corecast_client::Lag::Disconnect,
    });
    for channel in &arguments.channels {
        client
            .subscribe_with(channel, lag)
            .map_err(|error| arguments.connection.ended(&error).context(format!("cannot subscribe to {channel}")))?;
        // Standard error may be closed; the messages do not depend on it.
        let _ = writeln!(io::stderr(), "subscribed {channel}");
    }
    let mut left = arguments.count;
    let form = match arguments.json {
        true => Form::Json,
        false if io::stdout().is_terminal() => Form::Terminal,
        false => Form::Raw,
    };
    let mut printer = Printer { out: Stdout, notes: io::stderr(), form, line: Vec::new() };
    while left != Some(0) {
        let event = client.next_event().map_err(|error| arguments.connection.ended(&error))?;
        if let Event::Reconnected { .. } = event {
            *publisher.lock().unwrap_or_else(PoisonError::into_inner) = client.publisher();
        }
        match printer.print(&event) {
            Ok(message) => left = left.map(|left| left - u64::from(message)),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(error) => return Err(error).context("cannot write to standard output"),
        }
    }
    // Everything requested has been printed, so it does not matter how the connection ends.
    let _ = client.close();
    Ok(ExitCode::SUCCESS)
}

/// Starts a thread that ends the process with exit code 0 as soon as the reader of standard output is gone, even if no
/// message arrives.
fn end_with_reader(publisher: Arc<Mutex<Option<Publisher>>>) -> anyhow::Result<()> {
    let body = move || {
        let out = io::stdout();
        // With no events requested, `poll` reports only errors and hang-ups.
        let mut reader = [PollFd::new(&out, PollFlags::empty())];
        while poll(&mut reader, None) == Err(Errno::INTR) {}
        if reader[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
            // The process ends either way.
            if let Some(publisher) = &*publisher.lock().unwrap_or_else(PoisonError::into_inner) {
                let _ = publisher.close();
            }
            std::process::exit(0);
        }
    };
    thread::Builder::new().name("reader".into()).spawn(body).map(drop).context("cannot start a thread")
}

/// The output format of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The payload and a line feed.
    Raw,
    /// The payload with control characters escaped, and a line feed.
    Terminal,
    /// One JSON object per line.
    Json,
}

/// Writes events as lines.
struct Printer<O, N> {
    out: O,
    /// The output for the end of a connection, and for a gap that is not a line of `out`. It may be closed; the
    /// messages do not depend on it.
    notes: N,
    form: Form,
    /// The buffer for a line, which is written with one call.
    line: Vec<u8>,
}

impl<O: Write, N: Write> Printer<O, N> {
    /// Writes an event. Returns true if it was a message. The line is written when this returns, so that a reader
    /// behind a pipe sees each message at once.
    fn print(&mut self, event: &Event) -> io::Result<bool> {
        match event {
            Event::Message { channel, payload } => {
                match self.form {
                    Form::Json => self.object(&Line::of(channel, payload))?,
                    Form::Terminal => self.line(printable_message(payload).as_bytes())?,
                    Form::Raw => self.line(payload)?,
                }
                Ok(true)
            }
            Event::Gap { channel, count } => {
                if self.form == Form::Json {
                    self.object(&Line::Gap { channel, gap: *count })?;
                } else {
                    let were = if *count == 1 { "was" } else { "were" };
                    let _ = writeln!(self.notes, "corecast: {} of {channel} {were} missed", counted(*count, "message"));
                }
                Ok(false)
            }
            Event::ConnectionLost { reason, retry_after: Some(delay), .. } => {
                let _ = writeln!(self.notes, "corecast: {reason}; connecting again after {} ms", delay.as_millis());
                Ok(false)
            }
            Event::Reconnected { attempts, .. } => {
                if self.form == Form::Json {
                    self.object(&Line::Reconnected { reconnected: *attempts })?;
                }
                let _ = writeln!(self.notes, "corecast: connected again; messages may be missing");
                Ok(false)
            }
            Event::Subscribed { channel } => {
                let _ = writeln!(self.notes, "subscribed {channel}");
                Ok(false)
            }
            // An end without another attempt is followed by an error that says the same. All other events answer
            // requests that the program stopped waiting for.
            _ => Ok(false),
        }
    }

    fn object(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.line(printable_json(&serde_json::to_string(line)?).as_bytes())
    }

    fn line(&mut self, text: &[u8]) -> io::Result<()> {
        self.line.clear();
        self.line.extend_from_slice(text);
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

/// An object of `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Text { channel: &'a str, payload: &'a str },
    Binary { channel: &'a str, payload_base64: String },
    Gap { channel: &'a str, gap: u64 },
    Reconnected { reconnected: u32 },
}

impl<'a> Line<'a> {
    fn of(channel: &'a str, payload: &'a [u8]) -> Self {
        match std::str::from_utf8(payload) {
            Ok(payload) => Self::Text { channel, payload },
            Err(_) => Self::Binary { channel, payload_base64: base64::encode(payload) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(form: Form, event: &Event) -> (bool, String) {
        let mut printer = Printer { out: Vec::new(), notes: Vec::new(), form, line: Vec::new() };
        let message = printer.print(event).unwrap();
        (message, String::from_utf8(printer.out).unwrap())
    }

    fn message(payload: &[u8]) -> Event {
        Event::Message { channel: "lobby".into(), payload: payload.to_vec() }
    }

    #[test]
    fn a_message_is_its_bytes_and_a_line_feed() {
        assert_eq!(printed(Form::Raw, &message(b"two\nlines")), (true, "two\nlines\n".into()));
        assert_eq!(printed(Form::Raw, &message(b"")), (true, "\n".into()));
    }

    #[test]
    fn control_characters_of_a_message_are_escaped_on_a_terminal() {
        let hostile = message(b"\x1b]0;title\x07 \x9b2J\r\ttwo\nlines \xc3\xbc");
        let (_, text) = printed(Form::Terminal, &hostile);
        assert_eq!(text, "\\u{1b}]0;title\\u{7} \\x9b2J\\r\ttwo\nlines \u{fc}\n");
    }

    #[test]
    fn json_is_one_line_whatever_the_payload() {
        for (payload, line) in [
            (&b"two\nlines \"x\""[..], r#"{"channel":"lobby","payload":"two\nlines \"x\""}"#),
            (b"", r#"{"channel":"lobby","payload":""}"#),
            (b"\xff\x00", r#"{"channel":"lobby","payload_base64":"/wA="}"#),
        ] {
            assert_eq!(printed(Form::Json, &message(payload)), (true, format!("{line}\n")));
        }
    }

    #[test]
    fn a_gap_is_no_message() {
        let gap = Event::Gap { channel: "lobby".into(), count: 3 };
        assert_eq!(printed(Form::Json, &gap), (false, "{\"channel\":\"lobby\",\"gap\":3}\n".into()));
        assert_eq!(printed(Form::Raw, &gap), (false, String::new()));
    }

    #[test]
    fn a_new_connection_is_no_message() {
        let again = Event::Reconnected { attempts: 2, resent: 0, too_large: Vec::new() };
        assert_eq!(printed(Form::Json, &again), (false, "{\"reconnected\":2}\n".into()));
        assert_eq!(printed(Form::Raw, &again), (false, String::new()));
    }
}
