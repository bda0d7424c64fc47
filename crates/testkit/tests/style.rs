//! The rules of the project's style that a machine can check; CONTRIBUTING.md has the others.

use std::fs;
use std::path::{Path, PathBuf};

/// The number of lines above which a file holds a second concept.
const MAX_LINES: usize = 500;

/// Directories of built or fetched files.
const NOT_OURS: [&str; 3] = ["target", ".git", "results"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).expect("crates/testkit is in the workspace")
}

/// Returns every Rust file of the workspace with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    let mut directories = vec![root().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a readable directory") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !NOT_OURS.contains(&name) {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a readable file");
                sources.push((path.strip_prefix(root()).expect("found below it").to_owned(), text));
            }
        }
    }
    assert!(sources.len() > 20, "only {} sources found: the walk is broken", sources.len());
    sources
}

/// Fails with a list of every file that breaks a rule, not only the first.
fn each(broken: impl Fn(&Path, &str) -> Option<String>) {
    let complaints: Vec<String> = sources()
        .iter()
        .filter_map(|(path, text)| broken(path, text).map(|what| format!("{}: {what}", path.display())))
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    each(|_, text| {
        let lines = text.lines().count();
        (lines > MAX_LINES).then(|| format!("{lines} lines, the limit is {MAX_LINES}"))
    });
}

#[test]
fn every_file_opens_with_what_it_owns() {
    each(|_, text| (!text.starts_with("//! ")).then(|| "does not open with //!".to_owned()));
}

/// A crate's page is an introduction, not a single line.
#[test]
fn every_library_says_what_is_absent() {
    each(|path, text| {
        let owned = path.ends_with("src/lib.rs") && !text.lines().any(|line| line.starts_with("//! Absent here: "));
        owned.then(|| "does not say what is absent here".to_owned())
    });
}

#[test]
fn unsafe_code_is_kept_to_modules_that_say_so() {
    each(|path, text| {
        let crate_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        let kept = text.contains("#![forbid(unsafe_code)]") || text.contains("#![deny(unsafe_code)]");
        (crate_root && !kept).then(|| "neither forbids nor denies unsafe_code".to_owned())
    });
}

#[test]
fn lints_are_allowed_one_at_a_time() {
    each(|_, text| {
        let blanket = ["warnings", "clippy::all", "clippy::pedantic", "unused"];
        let attribute = |lint: &str| format!("allow({lint}");
        blanket.iter().find(|lint| text.contains(&attribute(lint))).map(|lint| format!("allows {lint}"))
    });
}

#[test]
fn names_state_the_mechanism_not_praise() {
    each(|path, _| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let praise = ["fast", "efficient", "optimized", "new", "v2", "utils", "util", "helpers", "misc"];
        praise.contains(&stem).then(|| "is not named after its concept".to_owned())
    });
}
