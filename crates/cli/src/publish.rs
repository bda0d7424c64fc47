//! `corecast pub`: lines of standard input, or `--message`s, become messages of a channel.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use corecast_client::{Client, PublishOptions};

use crate::connection::Connection;

/// Messages that may wait for their acknowledgement before the next is sent.
const MAX_UNACKNOWLEDGED: usize = 256;

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
    #[arg(value_name = "CHANNEL")]
    channel: String,
}

/// Publishes everything, then waits until the server has read it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let client = arguments.connection.open()?;
    let mut sink = Sink { client, channel: &arguments.channel, acknowledge: arguments.ack, waiting: VecDeque::new() };
    if arguments.messages.is_empty() {
        publish_lines(&mut sink, io::stdin().lock())?;
    } else {
        for message in &arguments.messages {
            sink.publish(message.as_bytes())?;
        }
    }
    sink.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// A message is a line without its line feed; the last may lack one.
///
/// Of a line over the server's limit no more is read than shows that it is.
fn publish_lines(sink: &mut Sink<'_>, mut input: impl BufRead) -> anyhow::Result<()> {
    let longest = u64::from(sink.client.max_frame()) + 1;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = input.by_ref().take(longest).read_until(b'\n', &mut line).context("cannot read standard input")?;
        if read == 0 {
            break;
        }
        let message = line.strip_suffix(b"\n").unwrap_or(&line);
        sink.publish(message).with_context(|| format!("line {number}"))?;
    }
    Ok(())
}

/// Where messages go.
struct Sink<'a> {
    client: Client,
    channel: &'a str,
    acknowledge: bool,
    /// Tokens of messages that the server has not acknowledged, oldest first.
    waiting: VecDeque<u32>,
}

impl Sink<'_> {
    fn publish(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let options = PublishOptions { acknowledge: self.acknowledge, ..PublishOptions::default() };
        self.waiting.extend(self.client.publish_with(self.channel, message, options)?);
        if self.waiting.len() > MAX_UNACKNOWLEDGED {
            self.acknowledged()?;
        }
        Ok(())
    }

    /// Waits for the acknowledgement of the oldest message.
    fn acknowledged(&mut self) -> anyhow::Result<()> {
        if let Some(token) = self.waiting.pop_front() {
            self.client.wait_published(token)?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        while !self.waiting.is_empty() {
            self.acknowledged()?;
        }
        self.client.close()?;
        Ok(())
    }
}
