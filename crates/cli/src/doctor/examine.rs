//! The checks: what the facts about the machine mean for a server.

use std::collections::BTreeSet;

use corecast_command::counted;
use corecast_engine::open_files_needed;
use serde::Serialize;

use super::Level;
use super::machine::Machine;
use corecast_command::cpus::compact;

/// The server that is to run here.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The CPU of each shard.
    pub(super) cpus: Vec<usize>,
    pub(super) connections: usize,
}

/// The result of one check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) level: Level,
    pub(super) found: String,
    pub(super) why: &'static str,
    /// The command or setting that fixes the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

/// The oldest kernel that a shard's ring works with, because it needs multishot polls.
const KERNEL: (u32, u32) = (5, 13);

/// The bytes of memory that a shard's rings lock.
const LOCKED_PER_SHARD: u64 = 512 * 1024;

/// The backlog that a listener asks for.
const BACKLOG: u64 = 4096;

const MIB: u64 = 1024 * 1024;

/// Runs every check, in the order in which they would stop a server.
pub(super) fn examine(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    [
        kernel(machine),
        io_uring(machine),
        features(machine),
        locked_memory(machine, wanted),
        open_files(machine, wanted),
        cpus(wanted),
        quota(machine, wanted),
        siblings(machine, wanted),
        statistics(machine),
        backlog(machine),
        socket_memory(machine, wanted),
    ]
    .into()
}

fn finding(check: &'static str, level: Level, found: String, why: &'static str, mend: Option<String>) -> Finding {
    Finding { check, level, found, why, mend: mend.filter(|_| level != Level::Ok) }
}

fn unknown(check: &'static str, why: &'static str) -> Finding {
    finding(check, Level::Ok, "not reported by this kernel".to_owned(), why, None)
}

fn kernel(machine: &Machine) -> Finding {
    let (check, why) = ("kernel", "shards need the io_uring of Linux 5.13 or newer");
    let Some((major, minor)) = machine.kernel else { return unknown(check, why) };
    let level = if (major, minor) < KERNEL { Level::Error } else { Level::Ok };
    finding(
        check,
        level,
        format!("Linux {major}.{minor}"),
        why,
        Some(format!("boot Linux {}.{} or newer; no setting fixes it", KERNEL.0, KERNEL.1)),
    )
}

fn io_uring(machine: &Machine) -> Finding {
    let why = "without it no shard can run; Docker's default seccomp profile and kernel.io_uring_disabled forbid it";
    match &machine.io_uring {
        None => finding("io_uring", Level::Ok, "permitted".to_owned(), why, None),
        Some(reason) => {
            let mend = "sysctl -w kernel.io_uring_disabled=0; with Docker, --security-opt seccomp=PROFILE that allows \
                        io_uring_setup, io_uring_enter and io_uring_register";
            finding("io_uring", Level::Error, format!("not permitted: {reason}"), why, Some(mend.to_owned()))
        }
    }
}

fn features(machine: &Machine) -> Finding {
    let (check, why) = ("io_uring features", "an old kernel does more copying and more waiting");
    let missing: Vec<_> = machine.features.iter().filter(|(_, present)| !present).map(|(name, _)| *name).collect();
    if machine.features.is_empty() {
        unknown(check, why)
    } else if missing.is_empty() {
        let names: Vec<_> = machine.features.iter().map(|(name, _)| *name).collect();
        finding(check, Level::Ok, names.join(", "), why, None)
    } else {
        let found = format!("missing: {}", missing.join(", "));
        finding(check, Level::Warning, found, why, Some("boot Linux 5.11 or newer; no setting fixes it".to_owned()))
    }
}

fn locked_memory(machine: &Machine, wanted: &Wanted) -> Finding {
    let (check, why) = ("locked memory", "each shard locks 512 KiB for its rings");
    let Some(allowed) = machine.locked_memory else {
        return finding(check, Level::Ok, "unlimited".to_owned(), why, None);
    };
    let needed = LOCKED_PER_SHARD * wanted.cpus.len() as u64;
    // Newer kernels count rings for the control group and not against this limit. So the limit must cover one shard at
    // least.
    let level = match allowed {
        _ if allowed < LOCKED_PER_SHARD => Level::Error,
        _ if allowed < needed => Level::Warning,
        _ => Level::Ok,
    };
    let found =
        format!("{} KiB, and {} take {} KiB", allowed / 1024, counted(wanted.cpus.len(), "shard"), needed / 1024);
    finding(check, level, found, why, Some(format!("ulimit -l {}, or LimitMEMLOCK={needed}", needed / 1024)))
}

fn open_files(machine: &Machine, wanted: &Wanted) -> Finding {
    let (check, why) = ("open files", "each connection needs a descriptor; at the limit, new connections wait");
    let needed = open_files_needed(wanted.connections, wanted.cpus.len());
    let Some(allowed) = machine.open_files else {
        return finding(check, Level::Ok, "unlimited".to_owned(), why, None);
    };
    let level = if allowed < needed { Level::Warning } else { Level::Ok };
    let mend = match machine.open_files_hard {
        Some(hard) if hard < needed => format!(
            "prlimit --pid $$ --nofile={needed} as root, which raises this shell's hard limit of {hard} too, or \
             LimitNOFILE={needed} in the service's unit"
        ),
        _ => format!("ulimit -n {needed}, or LimitNOFILE={needed}"),
    };
    finding(
        check,
        level,
        format!("{allowed}, and {} take {needed}", counted(wanted.connections, "connection")),
        why,
        Some(mend),
    )
}

fn cpus(wanted: &Wanted) -> Finding {
    let why = "shards that share a CPU take turns on it";
    let different: BTreeSet<_> = wanted.cpus.iter().copied().collect();
    let list = compact(&different.iter().copied().collect::<Vec<_>>());
    let level = if different.len() < wanted.cpus.len() { Level::Warning } else { Level::Ok };
    let found = format!("{} on CPUs {list}", counted(wanted.cpus.len(), "shard"));
    finding("CPUs", level, found, why, Some(format!("--shards {}, or more CPUs in --cpus", different.len())))
}

#[expect(clippy::cast_precision_loss, reason = "a number of shards")]
fn quota(machine: &Machine, wanted: &Wanted) -> Finding {
    let why =
        "a control group that has used up its quota is stopped for the rest of the period, for tens of milliseconds";
    let Some(quota) = machine.cpu_quota else {
        return finding("CPU quota", Level::Ok, "none".to_owned(), why, None);
    };
    let shards = wanted.cpus.len();
    let level = if quota < shards as f64 { Level::Warning } else { Level::Ok };
    let mend =
        format!("a quota of {shards} CPUs or more (CPUQuota={}%, docker --cpus {shards}), or none", 100 * shards);
    finding("CPU quota", level, format!("{quota:.2} CPUs for {}", counted(shards, "shard")), why, Some(mend))
}

fn siblings(machine: &Machine, wanted: &Wanted) -> Finding {
    let (check, why) = ("hardware threads", "two shards on one core share its execution units and caches");
    let wanted: BTreeSet<_> = wanted.cpus.iter().copied().collect();
    let both = |cpu: &usize| {
        let other = machine.siblings.get(cpu)?.iter().find(|other| **other > *cpu && wanted.contains(other))?;
        Some(format!("{cpu} and {other}"))
    };
    let pairs: Vec<_> = wanted.iter().filter_map(both).collect();
    if pairs.is_empty() {
        return finding(check, Level::Ok, "no two shards on one core".to_owned(), why, None);
    }
    let mut used = BTreeSet::new();
    let first = |cpu: &usize| {
        let taken = machine.siblings.get(cpu).is_some_and(|others| others.iter().any(|other| used.contains(other)));
        used.insert(*cpu);
        !taken
    };
    let one_each: Vec<_> = wanted.iter().copied().filter(first).collect();
    let found = format!("on one core: {}", pairs.join(", "));
    finding(check, Level::Warning, found, why, Some(format!("--cpus {}", compact(&one_each))))
}

fn statistics(machine: &Machine) -> Finding {
    let why = "a shard uses them to detect CPU contention; without them it never leaves its CPU";
    let (level, found) = if machine.scheduler_statistics { (Level::Ok, "kept") } else { (Level::Warning, "not kept") };
    let mend = "boot a kernel with CONFIG_SCHED_INFO, or keep the CPUs free of other work";
    finding("scheduler", level, format!("statistics are {found}"), why, Some(mend.to_owned()))
}

fn backlog(machine: &Machine) -> Finding {
    let (check, why) = ("somaxconn", "connections that overflow the accept queue are delayed by one second");
    let Some(backlog) = machine.backlog else { return unknown(check, why) };
    let level = if backlog < BACKLOG { Level::Warning } else { Level::Ok };
    let found = format!("{backlog}, and a listener asks for {BACKLOG}");
    finding(check, level, found, why, Some(format!("sysctl -w net.core.somaxconn={BACKLOG}")))
}

fn socket_memory(machine: &Machine, wanted: &Wanted) -> Finding {
    let (check, why) =
        ("socket memory", "the kernel holds up to a full send buffer for every subscriber that does not read");
    let (Some([least, default, buffer]), Some(memory)) = (machine.send_buffer, machine.tcp_memory) else {
        return unknown(check, why);
    };
    // A tenth of the connections stalled at the same time is already a bad day.
    let needed = buffer * (wanted.connections as u64).div_ceil(10);
    let level = if memory < needed { Level::Warning } else { Level::Ok };
    let found = format!("{} KiB a socket, {} MiB for all", buffer / 1024, memory / MIB);
    let greatest = (memory / (wanted.connections as u64).div_ceil(10)).max(64 * 1024).max(default);
    let mend = format!("sysctl -w net.ipv4.tcp_wmem='{least} {default} {greatest}', or a shorter --write-timeout");
    finding(check, level, found, why, Some(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn good() -> Machine {
        Machine {
            kernel: Some((6, 1)),
            features: vec![("nodrop", true)],
            locked_memory: Some(8 * MIB),
            open_files: Some(20_000),
            open_files_hard: Some(20_000),
            backlog: Some(4096),
            send_buffer: Some([4096, 16_384, 4 * MIB]),
            tcp_memory: Some(8192 * MIB),
            scheduler_statistics: true,
            ..Machine::default()
        }
    }

    fn wanted() -> Wanted {
        Wanted { cpus: vec![0, 1], connections: 10_000 }
    }

    /// Returns the findings that are not ok, as check, level and fix.
    fn complaints(machine: &Machine, wanted: &Wanted) -> Vec<(&'static str, Level, String)> {
        let findings = examine(machine, wanted).into_iter().filter(|finding| finding.level != Level::Ok);
        findings.map(|finding| (finding.check, finding.level, finding.mend.expect("what to do"))).collect()
    }

    #[track_caller]
    fn complaint(machine: &Machine, wanted: &Wanted) -> (&'static str, Level, String) {
        let complaints = complaints(machine, wanted);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints.into_iter().next().expect("one")
    }

    #[test]
    fn on_a_good_machine_there_is_nothing_to_do() {
        assert_eq!(complaints(&good(), &wanted()), []);
        assert_eq!(complaints(&Machine { scheduler_statistics: true, ..Machine::default() }, &wanted()), []);
    }

    #[test]
    fn what_stops_a_server_is_an_error() {
        for (machine, check) in [
            (Machine { kernel: Some((5, 12)), ..good() }, "kernel"),
            (Machine { kernel: Some((4, 19)), ..good() }, "kernel"),
            (Machine { io_uring: Some("Operation not permitted".to_owned()), ..good() }, "io_uring"),
            (Machine { locked_memory: Some(64 * 1024), ..good() }, "locked memory"),
        ] {
            let (found, level, _) = complaint(&machine, &wanted());
            assert_eq!((found, level), (check, Level::Error));
        }
    }

    #[test]
    fn what_makes_it_worse_is_a_warning_with_the_command_that_mends_it() {
        let siblings = BTreeMap::from([(0, vec![1]), (1, vec![0])]);
        for (machine, check, mend) in [
            (Machine { features: vec![("nodrop", false)], ..good() }, "io_uring features", "Linux 5.11"),
            (Machine { locked_memory: Some(LOCKED_PER_SHARD), ..good() }, "locked memory", "ulimit -l 1024"),
            (Machine { open_files: Some(1024), ..good() }, "open files", "ulimit -n 10064"),
            (
                Machine { open_files: Some(1024), open_files_hard: Some(4096), ..good() },
                "open files",
                "prlimit --pid $$ --nofile=10064 ",
            ),
            (Machine { cpu_quota: Some(1.5), ..good() }, "CPU quota", "CPUQuota=200%"),
            (Machine { siblings, ..good() }, "hardware threads", "--cpus 0"),
            (Machine { scheduler_statistics: false, ..good() }, "scheduler", "CONFIG_SCHED_INFO"),
            (Machine { backlog: Some(128), ..good() }, "somaxconn", "net.core.somaxconn=4096"),
            (Machine { tcp_memory: Some(100 * MIB), ..good() }, "socket memory", "tcp_wmem='4096 16384 104857'"),
            (
                Machine { send_buffer: Some([8192, 87_380, 64 * MIB]), ..good() },
                "socket memory",
                "tcp_wmem='8192 87380 8589934'",
            ),
        ] {
            let (found, level, todo) = complaint(&machine, &wanted());
            assert_eq!((found, level), (check, Level::Warning));
            assert!(todo.contains(mend), "{check}: {todo}");
        }
    }

    #[test]
    fn more_shards_than_cpus_are_warned_about() {
        let (check, level, mend) = complaint(&good(), &Wanted { cpus: vec![2, 2, 3], connections: 1 });
        assert_eq!((check, level, mend.as_str()), ("CPUs", Level::Warning, "--shards 2, or more CPUs in --cpus"));
    }

    #[test]
    fn one_cpu_of_each_core_is_recommended() {
        let siblings = (0..4).map(|cpu| (cpu, vec![(cpu + 2) % 4])).collect();
        let wanted = Wanted { cpus: vec![0, 1, 2, 3], connections: 1 };
        let (_, _, mend) = complaint(&Machine { siblings, ..good() }, &wanted);
        assert_eq!(mend, "--cpus 0-1");
    }
}
