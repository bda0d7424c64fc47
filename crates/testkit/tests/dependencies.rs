//! Checks every dependency against `deny.toml`, so that a machine without cargo-deny enforces the same rules.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Returns `cargo metadata` of what is built on Linux.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// Returns the packages that are built.
fn packages() -> Vec<Value> {
    let mut metadata = metadata();
    let used: BTreeSet<String> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("a graph")
        .iter()
        .map(|node| text(&node["id"]).to_owned())
        .collect();
    let Value::Array(packages) = metadata["packages"].take() else { panic!("no packages") };
    let packages: Vec<Value> = packages.into_iter().filter(|package| used.contains(text(&package["id"]))).collect();
    assert!(packages.len() > 20, "only {} packages found", packages.len());
    packages
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent).expect("crates/testkit is in the workspace")
}

fn rules() -> toml::Table {
    std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is there").parse().expect("deny.toml is TOML")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Returns the texts of a list in `deny.toml`.
fn list(value: &toml::Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text")).collect()
}

#[test]
fn every_licence_is_allowed() {
    let rules = rules();
    let allowed = list(&rules["licenses"]["allow"]);
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    for package in packages() {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        let excepted = exceptions.iter().filter(|exception| exception["crate"].as_str() == Some(name));
        let mut allowed = allowed.clone();
        allowed.extend(excepted.flat_map(|exception| list(&exception["allow"])));
        assert!(satisfied(licence, &allowed), "{name}: {licence} is not allowed by deny.toml");
    }
}

#[test]
fn every_source_is_the_registry_or_this_workspace() {
    for package in packages() {
        let source = package["source"].as_str();
        let ours = source.is_none() && Path::new(text(&package["manifest_path"])).starts_with(root());
        let registry =
            source.is_some_and(|source| source.starts_with("registry+") && source.ends_with("crates.io-index"));
        assert!(ours || registry, "{} comes from {source:?}", package["name"]);
    }
}

/// If a ban names wrappers, only those packages may depend on the crate.
#[test]
fn no_banned_crate_is_used() {
    let rules = rules();
    let bans = rules["bans"]["deny"].as_array().unwrap();
    assert!(!bans.is_empty());
    for (user, used) in uses() {
        let Some(ban) = bans.iter().find(|ban| ban["crate"].as_str() == Some(&used)) else { continue };
        let excepted = ban.get("wrappers").is_some_and(|wrappers| list(wrappers).contains(&user.as_str()));
        assert!(excepted, "{user} depends on {used}, which is banned by deny.toml");
    }
}

/// Returns each package that is built with each package that it depends on, by name.
fn uses() -> Vec<(String, String)> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("a list");
    let name = |id: &Value| {
        let package = packages.iter().find(|package| package["id"] == *id).expect("a package of every id");
        text(&package["name"]).to_owned()
    };
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a graph");
    let uses: Vec<_> = nodes
        .iter()
        .flat_map(|node| {
            let used = node["dependencies"].as_array().expect("a list");
            used.iter().map(|used| (name(&node["id"]), name(used))).collect::<Vec<_>>()
        })
        .collect();
    assert!(uses.len() > 20, "only {} uses found", uses.len());
    uses
}

/// Returns true if an SPDX expression can be met with the allowed licences. `AND` binds closer than `OR`, the old `/`
/// means `OR`, and operators may be in lower case, which cargo-deny accepts too.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace(" or ", " OR ").replace(" and ", " AND ");
    let mut tokens = spaced.split_whitespace().peekable();
    let met = any(&mut tokens, allowed);
    assert_eq!(tokens.next(), None, "cannot read the licence '{expression}'");
    met
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(tokens: &mut Tokens<'_>, allowed: &[&str]) -> bool {
    let mut met = all(tokens, allowed);
    while tokens.next_if_eq(&"OR").is_some() {
        met |= all(tokens, allowed);
    }
    met
}

fn all(tokens: &mut Tokens<'_>, allowed: &[&str]) -> bool {
    let mut met = one(tokens, allowed);
    while tokens.next_if_eq(&"AND").is_some() {
        met &= one(tokens, allowed);
    }
    met
}

fn one(tokens: &mut Tokens<'_>, allowed: &[&str]) -> bool {
    let token = tokens.next().expect("a licence");
    if token == "(" {
        let met = any(tokens, allowed);
        assert_eq!(tokens.next(), Some(")"), "an open parenthesis");
        return met;
    }
    let mut licence = token.trim_end_matches('+').to_owned();
    if tokens.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", tokens.next().expect("an exception"));
    }
    allowed.contains(&licence.as_str())
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = ["MIT", "Unicode-3.0"];
    for (expression, met) in [
        ("MIT", true),
        ("MIT+", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("Apache-2.0/MIT", true),
        ("GPL-3.0-only or MIT", true),
        ("Apache-2.0 and MIT", false),
        ("Apache-2.0 AND MIT", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("Apache-2.0 OR MIT AND Zlib", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("MIT WITH LLVM-exception", false),
    ] {
        assert_eq!(satisfied(expression, &allowed), met, "{expression}");
    }
}
