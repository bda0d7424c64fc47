//! `corecast-bench compare --suite`: the comparisons of a file, and the results that they leave in a directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corecast_testkit::{Deadline, Finished, Process, beside};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_corecast-bench");

/// A load that ends soon; its measurements are not checked.
const SMALL: &str = "subscribers = 8\npublishers = 2\nwarmup = \"20ms\"\nduration = \"200ms\"\nkeep_invalid = true\n";

struct Suite {
    directory: TempDir,
}

impl Suite {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::write(directory.path().join("suite.toml"), text).expect("a writable file");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, flags: &[&str]) -> Finished {
        let mut command = Process::command(BINARY);
        command
            .arg("compare")
            .arg("--suite")
            .arg(self.path("suite.toml"))
            .arg("--out")
            .arg(self.path("out"))
            .args(flags);
        Process::spawn(command).finish(Deadline::after(Duration::from_mins(1)))
    }

    /// Returns the names in the directory of results, sorted.
    fn results(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("out")) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    fn json(&self, name: &str) -> Value {
        read(&self.path("out").join(name))
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("the file was written")).expect("JSON")
}

/// Returns the policies and the load of each entry.
fn entries(results: &Value) -> Vec<(String, String)> {
    let entries = results["entries"].as_array().expect("entries").iter();
    entries.map(|entry| (entry["name"].as_str().expect("a name").to_owned(), entry["load"].to_string())).collect()
}

#[test]
fn each_comparison_has_its_file_and_all_have_a_report() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let curve = directory.path().join("curve.toml");
    fs::write(&curve, "[curve]\nrates = [100, 200]\n").expect("a writable file");
    let ramp = directory.path().join("ramp.toml");
    let plan = "[ramp]\nfirst_rate = 50\nfactor = 2.0\nmax_rate = 100\np99_bound_us = 1e7\n";
    fs::write(&ramp, plan).expect("a writable file");
    let suite = Suite::new(&format!(
        "summary = \"a trial\"\npolicies = [\"sharded\", \"mutex\"]\n{SMALL}\
         [[comparison]]\nname = \"open\"\nrate = 100\nclosed_loop = 0\n\
         [[comparison]]\nname = \"curve\"\nscenario = \"{}\"\nrounds = 2\n\
         [[comparison]]\nname = \"ramp\"\nscenario = \"{}\"\npolicies = \"sharded\"\n\
         [[comparison]]\nname = \"pair\"\na = \"sharded\"\nb = \"sharded\"\nrounds = 1\nrate = 0\nclosed_loop = 8\n",
        curve.display(),
        ramp.display()
    ));
    let finished = suite.run(&[]);
    let text = String::from_utf8(finished.stdout.clone()).expect("UTF-8");
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:?}");
    let files = ["curve.json", "curve.svg", "open.json", "pair.json", "ramp.json", "report.html", "report.md"];
    assert_eq!(suite.results(), files);
    for part in ["## open\n", "\n## curve\n", "\n## ramp\n", "\n## pair\n", "sharded (A) against sharded (B)"] {
        assert!(text.contains(part), "'{part}' is missing:\n{text}");
    }
    assert!(text.ends_with(&format!("\nThe results are in {}.\n", suite.path("out").display())), "{text}");
    let paced = |rate: u64| format!("{{\"paced\":{{\"rate\":{rate}}}}}");
    let both = ["sharded", "mutex"].map(|name| (name.to_owned(), paced(100)));
    assert_eq!(entries(&suite.json("open.json")), both);
    assert_eq!(entries(&suite.json("curve.json")).len(), 4, "two contestants at two rates");
    let ramp = suite.json("ramp.json");
    let steps = ramp.pointer("/entries/0/reports/0/ramp/steps").and_then(Value::as_array).map(Vec::len);
    assert_eq!((entries(&ramp).len(), steps), (1, Some(2)), "{ramp}");
    let report = fs::read_to_string(suite.path("out/report.md")).expect("the report");
    assert!(report.contains("| rung | knee |"), "{report}");
    let (_, open) = report.split_once("## open\n\n- ").expect("a comparison and its conditions");
    let conditions: Vec<&str> = open.lines().take_while(|line| !line.is_empty()).collect();
    for (line, part) in conditions.iter().zip(["; rounds: 1", " CPUs, Linux ", "Servers: corecast "]) {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(conditions.len(), 3, "{report}");
    let page = fs::read_to_string(suite.path("out/report.html")).expect("the page");
    assert!(page.contains("Corecast measured: out"), "{page}");
}

#[test]
fn a_flag_beats_the_file_and_some_comparisons_can_be_selected() {
    let comparison = |name| format!("[[comparison]]\nname = \"{name}\"\nclosed_loop = 8\nrate = 0\n");
    let suite = Suite::new(&format!("policies = \"mutex\"\n{SMALL}{}{}", comparison("one"), comparison("two")));
    let finished = suite.run(&["--only", "two", "--policies", "sharded", "--closed-loop", "16"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(suite.results(), ["report.html", "report.md", "two.json"]);
    let load = "{\"saturate\":{\"in_flight\":16}}".to_owned();
    assert_eq!(entries(&suite.json("two.json")), [("sharded".to_owned(), load)]);
    let again = suite.run(&["--only", "two"]);
    assert!(again.complaint(2).contains("out holds results already"), "{again:?}");
}

#[test]
fn a_comparison_that_fails_does_not_end_the_others() {
    // The only message of the first second is in the warm-up.
    let silent = "[[comparison]]\nname = \"silent\"\nrate = 1\nclosed_loop = 0\nkeep_invalid = false\n";
    let sound = "[[comparison]]\nname = \"sound\"\nrate = 0\nclosed_loop = 8\n";
    let suite = Suite::new(&format!("policies = \"sharded\"\n{SMALL}{silent}{sound}"));
    let finished = suite.run(&[]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert_eq!(suite.results(), ["report.html", "report.md", "silent.json", "sound.json"]);
}

#[test]
fn what_is_wrong_with_a_suite_is_named_before_anything_runs() {
    let scenario = "[[comparison]]\nscenario = \"paced\"\n";
    for (text, reason) in [
        ("policies = [\"sharded\"]\n", "suite.toml: there is no [[comparison]]"),
        ("round = 6\n[[comparison]]\nscenario = \"paced\"\n", "suite.toml:1: round: unknown key; known are "),
        ("[[comparison]]\nscenario = \"paced\"\nrounds = 0\n", "suite.toml:3: rounds: "),
        ("[[comparison]]\nrounds = 1\n", "suite.toml:1: a comparison needs a name or a scenario"),
        ("[[comparison]]\nname = \"../a\"\n", "'../a' cannot be the name of a comparison"),
        ("[[comparison]]\nscenario = \"quick\"\n", "quick: --scenario: quick: No such file"),
        ("[[comparison]]\nname = \"x\"\njson = \"y\"\n", "suite.toml:3: json: unknown key"),
        ("[[comparison]]\nname = \"x\"\nkeep_invalid = 1\n", "suite.toml:3: keep_invalid: takes true or false"),
        ("comparison = [\"paced\"]\n", "suite.toml:1: a comparison is a table"),
        ("rounds = \n", "suite.toml:1: rounds: "),
        (
            "policies = \"shraded\"\n[[comparison]]\nscenario = \"paced\"\n",
            "paced: --policies: 'shraded': --policy: unknown value 'shraded'; expected one of sharded",
        ),
        (&format!("{scenario}{scenario}"), "suite.toml:3: there are two comparisons 'paced'"),
    ] {
        let suite = Suite::new(text);
        let finished = suite.run(&[]);
        assert!(finished.complaint(2).contains(reason), "{text}: {finished:?}");
        assert_eq!(suite.results(), [""; 0], "{text}");
    }
    let suite = Suite::new(scenario);
    let refused = suite.run(&["--only", "fast"]);
    assert!(refused.complaint(2).contains(" has no comparison 'fast'; expected one of "), "{refused:?}");
    let alone = Process::start(BINARY, ["compare", "--suite", "x.toml"]).finish(Deadline::start());
    assert!(alone.complaint(2).contains("--out <DIR>"), "{alone:?}");
}

#[test]
fn every_suite_of_the_sources_can_be_read() {
    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites");
    for entry in fs::read_dir(suites).expect("a directory") {
        let path = entry.expect("an entry").path();
        let suite = Suite::new(&fs::read_to_string(&path).expect("a readable file"));
        // Nothing is measured, because the requested comparison is not in the suite.
        let finished = suite.run(&["--only", "none"]);
        assert!(
            finished.complaint(2).contains(" has no comparison 'none'; expected one of "),
            "{}: {finished:?}",
            path.display()
        );
    }
}

/// Finds the server as a user's shell would: by the flag, by the variable, beside the program, or in the path.
#[test]
fn the_server_is_found_or_the_ways_to_name_it_are_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let alone = directory.path().join("corecast-bench");
    // Another process copies the file. A descriptor of this process that writes it would be inherited by what other
    // tests start.
    let copied = Process::start("cp", [Path::new(BINARY), &alone]).finish(Deadline::start());
    assert_eq!(copied.code, 0, "{copied:?}");
    let server = beside(BINARY, "corecast");
    let load = ["--policies=sharded", "--rate=0", "--closed-loop=8", "--subscribers=4", "--duration=50ms"];
    let compare = |set: &dyn Fn(&mut std::process::Command)| {
        let mut command = Process::command(&alone);
        command.args(["compare", "--keep-invalid", "--warmup=20ms"]).args(load);
        command.env_remove("CORECAST").env("PATH", "/nonexistent");
        set(&mut command);
        Process::spawn(command).finish(Deadline::after(Duration::from_mins(1)))
    };
    let missing = compare(&|_| ());
    let complaint = missing.complaint(2);
    assert!(complaint.starts_with("no server to start: there is no program at "), "{complaint}");
    assert!(complaint.ends_with("name one with --corecast FILE or the variable CORECAST"), "{complaint}");
    let named = compare(&|command| {
        command.args(["--corecast", "/absent/corecast"]);
    });
    assert_eq!(named.complaint(2), "--corecast: /absent/corecast: No such file or directory (os error 2)");
    let ways: [&dyn Fn(&mut std::process::Command); 3] = [
        &|command| {
            command.arg("--corecast").arg(&server);
        },
        &|command| {
            command.env("CORECAST", &server);
        },
        &|command| {
            command.env("PATH", server.parent().expect("a directory"));
        },
    ];
    for way in ways {
        let finished = compare(way);
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    std::os::unix::fs::symlink(&server, directory.path().join("corecast")).expect("a link");
    assert_eq!(compare(&|_| ()).code, 0, "beside the program");
}
