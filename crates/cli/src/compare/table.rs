//! Many contestants in one table.

use std::path::PathBuf;

use clap::Args;
use corecast_report::{Entry, shown};

use super::contestant::{Running, Server};
use super::load::LoadArguments;
use super::{measure, mostly_left_out, rungs};
use crate::output::{OutputFile, print};

/// Who is in the table.
#[derive(Args, Debug)]
#[command(next_help_heading = "A table of many")]
pub(crate) struct TableArguments {
    /// The policies to compare, each in a server of its own that is started for each measurement.
    ///
    /// Behind a policy, '+owner' stands for --handoff owner and '@2' for --shards 2, such as mutex+owner@2. 'all' is
    /// every policy, 'ladder' every rung of docs/LADDER.md.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "sharded,mutex,snapshot")]
    policies: Vec<String>,

    /// The program whose 'serve' is measured [default: this one]
    #[arg(long, value_name = "FILE")]
    bin: Option<PathBuf>,

    /// Another server that already runs, such as redis=127.0.0.1:6379,pid=123; repeatable.
    ///
    /// NAME=HOST:PORT, then optionally ,protocol=PROTOCOL if NAME is none, and ,pid=PID for its CPU time, ,admin-socket=FILE for
    /// its shards.
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<Running>,

    /// The contestant that the others are divided by.
    #[arg(long, value_name = "NAME", default_value = "mutex")]
    reference: String,
}

impl TableArguments {
    /// Measures and prints the table; whether every check held and each row rests on at least half of its rounds.
    pub(super) fn run(&self, load: &LoadArguments, json: Option<OutputFile>) -> anyhow::Result<bool> {
        let server = Server::new(self.bin.clone(), load.protocol, load.server_cpus()?)?;
        let rungs = rungs::expand(&self.policies);
        let rungs = rungs.into_iter().map(|rung| server.contestant(rung.clone(), &rungs::started(&rung), "--policies"));
        let mut contestants = rungs.collect::<Result<Vec<_>, _>>()?;
        contestants.extend(self.peers.iter().map(|peer| peer.contestant(shown(&peer.name))));
        let plan = load.plan(contestants, shown(&self.reference), 1)?;
        let measured = measure(&plan, load)?;
        if let Some(file) = json {
            file.write(&serde_json::to_string_pretty(&measured.results)?)?;
        }
        let results = &measured.results;
        let left_out: String = results.entries.iter().filter_map(mostly_left_out).collect();
        print(&format!("\n{results}{left_out}"))?;
        let held = measured.passed && results.entries.iter().all(Entry::mostly_usable);
        measured.through()?;
        Ok(held)
    }
}
