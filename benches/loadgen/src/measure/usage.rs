//! The CPU time and memory that a process has used so far, from /proc.

use crate::Error;
use std::time::Duration;
use std::{fs, io};

/// The CPU time of a process since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTime {
    /// The time of all its threads, from the scheduler's account.
    pub(crate) total: Duration,
    /// The time for which its threads were ready while something else had the CPU.
    pub(crate) waited: Duration,
    /// The time in user space; the kernel reports it in ticks of 10 ms.
    pub(crate) user: Duration,
    /// The time in the kernel, likewise.
    pub(crate) system: Duration,
}

impl CpuTime {
    /// Reads the account of a process. A thread that ends takes its account with it.
    pub(crate) fn of(pid: u32) -> Result<Self, Error> {
        let failed = |source| Error::ServerProcess { pid, source };
        let (mut total, mut waited) = (Duration::ZERO, Duration::ZERO);
        for thread in fs::read_dir(format!("/proc/{pid}/task")).map_err(failed)? {
            let path = thread.map_err(failed)?.path().join("schedstat");
            // The thread may have ended since it was listed.
            let Ok(account) = fs::read_to_string(path) else { continue };
            let (ran, waiting) = scheduled(&account).ok_or_else(|| failed(unreadable("schedstat")))?;
            total += ran;
            waited += waiting;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(failed)?;
        let (user, system) = user_and_system(&stat).ok_or_else(|| failed(unreadable("stat")))?;
        Ok(Self { total, waited, user, system })
    }

    /// Reads the account of the calling thread, without `user` and `system`.
    pub(crate) fn of_this_thread() -> Result<Self, Error> {
        let account = fs::read_to_string("/proc/thread-self/schedstat");
        let (total, waited) = scheduled(&account.map_err(Error::system("/proc/thread-self/schedstat"))?)
            .ok_or_else(|| Error::system("/proc/thread-self")(unreadable("schedstat")))?;
        Ok(Self { total, waited, ..Self::default() })
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            waited: self.waited.saturating_sub(earlier.waited),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// The CPU time of the whole machine since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MachineTime {
    /// The time of all CPUs together, whoever used them.
    pub(crate) busy: Duration,
    /// The time that the hypervisor kept for itself.
    pub(crate) stolen: Duration,
}

impl MachineTime {
    /// Reads the account of the machine; none if the kernel does not show it.
    pub(crate) fn now() -> Option<Self> {
        machine_time(&fs::read_to_string("/proc/stat").ok()?)
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { busy: self.busy.saturating_sub(earlier.busy), stolen: self.stolen.saturating_sub(earlier.stolen) }
    }
}

/// Parses the line `cpu`: user, nice, system, idle, iowait, irq, softirq, steal, in ticks.
fn machine_time(stat: &str) -> Option<MachineTime> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = fields.split_ascii_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
    let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second();
    let time = |ticks: u64| Duration::from_nanos(ticks * tick_ns);
    Some(MachineTime { busy: time(user + nice + system + irq + softirq), stolen: time(steal) })
}

/// Parses the first two fields of `schedstat`: the time on a CPU, and the time ready for one.
fn scheduled(schedstat: &str) -> Option<(Duration, Duration)> {
    let mut fields = schedstat.split_ascii_whitespace();
    let mut next = || Some(Duration::from_nanos(fields.next()?.parse().ok()?));
    Some((next()?, next()?))
}

/// Parses fields 14 and 15 of `stat`. The name, field 2, may contain spaces and ends with the last parenthesis.
fn user_and_system(stat: &str) -> Option<(Duration, Duration)> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second();
    let mut next = || Some(Duration::from_nanos(fields.next()?.parse::<u64>().ok()? * tick_ns));
    Some((next()?, next()?))
}

/// Returns the resident memory of a process in bytes, including shared pages.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, Error> {
    let failed = |source| Error::ServerProcess { pid, source };
    // This file is exact, but not readable for another user's process. The other one is an estimate from per-CPU
    // counters.
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).map(|text| kibibytes(&text, "Rss:"));
    if let Ok(Some(bytes)) = rollup {
        return Ok(bytes);
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(failed)?;
    kibibytes(&status, "VmRSS:").ok_or_else(|| failed(unreadable("status")))
}

fn kibibytes(text: &str, label: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(label))?;
    Some(value.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn unreadable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} has another form than expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 9 9 9";
        let ticks =
            |count: u64| Duration::from_secs(count) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap();
        assert_eq!(user_and_system(stat), Some((ticks(250), ticks(50))));
    }

    #[test]
    fn the_machine_is_busy_with_all_but_waiting() {
        let time = machine_time("cpu  1 2 3 1000 1000 4 5 6 0 0\ncpu0 1 1 1\n").unwrap();
        let tick = Duration::from_secs(1) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap();
        assert_eq!((time.busy, time.stolen), (15 * tick, 6 * tick));
        assert!(machine_time("intr 1").is_none());
    }

    #[test]
    fn this_process_has_memory_and_time() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 100 * 1024);
        assert!(CpuTime::of(pid).unwrap().total > Duration::ZERO);
        assert!(CpuTime::of_this_thread().unwrap().total > Duration::ZERO);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(matches!(CpuTime::of(u32::MAX), Err(Error::ServerProcess { .. })));
    }
}
