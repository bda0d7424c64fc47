//! The facts about the machine, read from the kernel.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// The facts that a server depends on. A fact that this kernel does not report is `None`.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    /// The version of the kernel: major, minor.
    pub(super) kernel: Option<(u32, u32)>,
    /// The reason why no ring can be created, if none can.
    pub(super) io_uring: Option<String>,
    /// The features of this kernel's rings that are useful here, by name, and whether it has them.
    pub(super) features: Vec<(&'static str, bool)>,
    /// The bytes that this process may lock; `None` is no limit.
    pub(super) locked_memory: Option<u64>,
    /// The number of files that this process may have open; `None` is no limit.
    pub(super) open_files: Option<u64>,
    /// The number of open files to which the process may raise its own limit.
    pub(super) open_files_hard: Option<u64>,
    /// The number of CPUs that this process may use on average, by its control group.
    pub(super) cpu_quota: Option<f64>,
    /// The other hardware threads of a CPU's core.
    pub(super) siblings: BTreeMap<usize, Vec<usize>>,
    /// `net.core.somaxconn`.
    pub(super) backlog: Option<u64>,
    /// The bytes that the kernel may hold for a peer that does not read: least, default and greatest, from
    /// `net.ipv4.tcp_wmem`.
    pub(super) send_buffer: Option<[u64; 3]>,
    /// The bytes of all TCP sockets above which the kernel reclaims memory, from `net.ipv4.tcp_mem`.
    pub(super) tcp_memory: Option<u64>,
    /// True if the kernel keeps scheduler statistics.
    pub(super) scheduler_statistics: bool,
}

impl Machine {
    /// Reads the facts below `root`, which is `/` except in tests. Limits and rings are those of this process.
    pub(super) fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let ring = io_uring::IoUring::new(2);
        let files = getrlimit(Resource::Nofile);
        Self {
            kernel: text("proc/sys/kernel/osrelease").as_deref().and_then(version),
            features: ring.as_ref().map(features).unwrap_or_default(),
            io_uring: ring.err().as_ref().map(io::Error::to_string),
            locked_memory: getrlimit(Resource::Memlock).current,
            open_files: files.current,
            open_files_hard: files.maximum,
            cpu_quota: quota(root),
            siblings: siblings(root),
            backlog: text("proc/sys/net/core/somaxconn").as_deref().and_then(last_number),
            send_buffer: text("proc/sys/net/ipv4/tcp_wmem").as_deref().and_then(three_numbers),
            tcp_memory: text("proc/sys/net/ipv4/tcp_mem").as_deref().and_then(pressure),
            scheduler_statistics: root.join("proc/self/schedstat").exists(),
        }
    }
}

fn features(ring: &io_uring::IoUring) -> Vec<(&'static str, bool)> {
    let parameters = ring.params();
    vec![
        ("nodrop", parameters.is_feature_nodrop()),
        ("fast poll", parameters.is_feature_fast_poll()),
        ("extended wait", parameters.is_feature_ext_arg()),
    ]
}

/// Parses the version of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn last_number(text: &str) -> Option<u64> {
    text.split_whitespace().last()?.parse().ok()
}

fn three_numbers(text: &str) -> Option<[u64; 3]> {
    let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

/// Returns the middle of three numbers of pages, in bytes.
fn pressure(text: &str) -> Option<u64> {
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Returns the lowest quota of the control groups (version 2) from that of this process up to the root.
fn quota(root: &Path) -> Option<f64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let top = root.join("sys/fs/cgroup");
    let group = top.join(own);
    let quotas = group.ancestors().take_while(|path| path.starts_with(&top)).filter_map(|path| {
        let text = fs::read_to_string(path.join("cpu.max")).ok()?;
        let (quota, period) = text.split_once(' ')?;
        // "max" is not a number; it means no limit.
        Some(quota.parse::<f64>().ok()? / period.trim().parse::<f64>().ok()?)
    });
    quotas.min_by(f64::total_cmp)
}

fn siblings(root: &Path) -> BTreeMap<usize, Vec<usize>> {
    let Ok(entries) = fs::read_dir(root.join("sys/devices/system/cpu")) else { return BTreeMap::new() };
    let siblings = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let cpu: usize = entry.file_name().to_str()?.strip_prefix("cpu")?.parse().ok()?;
        let list = fs::read_to_string(entry.path().join("topology/thread_siblings_list")).ok()?;
        let ranges = list.trim().split(',').map(str::parse).collect::<Result<Vec<_>, _>>().ok()?;
        Some((cpu, corecast_command::cpus::flatten(&ranges).into_iter().filter(|other| *other != cpu).collect()))
    });
    siblings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn facts_are_read_as_the_kernel_writes_them() {
        let root = tree(&[
            ("proc/sys/kernel/osrelease", "5.10.0-28-amd64\n"),
            ("proc/sys/net/core/somaxconn", "128\n"),
            ("proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304\n"),
            ("proc/sys/net/ipv4/tcp_mem", "100\t200\t300\n"),
            ("proc/self/cgroup", "0::/system.slice/corecast.service\n"),
            ("proc/self/schedstat", "1 2 3\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/system.slice/corecast.service/cpu.max", "max 100000\n"),
            ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,4\n"),
            ("sys/devices/system/cpu/cpu4/topology/thread_siblings_list", "0,4\n"),
            ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1\n"),
            ("sys/devices/system/cpu/cpufreq/policy0", ""),
        ]);
        let machine = Machine::read(root.path());
        assert_eq!(machine.kernel, Some((5, 10)));
        assert_eq!(machine.backlog, Some(128));
        assert_eq!(machine.send_buffer, Some([4096, 16_384, 4_194_304]));
        assert_eq!(machine.tcp_memory, Some(200 * rustix::param::page_size() as u64));
        assert_eq!(machine.cpu_quota, Some(1.5));
        assert_eq!(machine.siblings, BTreeMap::from([(0, vec![4]), (4, vec![0]), (1, vec![])]));
        assert!(machine.scheduler_statistics);
    }

    #[test]
    fn what_a_kernel_does_not_tell_is_left_open() {
        let machine = Machine::read(tree(&[("proc/self/cgroup", "1:cpu:/\n")]).path());
        assert_eq!((machine.kernel, machine.backlog, machine.cpu_quota), (None, None, None));
        assert!(machine.siblings.is_empty() && !machine.scheduler_statistics);
    }
}
