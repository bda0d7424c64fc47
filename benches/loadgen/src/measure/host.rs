//! The machine that the load runs on: its limits, its CPUs, and its name in a report.

use crate::Error;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};
use std::fs;
use std::num::NonZeroU64;
use std::thread::available_parallelism;

/// The facts that a figure depends on, besides the programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The release of the kernel.
    pub kernel: String,
    /// The model name of the first CPU.
    pub cpu: String,
    /// The number of CPUs that this process may use.
    pub cpus: usize,
    /// The governor of the first CPU's frequency, if the kernel reports it.
    pub governor: Option<String>,
    /// The commit that the generator was built from, if `CORECAST_COMMIT` named it at build time, as in `make build`.
    pub commit: Option<String>,
}

impl Host {
    /// Reads the facts of this machine; an unreadable one is `unknown`.
    pub fn here() -> Self {
        let unknown = || "unknown".to_owned();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").map(|release| release.trim().to_owned());
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            kernel: kernel.unwrap_or_else(|_| unknown()),
            cpu: model.map_or_else(unknown, |(_, model)| model.to_owned()),
            cpus: available_parallelism().map_or(1, usize::from),
            governor: fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .ok()
                .map(|governor| governor.trim().to_owned()),
            commit: option_env!("CORECAST_COMMIT").filter(|commit| !commit.is_empty()).map(str::to_owned),
        }
    }
}

/// Pins this thread to these CPUs; an empty list changes nothing.
pub(crate) fn pin(cpus: &[usize]) -> Result<(), Error> {
    if cpus.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if cpu >= CpuSet::MAX_CPU {
            return Err(Error::setting("--cpus", format!("there is no CPU {cpu}")));
        }
        set.set(cpu);
    }
    sched_setaffinity(None, &set).map_err(|errno| Error::setting("--cpus", format!("{cpus:?}: {errno}")))
}

/// Makes this thread's timers fire when they are due. By default the kernel may delay them by 50 µs to save wakeups.
pub(crate) fn tighten_timers() -> Result<(), Error> {
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).map_err(Error::system("prctl"))
}

/// The number of descriptors of the process besides its connections: standard streams, epoll, /proc.
const OTHER_DESCRIPTORS: u64 = 32;

/// Raises the soft limit of descriptors to the hard limit.
pub(crate) fn allow_descriptors(connections: usize) -> Result<(), Error> {
    let hard = getrlimit(Resource::Nofile).maximum;
    let limit = hard.unwrap_or(u64::MAX);
    let needed = connections as u64 + OTHER_DESCRIPTORS;
    if needed > limit {
        return Err(Error::DescriptorLimit { needed, limit });
    }
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard }).map_err(Error::system("setrlimit"))
}
