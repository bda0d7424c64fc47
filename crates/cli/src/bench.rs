//! `corecast bench`: load against any running server.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use corecast_loadgen::{Error, Load, Protocol, Settings};

use crate::command_line::SetupError;
use crate::cpus::{self, CpuRange};
use crate::period::Period;

/// The flags of `corecast bench`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("load").args(["rate", "closed_loop"]))]
pub(crate) struct Arguments {
    /// Where the server listens: HOST:PORT.
    #[arg(long, value_name = "ADDRESS", value_parser = resolve, default_value = "127.0.0.1:7070")]
    address: SocketAddr,

    /// What the server speaks: plain, native, redis or nats.
    ///
    /// In plain every connection gets everything: what the publishers receive is verified too and counts
    /// as work of the server, but not in deliveries a second, nor in latency.
    #[arg(long, value_name = "PROTOCOL", default_value_t = Protocol::Native)]
    protocol: Protocol,

    /// Connections that receive; each subscribes to one channel, round robin.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    subscribers: usize,

    /// Connections that send, beside the subscribers.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    publishers: usize,

    /// Channels; each publisher sends to them round robin.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    channels: usize,

    /// What the names of the channels begin with; a number follows.
    #[arg(long, value_name = "TEXT", default_value = "bench")]
    channel_prefix: String,

    /// Bytes of each payload, at least 32: the header that makes it verifiable.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    payload: usize,

    /// Open loop: messages a second, all publishers together, evenly spaced [default: 100]
    ///
    /// A message is sent when it is due, whatever the server does, and its latency counts from then: a
    /// stall is charged for everything that had to wait.
    #[arg(long, value_name = "MESSAGES")]
    rate: Option<u64>,

    /// Closed loop: messages that are always under way, all publishers together.
    ///
    /// A publisher sends the next when every subscriber has one of its. This finds the greatest rate;
    /// the latency is that of a full pipe.
    #[arg(long, value_name = "IN_FLIGHT")]
    closed_loop: Option<usize>,

    /// Load before the measured window.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    warmup: Period,

    /// The measured window.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    duration: Period,

    /// How long to wait behind the window for deliveries under way; what has not come then is lost.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    drain_timeout: Period,

    /// How long all connections together may take to be attached.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    attach_timeout: Period,

    /// The server's process on this machine, whose CPU time and memory to report.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,

    /// CPUs for the load's one thread, such as 1 or 2-3: none that the server uses [default: any]
    #[arg(long, value_name = "CPUS", value_delimiter = ',')]
    cpus: Vec<CpuRange>,

    /// Print the report as one JSON document.
    #[arg(long)]
    json: bool,
}

/// Runs the load and prints what came of it; a success if every check held and the figures are valid.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let json = arguments.json;
    let report = corecast_loadgen::run(&arguments.settings()?).map_err(explain)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.passed() && report.validity.valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn settings(self) -> anyhow::Result<Settings> {
        let load = match (self.closed_loop, self.rate) {
            (Some(in_flight), _) => Load::Saturate { in_flight },
            (None, rate) => Load::Paced { rate: rate.unwrap_or(100) },
        };
        Ok(Settings {
            subscribers: self.subscribers,
            publishers: self.publishers,
            channels: self.channels,
            channel_prefix: self.channel_prefix,
            payload_bytes: self.payload,
            warmup: self.warmup.0,
            duration: self.duration.0,
            drain_timeout: self.drain_timeout.0,
            attach_timeout: self.attach_timeout.0,
            server_pid: self.server_pid,
            cpus: generator_cpus(&self.cpus)?,
            ..Settings::new(self.address, self.protocol, load)
        })
    }
}

/// The CPUs of a list, in its order; none of an empty one.
pub(crate) fn generator_cpus(ranges: &[CpuRange]) -> anyhow::Result<Vec<usize>> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    Ok(cpus::place(ranges, None, &cpus::allowed()?).map_err(SetupError)?)
}

/// A flag that the load cannot be run with is the user's to put right.
pub(crate) fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::Setting { .. } | Error::DescriptorLimit { .. } => SetupError(error.to_string()).into(),
        error => error.into(),
    }
}

/// A name or IP address with a port; of several addresses the first.
pub(crate) fn resolve(address: &str) -> Result<SocketAddr, String> {
    let mut resolved = address.to_socket_addrs().map_err(|error| format!("'{address}': {error}"))?;
    resolved.next().ok_or_else(|| format!("'{address}' has no IP address"))
}
