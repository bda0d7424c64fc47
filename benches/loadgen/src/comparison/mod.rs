//! Several contestants under the same load, in turns, so that a machine that warms up or slows down affects all of
//! them.

pub(crate) mod offspring;
pub(crate) mod server_process;

use crate::comparison::server_process::{ServerOptions, ServerProcess};
use crate::{Error, Load, Progress, Protocol, Report, Settings, interruption, measure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A contestant.
#[derive(Clone, Debug, PartialEq)]
pub struct Contestant {
    /// The name in the table.
    pub name: String,
    /// The protocol that it speaks.
    pub protocol: Protocol,
    /// The origin of the contestant.
    pub origin: Origin,
}

/// The origin of a contestant.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The server is started for each measurement and stopped after it.
    Started(ServerOptions),
    /// The server is already running.
    Running {
        /// The address on which it listens.
        address: SocketAddr,
        /// Its process, if it is on this machine.
        pid: Option<u32>,
        /// Its `--admin-socket`, if it is a Corecast server.
        admin_socket: Option<PathBuf>,
    },
}

impl fmt::Display for Origin {
    /// Writes the command that starts it, or its address.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(options) => {
                write!(formatter, "{} serve {}", options.binary.display(), options.arguments.join(" "))
            }
            Self::Running { address, .. } => write!(formatter, "at {address}"),
        }
    }
}

impl Origin {
    /// Returns the version that a started program reports. A running server is not asked, because the file of its name
    /// may have changed.
    pub fn version(&self) -> Option<String> {
        match self {
            Self::Started(options) => options.version(),
            Self::Running { .. } => None,
        }
    }
}

/// The plan of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The contestants.
    pub contestants: Vec<Contestant>,
    /// The loads that each contestant gets, one after the other.
    pub loads: Vec<Load>,
    /// The number of rounds. Every other round goes through loads and contestants in reverse order.
    pub rounds: usize,
    /// All other settings. Address, protocol, load and server are those of the contestant and round.
    pub settings: Settings,
    /// The contestant that the others are compared with.
    pub reference: String,
}

/// All reports of a comparison. The crate `corecast-report` turns its JSON into tables, verdicts and charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The contestant that the others are compared with.
    pub reference: String,
    /// The entries in the order of the table: load by load, contestant by contestant.
    pub entries: Vec<Entry>,
}

/// One contestant under one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The contestant.
    pub name: String,
    /// The load.
    pub load: Load,
    /// The command of the server, or its address, which the name does not include.
    #[serde(default)]
    pub server: String,
    /// The version that the program of the server reports, with the commit if it is known.
    #[serde(default)]
    pub version: Option<String>,
    /// One report for each round, up to the end of the comparison.
    pub reports: Vec<Report>,
    /// The unclean ends of this contestant's servers, or the reason why one could not be measured.
    pub unclean_ends: Vec<String>,
}

impl Entry {
    /// Returns true if every check held in every round, and every server ended cleanly.
    pub fn passed(&self) -> bool {
        self.unclean_ends.is_empty() && self.reports.iter().all(Report::passed)
    }
}

impl Comparison {
    /// Runs the plan. `on_run` is called with each run before it begins, and `on_progress` with its progress. A
    /// server's faults under load are not an error. The first measurement that cannot be made ends the comparison. Its
    /// error is returned beside the results measured before, and is in the `unclean_ends` of its entry.
    pub fn run(
        plan: &Plan,
        mut on_run: impl FnMut(usize, &Contestant, Load),
        mut on_progress: Option<impl FnMut(Progress)>,
    ) -> (Self, Result<(), Error>) {
        let versions: Vec<_> = plan.contestants.iter().map(|contestant| contestant.origin.version()).collect();
        let mut entries: Vec<Entry> = Vec::new();
        for &load in &plan.loads {
            for (contestant, version) in plan.contestants.iter().zip(&versions) {
                let (name, server) = (contestant.name.clone(), contestant.origin.to_string());
                let version = version.clone();
                entries.push(Entry { name, load, server, version, reports: Vec::new(), unclean_ends: Vec::new() });
            }
        }
        let reference = plan.reference.clone();
        // This is checked before anything is measured. Otherwise an error in the last contestant would waste all
        // measurements before it.
        let checked = plan.contestants.iter().try_for_each(|contestant| {
            let settings = |load| Settings { protocol: contestant.protocol, load, ..plan.settings.clone() };
            plan.loads.iter().try_for_each(|load| settings(*load).check())
        });
        if let Err(error) = checked {
            return (Self { reference, entries: Vec::new() }, Err(error));
        }
        for round in 0..plan.rounds {
            let in_turn = |nth: usize, of: usize| if round % 2 == 0 { nth } else { of - 1 - nth };
            for nth in 0..plan.loads.len() {
                let nth = in_turn(nth, plan.loads.len());
                let load = plan.loads[nth];
                for turn in 0..plan.contestants.len() {
                    let turn = in_turn(turn, plan.contestants.len());
                    let contestant = &plan.contestants[turn];
                    let entry = &mut entries[nth * plan.contestants.len() + turn];
                    let measured = interruption::check().and_then(|()| {
                        on_run(round, contestant, load);
                        let settings = Settings { load, ..plan.settings.clone() };
                        let once = |settings: &Settings| measure(settings, on_progress.as_mut());
                        let (measurement, unclean) = contestant.measured(&settings, once)?;
                        entry.reports.push(measurement.report);
                        entry.unclean_ends.extend(unclean);
                        Ok(())
                    });
                    if let Err(error) = measured {
                        entry.unclean_ends.push(in_a_line(&format!("round {} was not measured: {error}", round + 1)));
                        entries.retain(|entry| !entry.reports.is_empty() || !entry.unclean_ends.is_empty());
                        return (Self { reference, entries }, Err(error));
                    }
                }
            }
        }
        (Self { reference, entries }, Ok(()))
    }

    /// Returns true if every check held everywhere. An invalid run is labelled but does not matter here, because its
    /// deliveries were still verified.
    pub fn passed(&self) -> bool {
        self.entries.iter().all(Entry::passed)
    }
}

/// Joins an error with the last words of its server, which have several lines.
fn in_a_line(error: &str) -> String {
    error.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

impl Contestant {
    /// Runs `measure` on this contestant, with the settings that its server needs. A server that has to be started is
    /// started before and stopped after it. Returns the result and the fault of the server's end, if there was one.
    ///
    /// # Errors
    /// The server cannot be started, or `measure` failed.
    pub fn measured<T>(
        &self,
        settings: &Settings,
        measure: impl FnOnce(&Settings) -> Result<T, Error>,
    ) -> Result<(T, Option<String>), Error> {
        let mut settings = Settings { protocol: self.protocol, ..settings.clone() };
        match &self.origin {
            Origin::Running { address, pid, admin_socket } => {
                (settings.address, settings.server_pid) = (*address, *pid);
                settings.admin_socket.clone_from(admin_socket);
                Ok((measure(&settings)?, None))
            }
            Origin::Started(options) => {
                let server = ServerProcess::start(options)?;
                settings.address = server.address(self.protocol).ok_or_else(|| Error::Server {
                    binary: options.binary.display().to_string(),
                    reason: format!("it has no listener for {}", self.protocol),
                })?;
                (settings.server_pid, settings.fresh_server) = (Some(server.pid()), true);
                settings.admin_socket = server.admin_socket();
                let measured = measure(&settings)?;
                let unclean = match server.stop() {
                    Ok(status) if status.success() => None,
                    Ok(status) => Some(status.to_string()),
                    Err(error) => Some(in_a_line(&error.to_string())),
                };
                Ok((measured, unclean))
            }
        }
    }
}
