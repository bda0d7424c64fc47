//! `docs/ARCHITECTURE.md` describes the tree: its files, functions, words and dependencies are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/ARCHITECTURE.md");
const RECIPES: &str = include_str!("../../../CONTRIBUTING.md");

/// The walk of one payload may not grow past this: every file is one more for a newcomer to open.
const MAX_FILES_OF_THE_WALK: usize = 12;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).expect("crates/testkit is in the workspace")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of all tables whose first column has this heading, as cells.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (mut rows, mut is_inside) = (Vec::new(), false);
    for line in PAGE.lines() {
        let Some(line) = line.strip_prefix("| ") else {
            is_inside = false;
            continue;
        };
        let cells: Vec<_> = line.trim_end_matches('|').split('|').map(str::trim).collect();
        if is_inside && !cells[0].starts_with("---") {
            rows.push(cells);
        } else if cells[0] == heading {
            is_inside = true;
        }
    }
    assert!(!rows.is_empty(), "no table has the column {heading}");
    rows
}

/// Returns true if the text has the word or its plural, by itself or as a part of a name in snake case.
fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase().replace('_', " ");
    let word = word.to_lowercase();
    let is_border = |character: Option<char>| character.is_none_or(|character| !character.is_alphanumeric());
    text.match_indices(&word).any(|(begin, _)| {
        let behind = &text[begin + word.len()..];
        is_border(text[..begin].chars().next_back())
            && (is_border(behind.chars().next())
                || is_border(behind.strip_prefix('s').and_then(|rest| rest.chars().next())))
    })
}

/// Returns true if the text defines an item of this kind and name.
fn defines(text: &str, kind: &str, name: &str) -> bool {
    let definition = format!("{kind} {name}");
    let ends = |behind: &str| !behind.starts_with(|character: char| character.is_alphanumeric() || character == '_');
    text.match_indices(&definition).any(|(begin, _)| ends(&text[begin + definition.len()..]))
}

#[test]
fn every_path_on_the_page_and_in_the_recipes_exists() {
    for page in [PAGE, RECIPES] {
        let is_path = |text: &&str| text.starts_with("crates/") || text.starts_with("benches/");
        let paths: Vec<_> = quoted(page).filter(is_path).filter(|path| !path.contains(['*', '{', ' '])).collect();
        assert!(paths.len() > 5, "only {} paths found", paths.len());
        let missing: Vec<_> = paths.iter().filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn every_step_of_the_walk_is_a_function_of_its_file() {
    let steps = rows("step");
    for step in &steps {
        let [file, function] = [step[1], step[2]].map(|cell| cell.trim_matches('`'));
        assert!(defines(&read(file), "fn", function), "{file} has no function {function}");
    }
    let files: BTreeSet<_> = steps.iter().map(|step| step[1]).collect();
    assert!(files.len() <= MAX_FILES_OF_THE_WALK, "the walk takes {} files: {files:#?}", files.len());
}

#[test]
fn every_word_of_the_glossary_is_in_its_file() {
    for heading in ["word", "word of the lab"] {
        let words = rows(heading);
        for row in &words {
            let [word, meaning, file] = row[..] else { panic!("{row:?} has no three cells") };
            let text = read(file.trim_matches('`'));
            let is_there = match word.strip_prefix('`') {
                Some(name) => {
                    let name = name.trim_end_matches('`');
                    ["struct", "enum", "trait", "type"].iter().any(|kind| defines(&text, kind, name))
                }
                None => has_word(&text, word),
            };
            assert!(is_there, "{file} does not have {word}");
            assert_eq!(
                meaning.matches(". ").count() + 1,
                meaning.matches('.').count(),
                "{word} has no single sentence"
            );
        }
        let order: Vec<_> = words.iter().map(|row| row[0].trim_matches('`').to_lowercase()).collect();
        assert!(order.is_sorted_by(|first, second| first < second), "not in order, or twice: {order:?}");
    }
}

/// Every Rust source below a directory, without tests.
fn sources(directory: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(directory).expect("a readable directory").map(|entry| entry.expect("a readable entry").path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut texts: Vec<_> = files.map(|path| fs::read_to_string(path).expect("a readable file")).collect();
    let is_built = |path: &Path| path.ends_with("target") || path.ends_with("tests");
    directories.iter().filter(|path| !is_built(path)).for_each(|path| texts.extend(sources(path)));
    texts
}

#[test]
fn no_type_of_the_glossary_has_a_namesake() {
    let texts: Vec<_> = ["crates", "benches"].iter().flat_map(|top| sources(&root().join(top))).collect();
    assert!(texts.len() > 200, "only {} sources found: the walk is broken", texts.len());
    for name in ["word", "word of the lab"].into_iter().flat_map(rows).filter_map(|row| row[0].strip_prefix('`')) {
        let name = name.trim_end_matches('`');
        let is_definition = |text: &&String| ["struct", "enum", "trait"].iter().any(|kind| defines(text, kind, name));
        assert_eq!(texts.iter().filter(is_definition).count(), 1, "{name}");
    }
}

/// The dependencies of a crate on others of the workspace, without those of its tests.
fn dependencies(directory: &str) -> BTreeSet<String> {
    let manifest: toml::Table = read(&format!("{directory}/Cargo.toml")).parse().expect("a manifest");
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    dependencies.keys().filter_map(|name| name.strip_prefix("corecast-").map(str::to_owned)).collect()
}

#[test]
fn every_crate_is_on_the_page_with_its_dependencies() {
    let table = rows("crate");
    let on_page: BTreeSet<_> = table.iter().map(|row| row[0].trim_matches('`')).collect();
    let workspace: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    let members = workspace["workspace"]["members"].as_array().expect("a list").iter();
    let mut crates = BTreeSet::new();
    for member in members.map(|member| member.as_str().expect("a text")) {
        match member.strip_suffix("/*") {
            Some(directory) => crates.extend(
                fs::read_dir(root().join(directory))
                    .expect("a readable directory")
                    .map(|entry| format!("{directory}/{}", entry.expect("a readable entry").file_name().display())),
            ),
            None => drop(crates.insert(member.to_owned())),
        }
    }
    crates.retain(|directory| root().join(directory).join("Cargo.toml").is_file());
    assert_eq!(on_page, crates.iter().map(String::as_str).collect());
    let names: BTreeSet<_> = on_page.iter().map(|path| path.rsplit('/').next().expect("a name")).collect();
    for row in &table {
        let words = row[1].split([' ', ',', ';', '`']).filter(|word| names.contains(word));
        let written: BTreeSet<_> = words.map(str::to_owned).collect();
        assert_eq!(written, dependencies(row[0].trim_matches('`')), "{}", row[0]);
        assert!(!row[2].is_empty() && !row[3].is_empty(), "{} owns something, and something is absent there", row[0]);
    }
}
