//! `corecast pub`: lines of standard input, or `--message`s, become messages of a channel.
//!
//! One thread waits for the input and for the server at once: it answers PINGs however long the input is silent, and
//! notices at once when the server ends the connection.

mod count;
mod input;
mod progress;

use crate::connection::{Connection, channel};
use clap::Args;
use corecast_client::{Error, Event, PublishOptions, ReconnectOptions, ReconnectingClient};
use corecast_command::counted;
use corecast_command::size::{self, Size};
use count::Count;
use input::Input;
use progress::Progress;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The number of messages that may wait for their acknowledgements with `--ack`.
const MAX_UNACKNOWLEDGED: u64 = 256;

/// The number of messages published before the server's events have a turn.
const BATCH: usize = 64;

/// The interval at which to check whether the server takes bytes, which causes no event.
const LOOK: Duration = Duration::from_millis(100);

/// The bounds of `--buffer`.
const LEAST_BUFFER: u64 = 64 * 1024;
const GREATEST_BUFFER: u64 = 1024 * 1024 * 1024;

/// The flags of `corecast pub`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,

    /// Publish this message instead of standard input; repeatable.
    #[arg(short, long = "message", value_name = "TEXT")]
    messages: Vec<String>,

    /// Let at most 256 messages wait for their acknowledgements at a time.
    ///
    /// Every message is acknowledged in any case, and exit code 0 means that the server has accepted all of them. Without
    /// this flag the limit is 262,144 messages. --resend also limits these to 16 MiB, counting 64 bytes of overhead each.
    #[arg(long)]
    ack: bool,

    /// Reconnect when the connection ends, until the server rejects this client.
    ///
    /// The first attempt keeps the delay that a stopping server suggests; without a suggestion, delays grow from 0.1 s to
    /// 30 s. Lines of standard input are held meanwhile, see --buffer. Messages that were sent but not acknowledged when
    /// the connection ended may be lost: standard error says how many, and the exit code will be 1. --resend sends them
    /// again instead.
    #[arg(long)]
    reconnect: bool,

    /// With --reconnect, send messages again that were not acknowledged when the connection ended.
    ///
    /// Every message is then accepted at least once. The server may have accepted a message before the connection ended;
    /// its subscribers then get it twice. Without this flag, every message is accepted at most once.
    #[arg(long, requires = "reconnect")]
    resend: bool,

    /// With --reconnect, bytes of standard input to hold while there is no connection.
    ///
    /// When the buffer is full, reading stops until there is a connection again, and the program that writes the input has
    /// to wait. No line is dropped. Reading also stops while an attempt to connect is under way.
    #[arg(
        long,
        value_name = "SIZE",
        requires = "reconnect",
        value_parser = size::within(LEAST_BUFFER..=GREATEST_BUFFER),
        default_value = "16MiB"
    )]
    buffer: Size,

    /// The channel: 1 to 255 bytes without control characters.
    #[arg(value_name = "CHANNEL", value_parser = channel)]
    channel: String,
}

/// Publishes everything, and waits until the server has accepted it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let reconnect = ReconnectOptions::default()
        .with_attempts(if arguments.reconnect { None } else { Some(0) })
        .with_resend_unacknowledged(arguments.resend);
    let client = arguments.connection.open(reconnect)?;
    let mut publishing = Publishing {
        channel: &arguments.channel,
        window: if arguments.ack { MAX_UNACKNOWLEDGED } else { u64::MAX },
        buffer: usize::try_from(arguments.buffer.0).unwrap_or(usize::MAX),
        max_frame: 0,
        client,
        input: Input::new(&arguments.messages),
        wrong_input: None,
        count: Count::default(),
        progress: Progress::new(Instant::now(), arguments.connection.timeout()),
    };
    publishing.connected();
    let end = publishing.publish_all().err();
    publishing.conclude(&arguments.connection, end.as_ref())
}

/// The state of the command.
struct Publishing<'a> {
    channel: &'a str,
    /// The most unacknowledged messages.
    window: u64,
    /// The most bytes of input held while there is no connection.
    buffer: usize,
    /// The limit of the server that is connected.
    max_frame: u32,
    client: ReconnectingClient,
    input: Input,
    /// The reason for which the input was cut short.
    wrong_input: Option<anyhow::Error>,
    count: Count,
    progress: Progress,
}

impl Publishing<'_> {
    /// Publishes until the input has ended and no acknowledgement is outstanding.
    ///
    /// # Errors
    /// The end of the last connection.
    fn publish_all(&mut self) -> Result<(), Error> {
        loop {
            while let Some(event) = self.client.try_next_event()? {
                self.take(&event);
            }
            if self.input.is_over() && self.count.unacknowledged() == 0 {
                return Ok(());
            }
            if !self.publish_some()? {
                self.wait()?;
            }
        }
    }

    /// Publishes the messages that have been read, as far as the connection and the limits allow. Returns false if none was.
    fn publish_some(&mut self) -> Result<bool, Error> {
        for published in 0..BATCH {
            if !self.client.is_connected() || self.count.unacknowledged() >= self.window {
                return Ok(published > 0);
            }
            let message = match self.input.first(self.max_frame) {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(published > 0),
                Err(error) => {
                    self.end_input(error);
                    return Ok(true);
                }
            };
            let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
            let started = Instant::now();
            match self.client.publish_with(self.channel, message, options) {
                Ok(_) => {
                    self.input.advance();
                    // A write that had to wait shows that the server takes bytes.
                    if self.count.unacknowledged() == 0 || started.elapsed() >= LOOK {
                        self.progress.made(Instant::now());
                    }
                    self.count.published += 1;
                }
                Err(Error::BufferFull { .. }) => return Ok(published > 0),
                Err(error @ Error::InvalidArgument(_)) => {
                    let error = match self.input.line_number() {
                        Some(number) => anyhow::Error::new(error).context(format!("line {number}")),
                        None => error.into(),
                    };
                    self.end_input(error);
                    return Ok(true);
                }
                // The message was not written whole: it is the first of the next connection. An event tells of the end.
                Err(_) if !self.client.is_connected() => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Waits for input, for the server, or for the time of the next attempt to connect.
    fn wait(&mut self) -> Result<(), Error> {
        let connected = self.client.is_connected();
        let reads = if connected { self.input.is_short() } else { self.input.has_room(self.buffer) };
        let timeout = if connected {
            (self.count.unacknowledged() > 0).then_some(LOOK)
        } else {
            let until = self.client.next_attempt();
            Some(until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now())))
        };
        let stdin = io::stdin();
        let mut descriptors = Vec::with_capacity(2);
        if reads {
            descriptors.push(PollFd::new(&stdin, PollFlags::IN));
        }
        if let Some(socket) = self.client.socket() {
            descriptors.push(PollFd::from_borrowed_fd(socket, PollFlags::IN));
        }
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::Io(error.into())),
        }
        // The end of the input is readable too.
        let is_readable = reads && !descriptors[0].revents().is_empty();
        // Bytes that have come are read first: this process may have stood still for longer than the server.
        let is_silent = connected && descriptors.last().is_some_and(|socket| socket.revents().is_empty());
        if is_readable && let Err(error) = self.input.read(&stdin) {
            self.end_input(anyhow::Error::new(error).context("cannot read standard input"));
        }
        if is_silent && self.count.unacknowledged() > 0 {
            let unsent = self.client.publisher().and_then(|publisher| publisher.unsent_bytes());
            if self.progress.is_missing(Instant::now(), unsent) {
                self.client.abandon();
            }
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Published { .. } => {
                self.count.acknowledged += 1;
                self.progress.made(Instant::now());
            }
            Event::ConnectionLost { reason, retry_after, unacknowledged, .. } => {
                if let Some(delay) = retry_after {
                    note(&format!("{reason}; connecting again after {} ms", delay.as_millis()));
                }
                self.count.lost += unacknowledged.len() as u64;
                if retry_after.is_some() && !unacknowledged.is_empty() {
                    note(&format!("{} not acknowledged and may be lost", were(unacknowledged.len())));
                }
            }
            Event::Reconnected { resent, too_large, .. } => {
                self.connected();
                match resent {
                    0 => note("connected again"),
                    _ => note(&format!(
                        "connected again; {} sent again, which subscribers may get twice",
                        counted(*resent, "message")
                    )),
                }
                self.count.lost += too_large.len() as u64;
                if !too_large.is_empty() {
                    let messages = were(too_large.len());
                    note(&format!("{messages} not sent again and may be lost: they exceed this server's frame limit"));
                }
            }
            // A CLOSE is followed by the end of the connection.
            _ => {}
        }
    }

    fn connected(&mut self) {
        self.max_frame = self.client.publisher().map_or(0, |publisher| publisher.max_frame());
        self.progress.made(Instant::now());
    }

    /// Ends the input where something is wrong with it.
    fn end_input(&mut self, error: anyhow::Error) {
        self.input.end();
        self.wrong_input = Some(error);
    }

    /// Returns the outcome. An error in the input is more useful than the end of the connection that it caused.
    fn conclude(self, connection: &Connection, end: Option<&Error>) -> anyhow::Result<ExitCode> {
        let Self { client, count, wrong_input, .. } = self;
        match (wrong_input, end) {
            (Some(error), _) => {
                let _ = client.close();
                Err(error)
            }
            (None, Some(end)) => Err(count.explain(connection, end)),
            (None, None) => {
                // Every message has been acknowledged or given up: how the connection ends changes nothing.
                let _ = client.close();
                count.check().map(|()| ExitCode::SUCCESS)
            }
        }
    }
}

/// Returns the number of messages with its verb, to begin a sentence in the passive.
fn were(messages: usize) -> String {
    let verb = if messages == 1 { "was" } else { "were" };
    format!("{} {verb}", counted(messages as u64, "message"))
}

/// Writes a line to standard error, which may be closed: the messages do not depend on it.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "corecast: {text}");
}
