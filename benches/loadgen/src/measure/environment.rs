//! The environment of a run: the CPUs of both sides, and the load of others on the machine.

use crate::Error;
use corecast_command::cpus;
use rustix::thread::{CpuSet, sched_getaffinity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;

/// The CPUs of the programs, and the other use of the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The CPUs that the generator's thread could use.
    pub generator_cpus: Vec<usize>,
    /// The CPUs that the server's threads could use, all together; empty without its process.
    pub server_cpus: Vec<usize>,
    /// The load average over 1, 5 and 15 minutes when the run began.
    pub load_average: Option<[f64; 3]>,
    /// The CPUs that neither this process nor the server used in the window, but other programs or the kernel's own
    /// threads. It is counted in ticks of 10 ms.
    pub others_cpus: Option<f64>,
    /// The CPUs that the hypervisor withheld from this machine in the window.
    pub stolen_cpus: Option<f64>,
}

impl Environment {
    /// Reads the environment before the load. Call this on the generator's thread.
    pub(crate) fn here(server_pid: Option<u32>) -> Result<Self, Error> {
        Ok(Self {
            generator_cpus: cpus::allowed().map_err(Error::system("sched_getaffinity"))?,
            server_cpus: server_pid.map(cpus_of).transpose()?.unwrap_or_default(),
            load_average: fs::read_to_string("/proc/loadavg").ok().and_then(|text| load_average(&text)),
            others_cpus: None,
            stolen_cpus: None,
        })
    }
}

/// Returns the CPUs that any thread of a process may use, ascending.
fn cpus_of(pid: u32) -> Result<Vec<usize>, Error> {
    let failed = |source| Error::ServerProcess { pid, source };
    let mut cpus = BTreeSet::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).map_err(failed)? {
        let name = thread.map_err(failed)?.file_name();
        let thread = name.to_str().and_then(|name| name.parse().ok()).and_then(rustix::thread::Pid::from_raw);
        // A thread that has ended since it was listed is pinned nowhere.
        if let Ok(set) = sched_getaffinity(thread) {
            cpus.extend((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)));
        }
    }
    Ok(cpus.into_iter().collect())
}

fn load_average(text: &str) -> Option<[f64; 3]> {
    let mut fields = text.split_ascii_whitespace().map_while(|field| field.parse().ok());
    Some([fields.next()?, fields.next()?, fields.next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let environment = Environment::here(Some(std::process::id())).unwrap();
        assert!(!environment.generator_cpus.is_empty());
        assert!(environment.generator_cpus.iter().all(|cpu| environment.server_cpus.contains(cpu)));
    }

    #[test]
    fn a_load_average_is_three_numbers() {
        assert_eq!(load_average("0.50 1.25 2.00 1/234 567\n"), Some([0.5, 1.25, 2.0]));
        assert_eq!(load_average("0.50 many"), None);
    }
}
