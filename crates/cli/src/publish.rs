//! `corecast pub`: lines of standard input, or `--message`s, become messages of a channel.
//!
//! One thread reads the input and publishes it. The main thread listens to the server: it answers PINGs however long
//! the input is silent, and ends the program at once when the server ends the connection.

use std::io::{self, BufRead, Read};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use corecast_client::{Error, Event, PublishOptions, Publisher, Subscriber};
use corecast_wire::Code;

use crate::connection::{Connection, channel};
use corecast_command::period::Period;

/// The number of messages that may wait for their acknowledgement before the next is sent.
const MAX_UNACKNOWLEDGED: usize = 256;

/// The interval at which to check whether the input has ended and the server makes progress.
const LOOK: Duration = Duration::from_millis(100);

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
    /// this flag, any number may be in flight.
    #[arg(long)]
    ack: bool,

    /// The channel: 1 to 255 bytes without control characters.
    #[arg(value_name = "CHANNEL", value_parser = channel)]
    channel: String,
}

/// Publishes everything, then waits until the server has read it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let connection = &arguments.connection;
    let (publisher, subscriber) = connection.open()?.split();
    let (acknowledged, window) = if arguments.ack {
        let (acknowledged, acknowledgements) = mpsc::channel();
        (Some(acknowledged), Some(Window { acknowledgements, waiting: 0, timeout: connection.timeout() }))
    } else {
        (None, None)
    };
    let sink = Sink { publisher: publisher.clone(), channel: arguments.channel.clone(), window };
    let messages = arguments.messages.clone();
    let input = thread::spawn(move || sink.publish_all(&messages));
    let (end, acknowledged) = listen(subscriber, acknowledged, &input);
    conclude(input, end).map_err(|error| match error.downcast_ref() {
        None | Some(Error::InvalidArgument(_)) => error,
        Some(end) => failed(connection, end, acknowledged, publisher.published()),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the reason for the failure, and the messages that the server is known to have accepted, which a retry may
/// skip.
fn failed(connection: &Connection, error: &Error, acknowledged: u64, published: u64) -> anyhow::Error {
    let reason = match error {
        Error::Unanswered { .. } | Error::TimedOut { .. } => {
            anyhow!("the server has taken and acknowledged nothing for {}", Period(connection.timeout()))
        }
        error => connection.ended(error),
    };
    match published {
        0 => reason,
        _ if acknowledged >= published => reason.context("the server had accepted all messages"),
        _ => anyhow!("{reason}; it accepted {acknowledged} of {published} messages, and perhaps more"),
    }
}

type Input = JoinHandle<anyhow::Result<()>>;

/// Listens to the server until the connection ends. Returns how it ended, and the number of messages acknowledged by
/// then.
#[expect(clippy::needless_pass_by_value, reason = "the input must not wait for acknowledgements once nobody listens")]
fn listen(mut server: Subscriber, acknowledged: Option<Sender<()>>, input: &Input) -> (Result<(), Error>, u64) {
    loop {
        match server.next_event_within(LOOK) {
            Ok(Some(Event::Published { .. })) => {
                // Once the input has ended, nothing waits for acknowledgements.
                if let Some(acknowledged) = &acknowledged {
                    let _ = acknowledged.send(());
                }
            }
            Ok(None) if input.is_finished() => {
                let so_far = server.acknowledged();
                return match server.wait_closed() {
                    Err(end @ Error::Unanswered { acknowledged, .. }) => (Err(end), acknowledged),
                    end => (end, so_far),
                };
            }
            Ok(_) => {}
            Err(Error::Closed { code, .. }) if code == Code::Normal.number() => return (Ok(()), server.acknowledged()),
            Err(end) => return (Err(end), server.acknowledged()),
        }
    }
}

/// Combines the results. An error in the input is more useful than the end of the connection that it caused.
fn conclude(input: Input, end: Result<(), Error>) -> anyhow::Result<()> {
    if end.is_ok() || input.is_finished() {
        let result = input.join().expect("the thread does not panic");
        let broken = |error: &anyhow::Error| matches!(error.downcast_ref(), Some(Error::Io(_) | Error::Disconnected));
        if end.is_ok() || result.as_ref().is_err_and(|error| !broken(error)) {
            return result;
        }
    }
    Ok(end?)
}

/// The destination of messages.
struct Sink {
    publisher: Publisher,
    channel: String,
    window: Option<Window>,
}

impl Sink {
    /// Publishes these messages, or the lines of standard input if there are none, and sends CLOSE.
    fn publish_all(mut self, messages: &[String]) -> anyhow::Result<()> {
        let result = if messages.is_empty() {
            self.publish_lines(io::stdin().lock())
        } else {
            messages.iter().try_for_each(|message| self.publish(message.as_bytes()))
        };
        // If the connection has ended, the listening thread reports the reason.
        let _ = self.publisher.close();
        result
    }

    /// Publishes each line without its line feed; the last line may lack one.
    ///
    /// If a line is over the server's limit, only as much of it is read as shows that.
    fn publish_lines(&mut self, mut input: impl BufRead) -> anyhow::Result<()> {
        let longest = u64::from(self.publisher.max_frame()) + 1;
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let read =
                input.by_ref().take(longest).read_until(b'\n', &mut line).context("cannot read standard input")?;
            if read == 0 {
                break;
            }
            if line.len() as u64 == longest && !line.ends_with(b"\n") {
                let limit = self.publisher.max_frame();
                bail!("line {number} has more bytes than the server's limit of {limit}");
            }
            let message = line.strip_suffix(b"\n").unwrap_or(&line);
            self.publish(message).with_context(|| format!("line {number}"))?;
        }
        Ok(())
    }

    /// Publishes a message. Every message is acknowledged, which shows the server's progress.
    fn publish(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        self.publisher.publish_with(&self.channel, message, options)?;
        match &mut self.window {
            Some(window) => Ok(window.published(&self.publisher)?),
            None => Ok(()),
        }
    }
}

/// Limits the number of messages whose acknowledgement has not come.
struct Window {
    acknowledgements: Receiver<()>,
    waiting: usize,
    timeout: Duration,
}

impl Window {
    /// Counts one more message, and waits until no more than [`MAX_UNACKNOWLEDGED`] are waiting.
    ///
    /// # Errors
    /// The connection has ended, or the server neither acknowledged nor took anything for the whole timeout.
    fn published(&mut self, publisher: &Publisher) -> Result<(), Error> {
        self.waiting += 1;
        let (mut progress, mut least_unsent) = (Instant::now(), u32::MAX);
        while self.waiting > MAX_UNACKNOWLEDGED {
            match self.acknowledgements.recv_timeout(LOOK) {
                Ok(()) => self.waiting -= 1,
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Disconnected),
                Err(RecvTimeoutError::Timeout) => {
                    let unsent = publisher.unsent_bytes().unwrap_or(u32::MAX);
                    if unsent < least_unsent {
                        (progress, least_unsent) = (Instant::now(), unsent);
                    }
                    if progress.elapsed() >= self.timeout {
                        return Err(Error::TimedOut { awaited: "PUBLISHED" });
                    }
                }
            }
        }
        Ok(())
    }
}
