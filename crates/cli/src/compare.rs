//! `corecast compare`: the policies against each other, and against running peers.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use corecast_loadgen::{Comparison, Contestant, Load, Origin, Plan, Protocol, ServerOptions, Settings};

use crate::bench::{explain, generator_cpus, resolve};
use crate::command_line::SetupError;
use crate::cpus::{self, CpuRange};
use crate::period::Period;

/// The flags of `corecast compare`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The policies to compare, each in a server of its own that is started for each measurement.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "sharded,mutex,snapshot")]
    policies: Vec<String>,

    /// The program whose `serve` is measured [default: this one]
    #[arg(long, value_name = "FILE")]
    bin: Option<PathBuf>,

    /// Another server that already runs, such as redis=127.0.0.1:6379,pid=123; repeatable.
    ///
    /// NAME=HOST:PORT, then optionally ,protocol=PROTOCOL if NAME is none, and ,pid=PID for its CPU time.
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<Peer>,

    /// The contestant that the others are divided by.
    #[arg(long, value_name = "NAME", default_value = "mutex")]
    reference: String,

    /// What the policies are spoken to in: native or plain.
    #[arg(long, value_name = "PROTOCOL", default_value_t = Protocol::Native)]
    protocol: Protocol,

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

    /// How often everything is measured; every other round goes backwards. The table has medians.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    rounds: usize,

    /// CPUs of each started server [default: all but the last]
    #[arg(long, value_name = "CPUS", value_delimiter = ',')]
    server_cpus: Vec<CpuRange>,

    /// CPUs for the load's one thread [default: the last]
    #[arg(long, value_name = "CPUS", value_delimiter = ',')]
    cpus: Vec<CpuRange>,

    /// Write all reports to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, prints the table, and succeeds if every check held.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let json = arguments.json.clone();
    let plan = arguments.plan()?;
    let total = plan.rounds * plan.loads.len() * plan.contestants.len();
    let mut measurement = 0;
    let comparison = Comparison::run(&plan, |_round, contestant, load| {
        measurement += 1;
        eprintln!("{measurement} of {total}: {}, {load}", contestant.name);
    });
    let comparison = comparison.map_err(explain)?;
    print!("\n{comparison}");
    if let Some(path) = &json {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        serde_json::to_writer_pretty(file, &comparison)?;
    }
    Ok(if comparison.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn plan(self) -> anyhow::Result<Plan> {
        let loads = self.loads();
        let contestants = self.contestants()?;
        if loads.is_empty() || contestants.is_empty() || self.rounds == 0 {
            return Err(SetupError("nothing is left to measure".to_owned()).into());
        }
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings {
            subscribers: self.subscribers,
            publishers: self.publishers,
            channels: self.channels,
            payload_bytes: self.payload,
            warmup: self.warmup.0,
            duration: self.duration.0,
            cpus: self.generator_cpus()?,
            ..Settings::new(address, self.protocol, loads[0])
        };
        Ok(Plan { contestants, loads, rounds: self.rounds, settings, reference: self.reference })
    }

    fn loads(&self) -> Vec<Load> {
        let paced = (self.rate > 0).then_some(Load::Paced { rate: self.rate });
        let saturate = (self.closed_loop > 0).then_some(Load::Saturate { in_flight: self.closed_loop });
        paced.into_iter().chain(saturate).collect()
    }

    fn contestants(&self) -> anyhow::Result<Vec<Contestant>> {
        let binary = match &self.bin {
            Some(binary) => binary.clone(),
            None => std::env::current_exe().context("cannot tell where this program is; give --bin")?,
        };
        let server_cpus = self.server_cpus()?;
        let policies = self.policies.iter().map(|policy| {
            let mut arguments = vec!["--policy".to_owned(), policy.clone()];
            if !server_cpus.is_empty() {
                arguments.extend(["--cpus".to_owned(), server_cpus.clone()]);
            }
            let options = ServerOptions { binary: binary.clone(), protocols: vec![self.protocol], arguments };
            Contestant { name: policy.clone(), protocol: self.protocol, origin: Origin::Started(options) }
        });
        let peers = self.peers.iter().map(Peer::contestant);
        Ok(policies.chain(peers).collect())
    }

    /// The servers' CPUs as a list. On a machine with one CPU there is nothing to part.
    fn server_cpus(&self) -> anyhow::Result<String> {
        if !self.server_cpus.is_empty() {
            return Ok(self.server_cpus.iter().map(CpuRange::to_string).collect::<Vec<_>>().join(","));
        }
        let allowed = cpus::allowed()?;
        Ok(allowed.split_last().map(|(_, others)| cpus::compact(others)).unwrap_or_default())
    }

    fn generator_cpus(&self) -> anyhow::Result<Vec<usize>> {
        if !self.cpus.is_empty() {
            return generator_cpus(&self.cpus);
        }
        Ok(cpus::allowed()?.pop().into_iter().collect())
    }
}

/// A server that already runs.
#[derive(Clone, Debug)]
struct Peer {
    name: String,
    protocol: Protocol,
    address: SocketAddr,
    pid: Option<u32>,
}

impl Peer {
    fn contestant(&self) -> Contestant {
        let origin = Origin::Running { address: self.address, pid: self.pid };
        Contestant { name: self.name.clone(), protocol: self.protocol, origin }
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("'{text}' is no peer; write for example redis=127.0.0.1:6379,pid=123");
        let (name, rest) = text.split_once('=').ok_or_else(bad)?;
        let mut parts = rest.split(',');
        let address = resolve(parts.next().ok_or_else(bad)?)?;
        let (mut protocol, mut pid) = (name, None);
        for part in parts {
            match part.split_once('=') {
                Some(("protocol", value)) => protocol = value,
                Some(("pid", value)) => pid = Some(value.parse().map_err(|_| bad())?),
                _ => return Err(bad()),
            }
        }
        let protocol = protocol.parse().map_err(|_| format!("'{text}': protocol={protocol} is not spoken here"))?;
        Ok(Self { name: name.to_owned(), protocol, address, pid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_named_after_its_protocol_or_says_it() {
        let peer: Peer = "redis=127.0.0.1:6379,pid=123".parse().unwrap();
        assert_eq!((peer.protocol, peer.pid), (Protocol::Redis, Some(123)));
        let peer: Peer = "muduo=127.0.0.1:7000,protocol=plain".parse().unwrap();
        assert_eq!((peer.name.as_str(), peer.protocol, peer.pid), ("muduo", Protocol::Plain, None));
    }

    #[test]
    fn what_is_no_peer_is_named() {
        for text in ["redis", "redis=", "muduo=127.0.0.1:7000", "redis=127.0.0.1:1,pid=x", "redis=127.0.0.1:1,x=y"] {
            assert!(text.parse::<Peer>().is_err_and(|error| error.contains('\'')), "{text}");
        }
    }
}
