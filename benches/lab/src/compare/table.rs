//! Many contestants in one table.

use clap::Args;
use corecast_loadgen::Plan;
use corecast_report::{Entry, shown};

use super::contestant::Running;
use super::load::LoadArguments;
use super::{Checked, Form, measure, mostly_left_out, rungs};
use corecast_command::{OutputFile, print};

/// The contestants of the table.
#[derive(Args, Debug)]
#[command(next_help_heading = "A table of many")]
pub(crate) struct TableArguments {
    /// The policies to compare, each in a separate server that is started for each measurement.
    ///
    /// After a policy, '+owner' stands for --handoff owner and '@2' for --shards 2, such as mutex+owner@2. 'all' is
    /// every policy, 'ladder' every rung of docs/LADDER.md.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "sharded,mutex,snapshot")]
    policies: Vec<String>,

    /// Another server that already runs, such as redis=127.0.0.1:6379,pid=123; repeatable.
    ///
    /// NAME=HOST:PORT, followed by ,protocol=PROTOCOL if NAME is not a protocol, and optionally by ,pid=PID for its CPU
    /// time and ,admin-socket=FILE for its shards.
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<Running>,

    /// The contestant that is the baseline of the ratios.
    #[arg(long, value_name = "NAME", default_value = "mutex")]
    reference: String,
}

impl TableArguments {
    /// Measures and prints the table. Returns true if every check held and each row rests on at least half of its
    /// rounds.
    pub(super) fn run(
        &self,
        load: &LoadArguments,
        json: Option<OutputFile>,
        checked: &mut Checked,
    ) -> anyhow::Result<bool> {
        let plan = self.plan(load)?;
        let measured = measure(&plan, Form::Table, load, checked)?;
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

    /// Returns the plan: the contestants, and the load that they get.
    ///
    /// # Errors
    /// A contestant or the load is not possible as requested.
    pub(super) fn plan(&self, load: &LoadArguments) -> anyhow::Result<Plan> {
        let server = load.server()?;
        let rungs = rungs::expand(&self.policies);
        let rungs = rungs.into_iter().map(|rung| server.contestant(rung.clone(), &rungs::started(&rung), None));
        let mut contestants = rungs.collect::<Result<Vec<_>, _>>()?;
        contestants.extend(self.peers.iter().map(|peer| peer.contestant(shown(&peer.name))));
        load.plan(contestants, shown(&self.reference), 1)
    }
}
