//! The faults of `scripts/faults.sh` can still be applied, and `docs/RELIABILITY.md` lists them.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/RELIABILITY.md");

/// A patch that takes a decision away.
struct Fault {
    name: String,
    decision: String,
    /// The promise that is broken.
    promise: String,
    /// The patched file, by its path in the tree.
    file: String,
    /// The lines of each hunk before the patch.
    hunks: Vec<String>,
}

impl Fault {
    fn parse(name: String, text: &str) -> Self {
        let header = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("{name} has no '{key}'")).to_owned()
        };
        let (decision, promise) = (header("Decision removed: "), header("Found as: "));
        let file = header("--- a/");
        let hunks = text.split("\n@@ ").skip(1).map(|hunk| {
            let lines = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
            lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
        });
        Self { decision, promise, file, hunks: hunks.collect(), name }
    }
}

fn faults() -> Vec<Fault> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
    let mut faults: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            Fault::parse(name, &fs::read_to_string(&path).expect("UTF-8"))
        })
        .collect();
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    faults
}

#[test]
fn every_fault_applies_to_the_shard() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for Fault { name, file, hunks, .. } in faults() {
        assert!(file.starts_with("crates/shard/src/"), "{name} changes {file}");
        let source = fs::read_to_string(root.join(&file)).unwrap_or_else(|error| panic!("{name}: {file}: {error}"));
        assert!(!hunks.is_empty(), "{name} changes nothing");
        for hunk in hunks {
            assert!(source.contains(&hunk), "{name} does not apply: {file} has changed\n{hunk}");
        }
    }
}

#[test]
fn the_page_lists_every_fault_and_no_other() {
    let mut expected: Vec<_> =
        faults().iter().map(|fault| format!("| {} | `{}` |", fault.decision, fault.promise)).collect();
    let (_, table) = PAGE.split_once("| decision removed | found as |\n| --- | --- |\n").expect("the table");
    let mut on_page: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).map(str::to_owned).collect();
    expected.sort();
    on_page.sort();
    assert_eq!(on_page, expected);
}
