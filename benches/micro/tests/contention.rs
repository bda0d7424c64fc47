//! `contention` draws criterion's results, and reports what is missing.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn contention(results: &Path, page: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_contention")).args([results, page]).output().expect("it starts")
}

fn result(results: &Path, group: &str, tasks: u32, nanoseconds: f64) {
    let folder = results.join(group.replace('/', "_")).join(tasks.to_string()).join("new");
    fs::create_dir_all(&folder).expect("a folder");
    let benchmark = serde_json::json!({ "group_id": group, "function_id": null, "value_str": tasks.to_string() });
    let estimates = serde_json::json!({ "median": { "point_estimate": nanoseconds } });
    fs::write(folder.join("benchmark.json"), benchmark.to_string()).expect("a file");
    fs::write(folder.join("estimates.json"), estimates.to_string()).expect("a file");
}

#[test]
fn each_policy_has_a_line_in_the_chart_of_its_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.html");
    let results = folder.path().join("criterion");
    for (tasks, nanoseconds) in [(1, 50.0), (64, 12_300.0)] {
        result(&results, "spin/1/short", tasks, nanoseconds);
        result(&results, "portal_on/1/short", tasks, 10.0 * nanoseconds);
    }
    result(&results, "crc32", 64, 77.0);
    let output = contention(&results, &page);
    assert!(output.status.success(), "{output:?}");
    let page = fs::read_to_string(page).expect("the page");
    assert_eq!(page.matches("<figure").count(), 1, "{page}");
    assert!(page.contains("Short calls, 1 executor (less is better)"), "{page}");
    for part in ["portal_on with 64: 123 µs", "spin with 1: 0.0500 µs", "12.3 µs", "class=\"line s1\""] {
        assert!(page.contains(part), "'{part}' is missing: {page}");
    }
    assert!(!page.contains("crc32"), "{page}");
}

#[test]
fn without_results_it_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = contention(folder.path(), &folder.path().join("page.html"));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(!output.status.success() && said.contains("run the benchmark first"), "{said}");
    let output = contention(&folder.path().join("absent"), &folder.path().join("page.html"));
    assert!(String::from_utf8(output.stderr).expect("UTF-8").contains("absent"));
}
