//! `make bench-micro` fails on growth and reports what grew, with counts from a file in place of callgrind's.

use corecast_testkit::{Deadline, Finished, Process};
use std::path::Path;

const BASELINE: &str = r#"
[conditions]
commit = "0"
kernel = "0"
cpu = "0"
libc = "0"
rustc = "0"
valgrind = "0"

[instructions]
"decode/native/frames_64" = 32000
"fanout/flush/subscribers_1" = 2000
"fanout/flush/subscribers_100" = 29000
"#;

/// Returns the line that the runner prints for a benchmark.
fn line(group: &str, function: &str, case: &str, instructions: u64) -> String {
    format!(
        r#"{{"group":"{group}","function_name":"{function}","id":"{case}","profiles":[{{"tool":"Callgrind","data":
        {{"parts":[],"total":{{"metrics":{{"Ir":{{"values":{{"new":{instructions}}}}}}}}}}}}}]}}"#
    )
    .replace('\n', "")
}

/// Compares these counts of the three benchmarks with the baseline.
fn compare(counts: [u64; 3], arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let (baseline, file) = (folder.path().join("baseline.toml"), folder.path().join("counts.json"));
    std::fs::write(&baseline, BASELINE).expect("a baseline");
    let [native, one, hundred] = counts;
    let lines = [
        line("decode", "native", "frames_64", native),
        line("fanout", "flush", "subscribers_1", one),
        line("fanout", "flush", "subscribers_100", hundred),
    ];
    std::fs::write(&file, lines.join("\n")).expect("counts");
    run(&baseline, &file, arguments)
}

fn run(baseline: &Path, counts: &Path, arguments: &[&str]) -> Finished {
    let mut command = Process::command(env!("CARGO_BIN_EXE_instructions"));
    command.arg("--baseline").arg(baseline).arg("--counts").arg(counts).args(arguments);
    Process::spawn(command).finish(Deadline::start())
}

fn text(finished: &Finished) -> &str {
    std::str::from_utf8(&finished.stdout).expect("UTF-8")
}

#[test]
fn counts_within_the_tolerance_pass() {
    let finished = compare([32_000, 1_900, 29_580], &[]);
    let table = "\
benchmark                         baseline           now      change
decode/native/frames_64              32000         32000           0
fanout/flush/subscribers_1            2000          1900     -5.00 %
fanout/flush/subscribers_100         29000         29580     +2.00 %

0 of 3 grew by more than 2 %.
";
    assert_eq!((finished.code, text(&finished)), (0, table));
}

#[test]
fn growth_beyond_the_tolerance_fails_and_is_marked() {
    let finished = compare([32_000, 2_041, 29_000], &[]);
    assert_eq!(finished.code, 1);
    assert!(
        text(&finished).contains("subscribers_1            2000          2041     +2.05 %  GREW\n"),
        "{finished:?}"
    );
    assert!(text(&finished).ends_with("\n1 of 3 grew by more than 2 %.\n"), "{finished:?}");
    assert_eq!(compare([32_000, 2_041, 29_000], &["--tolerance", "2.5"]).code, 0);
}

#[test]
fn a_missing_benchmark_fails_and_is_marked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (baseline, counts) = (folder.path().join("baseline.toml"), folder.path().join("counts.json"));
    std::fs::write(&baseline, BASELINE).expect("a baseline");
    std::fs::write(&counts, line("decode", "native", "frames_64", 32_000)).expect("counts");
    let finished = run(&baseline, &counts, &[]);
    assert_eq!(finished.code, 1);
    assert!(text(&finished).contains("29000             -        gone  MISSING\n"), "{finished:?}");
    assert!(text(&finished).ends_with("; 2 of the baseline missing.\n"), "{finished:?}");
}

#[test]
fn without_a_baseline_it_says_how_to_get_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let counts = folder.path().join("counts.json");
    std::fs::write(&counts, line("decode", "native", "frames_64", 32_000)).expect("counts");
    let finished = run(&folder.path().join("none.toml"), &counts, &[]);
    assert_eq!(finished.code, 2);
    assert!(finished.stderr.contains("none.toml; `make bench-micro-baseline` writes a baseline"), "{finished:?}");
}

/// With an empty path there is no valgrind and no apt-get.
#[test]
fn without_valgrind_it_says_how_to_get_it() {
    let mut command = Process::command(env!("CARGO_BIN_EXE_instructions"));
    command.env("PATH", "");
    let finished = Process::spawn(command).finish(Deadline::start());
    assert_eq!(finished.code, 2);
    assert!(finished.stderr.contains("valgrind is missing") && finished.stderr.contains("apt-get install valgrind"));
}

#[test]
fn a_tolerance_below_nothing_is_refused() {
    assert_eq!(compare([32_000, 2_000, 29_000], &["--tolerance=-1"]).code, 2);
}
