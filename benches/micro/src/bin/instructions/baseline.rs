//! The committed instruction counts.

use crate::conditions::Conditions;
use crate::counts::Counts;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::path::Path;

const HEADING: &str = "\
# Instructions of each micro-benchmark under callgrind, and where they were counted.
# Written by `make bench-micro-baseline`; `make bench-micro` compares with it.

";

/// The counts to compare with, and the conditions under which they were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) conditions: Conditions,
    pub(crate) instructions: Counts,
}

impl Baseline {
    /// # Errors
    /// There is no such file, or it is not what [`write`](Self::write) writes.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("cannot read {}; `make bench-micro-baseline` writes a baseline", path.display())
        })?;
        toml::from_str(&text).with_context(|| format!("{} is no baseline", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = format!("{HEADING}{}", toml::to_string(self)?);
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.toml");
        let instructions = [("decode/plain/frames_64".to_owned(), 1_315)].into();
        let baseline = Baseline { conditions: Conditions::here(), instructions };
        baseline.write(&path).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), baseline);
    }
}
