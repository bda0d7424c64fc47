//! Tests of every flag of a command with values at the edges of its range.

use std::ffi::OsStr;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{Deadline, Finished, Process};

/// Values that every flag must either accept or refuse: extreme numbers, values that are not numbers, and an empty one.
const VALUES: [&str; 9] =
    ["", "0", "1", "18446744073709551615", "-1", "NaN", "0s", "18446744073709551615s", "18446744073709551615GiB"];

/// A flag that takes a value, with one of the values.
#[derive(Debug)]
pub struct FlagCase {
    /// The flag with its dashes.
    pub flag: String,
    value: &'static str,
}

impl FlagCase {
    /// Returns the argument: the flag with the value.
    pub fn argument(&self) -> String {
        format!("{}={}", self.flag, self.value)
    }

    /// Returns the arguments beside it: those of `others` that belong to other flags, then its own.
    pub fn with(&self, others: &[&str]) -> Vec<String> {
        let others = others.iter().filter(|other| other.split('=').next() != Some(&self.flag));
        others.map(|other| (*other).to_owned()).chain([self.argument()]).collect()
    }

    /// Checks that a command refused the value, in one line that names the flag.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn assert_refused(&self, finished: &Finished) {
        let Finished { code, stdout, stderr } = finished;
        let is_one_line = *code == 2 && stdout.is_empty() && stderr.lines().count() == 1;
        assert!(is_one_line && stderr.contains(&self.flag), "{}: {code} {stderr}", self.argument());
    }
}

/// Returns every flag of a subcommand that takes a value, according to its help, with every value.
///
/// # Panics
/// If the help names no such flag.
pub fn flag_cases(binary: impl AsRef<OsStr>, subcommand: &str) -> Vec<FlagCase> {
    let finished = Process::start(binary, [subcommand, "--help"]).finish(Deadline::start());
    let help = String::from_utf8(finished.stdout).expect("UTF-8");
    let flag = |line: &str| {
        let (_, flag) = line.trim_start().split_once("--")?;
        let (name, _) = flag.split_once(" <")?;
        (line.trim_start().starts_with('-') && !name.contains(' ')).then(|| format!("--{name}"))
    };
    let flags: Vec<String> = help.lines().filter_map(flag).collect();
    assert!(!flags.is_empty(), "the help is read wrongly: {help}");
    flags.into_iter().flat_map(|flag| VALUES.map(|value| FlagCase { flag: flag.clone(), value })).collect()
}

/// Runs `look` on all cases, a few at a time, each in its own directory.
///
/// # Panics
/// If one of them panicked.
pub fn each_case(cases: Vec<FlagCase>, look: impl Fn(&FlagCase, &Path) + Sync) {
    let queue = Mutex::new(cases);
    let next = || queue.lock().expect("nobody panics with it").pop();
    let failed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = next() {
                    let directory = tempfile::tempdir().expect("a temporary directory");
                    let looked = panic::catch_unwind(AssertUnwindSafe(|| look(&case, directory.path())));
                    failed.fetch_add(usize::from(looked.is_err()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "cases failed");
}

/// Starts a subcommand in a directory, to which it may write.
pub fn start_in(directory: &Path, binary: impl AsRef<OsStr>, subcommand: &str, arguments: &[String]) -> Process {
    let mut command = Process::command(binary);
    command.arg(subcommand).args(arguments).current_dir(directory);
    Process::spawn(command)
}

impl FlagCase {
    /// Runs a subcommand with the flag and the other arguments to its end. Checks that it printed figures or refused
    /// the value.
    ///
    /// # Panics
    /// If it did neither.
    pub fn ends_or_is_refused(&self, directory: &Path, binary: impl AsRef<OsStr>, subcommand: &str, others: &[&str]) {
        let finished = start_in(directory, binary, subcommand, &self.with(others)).finish(Deadline::start());
        match finished.code {
            0 => assert_eq!(finished.stderr, "", "{}", self.argument()),
            // The figures are not valid on this machine.
            1 if !finished.stdout.is_empty() && finished.stderr.is_empty() => {}
            _ => self.assert_refused(&finished),
        }
    }
}
