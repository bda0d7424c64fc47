//! The load that every contestant gets, and the CPUs of both sides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use corecast_loadgen::{Contestant, Load, Plan, Protocol, RampPlan, Rates, Scenario, Settings};

use super::contestant::Server;
use crate::run::{explain, generator_cpus, put};
use corecast_command::count;
use corecast_command::cpus::{self, CpuRange};
use corecast_command::period::Period;

/// The most rounds; more would take weeks.
const MAX_ROUNDS: u64 = 10_000;

/// The load, how often, and where.
#[derive(Args, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArguments {
    /// The server's program, whose 'serve' is measured [default: 'corecast' beside this program, else in PATH]
    #[arg(long, env = "CORECAST", value_name = "FILE")]
    corecast: Option<PathBuf>,

    /// The protocol of the started servers: native or plain.
    #[arg(long, value_name = "PROTOCOL", default_value_t = Protocol::Native)]
    pub(super) protocol: Protocol,

    /// A named load, or a file that describes one, instead of the two loads below; other flags override what it says.
    ///
    /// 'corecast-bench scenarios' has the names.
    #[arg(long, value_name = "NAME_OR_FILE")]
    scenario: Option<String>,

    /// Connections that receive; each subscribes to one channel, round robin [default: 1000]
    #[arg(long, value_name = "COUNT")]
    subscribers: Option<usize>,

    /// Connections that send, in addition to the subscribers [default: 8]
    #[arg(long, value_name = "COUNT")]
    publishers: Option<usize>,

    /// Channels; each publisher sends to them round robin [default: 1]
    #[arg(long, value_name = "COUNT")]
    channels: Option<usize>,

    /// Bytes of each payload, at least 32 [default: 64]
    #[arg(long, value_name = "BYTES")]
    payload: Option<usize>,

    /// Open loop: messages a second, all publishers together; 0 leaves this load out [default: 100]
    ///
    /// Compares latency and CPU at the same work; choose a rate that every contestant sustains.
    #[arg(long, value_name = "MESSAGES")]
    rate: Option<u64>,

    /// Closed loop: messages that are always in flight; 0 leaves this load out [default: 256]
    ///
    /// Compares the greatest rates.
    #[arg(long, value_name = "IN_FLIGHT")]
    closed_loop: Option<usize>,

    /// Load before each measured window [default: 500ms]
    #[arg(long, value_name = "TIME")]
    warmup: Option<Period>,

    /// Each measured window [default: 3s, or the scenario's]
    #[arg(long, value_name = "TIME")]
    duration: Option<Period>,

    /// The number of times that everything is measured; every other round goes backwards [default: 1, with --a 6]
    #[arg(long, value_name = "COUNT", value_parser = count(1..=MAX_ROUNDS))]
    rounds: Option<usize>,

    /// Use the figures of INVALID runs too, on a machine that is never quiet; they stay labelled.
    #[arg(long)]
    pub(super) keep_invalid: bool,

    /// CPUs of each started server [default: all but the last]
    #[arg(long, value_name = "CPUS", value_delimiter = ',')]
    server_cpus: Vec<CpuRange>,

    /// CPUs for the load's one thread [default: the last]
    #[arg(long, alias = "cpus", value_name = "CPUS", value_delimiter = ',')]
    load_cpus: Vec<CpuRange>,
}

impl LoadArguments {
    /// Returns the way in which the servers of this comparison are started.
    pub(super) fn server(&self) -> anyhow::Result<Server> {
        Ok(Server::new(self.corecast.clone(), self.protocol, self.server_cpus()?))
    }

    /// Returns the plan of these contestants under this load.
    pub(super) fn plan(
        &self,
        contestants: Vec<Contestant>,
        reference: String,
        default_rounds: usize,
    ) -> anyhow::Result<Plan> {
        let rounds = self.rounds.unwrap_or(default_rounds);
        let scenario = self.scenario()?;
        let settings = self.settings(&scenario)?;
        let loads = self.loads(&settings, scenario.rates());
        Ok(Plan { contestants, loads, rounds, settings, reference })
    }

    fn scenario(&self) -> anyhow::Result<Scenario> {
        Ok(self.scenario.as_deref().map(Scenario::find).transpose().map_err(explain)?.unwrap_or_default())
    }

    /// Returns the ramp that each contestant gets instead of single loads, if the scenario is one and no flag replaces
    /// its rates.
    pub(super) fn ramp(&self) -> anyhow::Result<Option<RampPlan>> {
        let is_replaced = self.rate.is_some() || self.closed_loop.is_some();
        Ok(self.scenario()?.ramp().filter(|_| !is_replaced))
    }

    /// Returns the settings of all contestants. Each run sets its own address, protocol and load.
    fn settings(&self, scenario: &Scenario) -> anyhow::Result<Settings> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut settings = Settings {
            subscribers: 1000,
            warmup: Duration::from_millis(500),
            duration: Duration::from_secs(3),
            cpus: self.load_cpus()?,
            ..Settings::new(address, self.protocol, Load::Paced { rate: 100 })
        };
        scenario.apply(&mut settings);
        put(&mut settings.subscribers, self.subscribers);
        put(&mut settings.publishers, self.publishers);
        put(&mut settings.channels, self.channels);
        put(&mut settings.payload_bytes, self.payload);
        put(&mut settings.warmup, self.warmup.map(|period| period.0));
        put(&mut settings.duration, self.duration.map(|period| period.0));
        scenario.disturb(&mut settings);
        Ok(settings)
    }

    /// Returns the loads in turn: the scenario's, or an open and a closed loop, unless flags say otherwise.
    fn loads(&self, settings: &Settings, rates: Option<&Rates>) -> Vec<Load> {
        let (rate, in_flight) = match (&self.scenario, settings.load) {
            (Some(_), load) if self.rate.is_none() && self.closed_loop.is_none() => {
                return rates.map_or_else(|| vec![load], |rates| rates.loads().collect());
            }
            (Some(_), _) => (0, 0),
            (None, _) => (100, 256),
        };
        let (rate, in_flight) = (self.rate.unwrap_or(rate), self.closed_loop.unwrap_or(in_flight));
        let paced = (rate > 0).then_some(Load::Paced { rate });
        let saturate = (in_flight > 0).then_some(Load::Saturate { in_flight });
        paced.into_iter().chain(saturate).collect()
    }

    /// Returns the servers' CPUs as a list. On a machine with one CPU there is nothing to divide.
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
