//! `corecast pub`: lines of standard input, or `--message`s, become messages of a channel.
//!
//! One thread reads and publishes the input. The main one listens to the server: it answers PINGs however long the
//! input is silent, and ends the program at once when the server ends the connection.

use std::io::{self, BufRead, Read};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use corecast_client::{Error, Event, PublishOptions, Publisher, Subscriber};
use corecast_wire::Code;

use crate::connection::{Connection, channel};

/// Messages that may wait for their acknowledgement before the next is sent.
const MAX_UNACKNOWLEDGED: usize = 256;

/// How long the server may take to say anything once everything was published.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The flags of `corecast pub`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,

    /// Publish this message instead of standard input; repeatable.
    #[arg(short, long = "message", value_name = "TEXT")]
    messages: Vec<String>,

    /// Have the server acknowledge each message.
    ///
    /// Exit code 0 then says that it accepted all of them. At most 256 wait for their acknowledgement at a time.
    #[arg(long)]
    ack: bool,

    /// The channel: 1 to 255 bytes without control characters.
    #[arg(value_name = "CHANNEL", value_parser = channel)]
    channel: String,
}

/// Publishes everything, then waits until the server has read it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (publisher, subscriber) = arguments.connection.open()?.split();
    let (acknowledged, acknowledgements) = mpsc::channel();
    let (channel, acknowledge) = (arguments.channel.clone(), arguments.ack);
    let sink = Sink { publisher, channel, acknowledge, waiting: 0, acknowledgements };
    let messages = arguments.messages.clone();
    let input = thread::spawn(move || sink.publish_all(&messages));
    let end = listen(subscriber, acknowledged, &input);
    conclude(input, end)?;
    Ok(ExitCode::SUCCESS)
}

type Input = JoinHandle<anyhow::Result<()>>;

/// Listens to the server until the connection ends; why it did.
#[expect(clippy::needless_pass_by_value, reason = "the input must not wait for acknowledgements once nobody listens")]
fn listen(mut server: Subscriber, acknowledged: Sender<()>, input: &Input) -> Error {
    loop {
        match server.next_event_within(ANSWER_TIMEOUT) {
            // Once the input has ended, nobody waits for it.
            Ok(Some(Event::Published { .. })) => drop(acknowledged.send(())),
            Ok(None) if input.is_finished() => return Error::TimedOut { awaited: "answer to CLOSE" },
            Ok(_) => {}
            Err(end) => return end,
        }
    }
}

/// What became of it all. What is wrong with the input is worth more than the end that it led to.
fn conclude(input: Input, end: Error) -> anyhow::Result<()> {
    let answered = matches!(&end, Error::Closed { code, .. } if *code == Code::Normal.number());
    if answered || input.is_finished() {
        let result = input.join().expect("the thread does not panic");
        let broken = |error: &anyhow::Error| matches!(error.downcast_ref(), Some(Error::Io(_) | Error::Disconnected));
        if answered || result.as_ref().is_err_and(|error| !broken(error)) {
            return result;
        }
    }
    Err(end.into())
}

/// Where messages go.
struct Sink {
    publisher: Publisher,
    channel: String,
    acknowledge: bool,
    /// Messages that the server has not acknowledged.
    waiting: usize,
    acknowledgements: Receiver<()>,
}

impl Sink {
    /// Publishes these messages, or if there are none the lines of standard input, and says CLOSE.
    fn publish_all(mut self, messages: &[String]) -> anyhow::Result<()> {
        let result = if messages.is_empty() {
            self.publish_lines(io::stdin().lock())
        } else {
            messages.iter().try_for_each(|message| self.publish(message.as_bytes()))
        };
        let result = result.and_then(|()| self.wait_for_acknowledgements(0));
        // A connection that has ended says why to the thread that listens.
        let _ = self.publisher.close();
        result
    }

    /// A message is a line without its line feed; the last may lack one.
    ///
    /// Of a line over the server's limit no more is read than shows that it is.
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

    fn publish(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let options = PublishOptions { acknowledge: self.acknowledge, ..PublishOptions::default() };
        self.waiting += usize::from(self.publisher.publish_with(&self.channel, message, options)?.is_some());
        self.wait_for_acknowledgements(MAX_UNACKNOWLEDGED)
    }

    /// Waits until no more than so many messages lack theirs.
    fn wait_for_acknowledgements(&mut self, most: usize) -> anyhow::Result<()> {
        while self.waiting > most {
            // Nobody listens any more: the connection has ended.
            self.acknowledgements.recv().map_err(|_| Error::Disconnected)?;
            self.waiting -= 1;
        }
        Ok(())
    }
}
