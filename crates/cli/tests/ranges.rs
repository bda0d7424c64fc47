//! Every flag of every command takes what is in its range, and refuses anything else in a line that names it.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use corecast_engine::Protocol;
use corecast_testkit::{Deadline, Finished, Process, ServerProcess};
use rustix::process::Signal;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast");

/// Values that every flag must either accept or refuse: extreme numbers, values that are not numbers, and an empty one.
const VALUES: [&str; 9] =
    ["", "0", "1", "18446744073709551615", "-1", "NaN", "0s", "18446744073709551615s", "18446744073709551615GiB"];

/// A flag that takes a value, with one of the values.
struct Case {
    flag: String,
    value: &'static str,
}

impl Case {
    fn argument(&self) -> String {
        format!("{}={}", self.flag, self.value)
    }

    /// The arguments beside it: those of `others` that are not of the same flag.
    fn with(&self, others: &[&str]) -> Vec<String> {
        let others = others.iter().filter(|other| other.split('=').next() != Some(&self.flag));
        others.map(|other| (*other).to_owned()).chain([self.argument()]).collect()
    }

    /// One line that names the flag.
    #[track_caller]
    fn assert_refused(&self, finished: &Finished) {
        let Finished { code, stdout, stderr } = finished;
        let is_one_line = *code == 2 && stdout.is_empty() && stderr.lines().count() == 1;
        assert!(is_one_line && stderr.contains(&self.flag), "{}: {code} {stderr}", self.argument());
    }
}

/// Every flag that takes a value, by the help, with every value.
fn cases(command: &[&str]) -> Vec<Case> {
    let finished = Process::start(BINARY, [command, &["--help"]].concat()).finish(Deadline::start());
    let help = String::from_utf8(finished.stdout).expect("UTF-8");
    let flag = |line: &str| {
        let (_, flag) = line.trim_start().split_once("--")?;
        let (name, _) = flag.split_once(" <")?;
        (line.trim_start().starts_with('-') && !name.contains(' ')).then(|| format!("--{name}"))
    };
    let flags: Vec<String> = help.lines().filter_map(flag).collect();
    assert!(!flags.is_empty(), "the help is read wrongly: {help}");
    flags.into_iter().flat_map(|flag| VALUES.map(|value| Case { flag: flag.clone(), value })).collect()
}

/// Looks at all cases, a few at a time, each in a directory of its own.
fn each(cases: Vec<Case>, look: impl Fn(&Case, &Path) + Sync) {
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

/// A command in a directory, to which it may write.
fn start(directory: &Path, subcommand: &str, arguments: &[String]) -> Process {
    let mut command = Process::command(BINARY);
    command.arg(subcommand).args(arguments).current_dir(directory);
    Process::spawn(command)
}

/// Runs it to its end: figures, or a refusal.
fn refuses_or_ends(case: &Case, directory: &Path, subcommand: &str, others: &[&str]) {
    let finished = start(directory, subcommand, &case.with(others)).finish(Deadline::start());
    match finished.code {
        0 => assert_eq!(finished.stderr, "", "{}", case.argument()),
        // Figures that are not valid on this machine.
        1 if !finished.stdout.is_empty() && finished.stderr.is_empty() => {}
        _ => case.assert_refused(&finished),
    }
}

#[test]
fn of_serve() {
    each(cases(&["serve"]), |case, directory| {
        let mut server = start(directory, "serve", &case.with(&["--listen=native://127.0.0.1:0"]));
        if server.line(Deadline::start()).is_none() {
            return case.assert_refused(&server.finish(Deadline::start()));
        }
        server.signal(Signal::TERM);
        let finished = server.finish(Deadline::start());
        assert_eq!(finished.code, 0, "{}: {}", case.argument(), finished.stderr);
    });
}

#[test]
fn of_pub_and_sub() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0"]);
    let address = format!("--address={}", server.address(Protocol::Native));
    each(cases(&["pub"]), |case, directory| {
        refuses_or_ends(case, directory, "pub", &[&address, "lobby"]);
    });
    each(cases(&["sub"]), |case, directory| {
        let mut subscriber = start(directory, "sub", &case.with(&[&address, "lobby"]));
        // Told to subscribe, or refused.
        let line = subscriber.error_line_with("", Deadline::start());
        if line != "subscribed lobby" {
            assert!(line.starts_with("corecast: ") && line.contains(&case.flag), "{}: {line}", case.argument());
            assert_eq!(subscriber.finish(Deadline::start()).code, 2, "{}", case.argument());
        }
    });
}

#[test]
fn of_bench() {
    let server = ServerProcess::start(BINARY, &["--listen", "native://127.0.0.1:0"]);
    let address = format!("--address={}", server.address(Protocol::Native));
    let others = [&address, "--subscribers=4", "--publishers=1", "--warmup=0s", "--duration=20ms"];
    each(cases(&["bench"]), |case, directory| match case.flag.as_str() {
        // Rates that take a second, and files that are not there.
        "--seed" => refuses_or_ends(case, directory, "bench", &[&others[..], &["--zipf=1", "--channels=2"]].concat()),
        _ => refuses_or_ends(case, directory, "bench", &others),
    });
}

#[test]
fn of_compare() {
    let load = ["--subscribers=4", "--publishers=2", "--warmup=0s", "--duration=20ms", "--rate=0", "--closed-loop=2"];
    let load = [&load[..], &["--keep-invalid", "--rounds=1"]].concat();
    each(cases(&["compare"]), |case, directory| {
        let contestants: &[&str] = match case.flag.as_str() {
            "--a" | "--a-bin" | "--b" | "--b-bin" | "--require" => &["--a=mutex", "--b=mutex"],
            "--baseline" | "--save-baseline" => &["--a=mutex"],
            _ => &["--policies=mutex"],
        };
        refuses_or_ends(case, directory, "compare", &[&load, contestants].concat());
    });
}

#[test]
fn of_report_and_doctor() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let report = result(&directory);
    each(cases(&["report"]), |case, directory| refuses_or_ends(case, directory, "report", &[&report]));
    each(cases(&["doctor"]), |case, directory| refuses_or_ends(case, directory, "doctor", &[]));
}

/// Writes a result file for `corecast report`: a curve, which every output format can show.
fn result(directory: &TempDir) -> String {
    let file = directory.path().join("sharded.json");
    let step = |rate: u64| {
        serde_json::json!({
            "host": {},
            "settings": { "load": { "paced": { "rate": rate } } },
            "deliveries": { "measured_per_second": 1.0 },
            "latency_us": { "p99": 1.0 },
            "checks": {},
            "validity": { "valid": true, "reasons": [], "notes": [] },
        })
    };
    let curve = serde_json::json!({ "curve": { "rates": [100, 200] }, "steps": [step(100), step(200)] });
    fs::write(&file, curve.to_string()).expect("a writable file");
    file.to_str().expect("UTF-8").to_owned()
}
