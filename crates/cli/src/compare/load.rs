//! The load that every contestant gets, and the CPUs of both sides.

use std::net::SocketAddr;

use clap::Args;
use corecast_loadgen::{Contestant, Load, Plan, Protocol, Settings};

use crate::bench::generator_cpus;
use crate::cpus::{self, CpuRange};
use crate::period::Period;

/// The load, how often, and where.
#[derive(Args, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArguments {
    /// What started servers are spoken to in: native or plain.
    #[arg(long, value_name = "PROTOCOL", default_value_t = Protocol::Native)]
    pub(super) protocol: Protocol,

    /// Connections that receive; each subscribes to one channel, round robin.
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    subscribers: usize,

    /// Connections that send, beside the subscribers.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    publishers: usize,

    /// Channels; each publisher sends to them round robin.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    channels: usize,

    /// Bytes of each payload, at least 32.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    payload: usize,

    /// Open loop: messages a second, all publishers together; 0 leaves this load out.
    ///
    /// Compares latency and CPU at the same work; choose a rate that every contestant sustains.
    #[arg(long, value_name = "MESSAGES", default_value_t = 100)]
    rate: u64,

    /// Closed loop: messages that are always under way; 0 leaves this load out.
    ///
    /// Compares the greatest rates.
    #[arg(long, value_name = "IN_FLIGHT", default_value_t = 256)]
    closed_loop: usize,

    /// Load before each measured window.
    #[arg(long, value_name = "TIME", default_value = "500ms")]
    warmup: Period,

    /// Each measured window.
    #[arg(long, value_name = "TIME", default_value = "3s")]
    duration: Period,

    /// How often everything is measured; every other round goes backwards [default: 1, with --a 6]
    #[arg(long, value_name = "COUNT")]
    rounds: Option<usize>,

    /// CPUs of each started server [default: all but the last]
    #[arg(long, value_name = "CPUS", value_delimiter = ',')]
    server_cpus: Vec<CpuRange>,

    /// CPUs for the load's one thread [default: the last]
    #[arg(long, alias = "cpus", value_name = "CPUS", value_delimiter = ',')]
    load_cpus: Vec<CpuRange>,
}

impl LoadArguments {
    /// These contestants under this load.
    pub(super) fn plan(
        &self,
        contestants: Vec<Contestant>,
        reference: String,
        default_rounds: usize,
    ) -> anyhow::Result<Plan> {
        let rounds = self.rounds.unwrap_or(default_rounds);
        Ok(Plan { contestants, loads: self.loads(), rounds, settings: self.settings()?, reference })
    }

    /// What all contestants have in common: address, protocol and load are each run's own.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Settings {
            subscribers: self.subscribers,
            publishers: self.publishers,
            channels: self.channels,
            payload_bytes: self.payload,
            warmup: self.warmup.0,
            duration: self.duration.0,
            cpus: self.load_cpus()?,
            ..Settings::new(address, self.protocol, Load::Paced { rate: self.rate })
        })
    }

    pub(super) fn loads(&self) -> Vec<Load> {
        let paced = (self.rate > 0).then_some(Load::Paced { rate: self.rate });
        let saturate = (self.closed_loop > 0).then_some(Load::Saturate { in_flight: self.closed_loop });
        paced.into_iter().chain(saturate).collect()
    }

    /// The servers' CPUs as a list. On a machine with one CPU there is nothing to part.
    pub(super) fn server_cpus(&self) -> anyhow::Result<String> {
        if !self.server_cpus.is_empty() {
            return Ok(self.server_cpus.iter().map(CpuRange::to_string).collect::<Vec<_>>().join(","));
        }
        let allowed = cpus::allowed()?;
        Ok(allowed.split_last().map(|(_, others)| cpus::compact(others)).unwrap_or_default())
    }

    fn load_cpus(&self) -> anyhow::Result<Vec<usize>> {
        if !self.load_cpus.is_empty() {
            return generator_cpus(&self.load_cpus);
        }
        Ok(cpus::allowed()?.pop().into_iter().collect())
    }
}
