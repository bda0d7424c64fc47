//! The conditions that the counts depend on, besides the code.

use crate::tools::version_of;
use serde::{Deserialize, Serialize};
use std::process::Command;

/// The conditions under which a baseline was taken; an unknown one is `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conditions {
    /// The commit that was counted, with `-dirty` if not everything was committed.
    pub(crate) commit: String,
    pub(crate) kernel: String,
    /// The CPU, which decides which variant of `memcpy` and CRC-32 runs.
    pub(crate) cpu: String,
    pub(crate) libc: String,
    pub(crate) rustc: String,
    pub(crate) valgrind: String,
}

impl Conditions {
    pub(crate) fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        Self {
            commit: known(first_line("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])),
            kernel: known(kernel.map(|release| release.trim().to_owned())),
            cpu: known(model.map(|(_, model)| model.to_owned())),
            libc: known(first_line("getconf", &["GNU_LIBC_VERSION"])),
            rustc: known(version_of("rustc").ok().flatten()),
            valgrind: known(version_of("valgrind").ok().flatten()),
        }
    }

    /// Returns the conditions that are different here and may change counts. The commit is left out, because it is what
    /// is compared, and the kernel, because callgrind does not count it.
    pub(crate) fn differences(&self, here: &Self) -> Vec<String> {
        let pairs = [
            ("CPU", &self.cpu, &here.cpu),
            ("libc", &self.libc, &here.libc),
            ("compiler", &self.rustc, &here.rustc),
            ("valgrind", &self.valgrind, &here.valgrind),
        ];
        let differing = pairs.into_iter().filter(|(_, then, now)| then != now);
        differing.map(|(what, then, now)| format!("{what} {then}, here {now}")).collect()
    }
}

fn known(found: Option<String>) -> String {
    found.unwrap_or_else(|| "unknown".to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_commit_or_kernel_is_no_difference_another_compiler_is() {
        let here = Conditions::here();
        let elsewhere = Conditions { commit: "0".to_owned(), kernel: "0".to_owned(), ..here.clone() };
        assert!(elsewhere.differences(&here).is_empty());
        let elsewhere = Conditions { rustc: "rustc 1.0.0".to_owned(), ..here.clone() };
        assert_eq!(elsewhere.differences(&here), [format!("compiler rustc 1.0.0, here {}", here.rustc)]);
    }
}
