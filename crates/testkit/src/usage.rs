//! The resources that a process uses, as the kernel reports them.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Process;

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The current value.
    pub resident: u64,
    /// The highest value since the process started.
    pub peak: u64,
}

impl Process {
    /// Returns the resident memory of the process.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process runs");
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix(" kB"));
            line.and_then(|kibibytes| kibibytes.trim().parse::<u64>().ok()).expect("a size in KiB") * 1024
        };
        Memory { resident: bytes("VmRSS:"), peak: bytes("VmHWM:") }
    }

    /// Returns the number of open descriptors of the process.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).expect("the process runs").count()
    }
}

/// Raises the descriptor limit of this process, and of the children that it starts from now on, to `count`. Returns
/// false if it may not, and reports on standard error that the test cannot run here.
///
/// # Panics
/// If the kernel refuses what the hard limit permits.
pub fn allow_descriptors(count: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(count);
    if hard < count {
        eprintln!("needs {count} descriptors and may have {hard}: nothing was tested");
        return false;
    }
    if limit.current.is_some_and(|soft| soft < count) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum: limit.maximum })
            .expect("up to the hard limit");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Deadline;

    #[test]
    fn memory_and_descriptors_of_a_child_are_seen() {
        let mut child = Process::start("sh", ["-c", "echo ready; read line; exec 7</dev/null; echo open; read line"]);
        child.line(Deadline::start()).unwrap();
        // The number of inherited descriptors is unknown.
        let before = child.descriptors();
        child.write(b"go on\n");
        child.line(Deadline::start()).unwrap();
        assert_eq!(child.descriptors(), before + 1);
        let Memory { resident, peak } = child.memory();
        assert!((64 * 1024..=peak).contains(&resident), "{resident} of {peak}");
    }
}
