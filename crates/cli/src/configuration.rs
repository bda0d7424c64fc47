//! The reference in `docs/CONFIGURATION.md`, generated from the definitions of the flags, and the test that compares
//! the page with them. `make configuration` writes it.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use clap::{Arg, Args as _, Command};

use crate::settings::Settings;

const BEGIN: &str = "<!-- The settings below are generated from the flags: make configuration -->\n";
const END: &str = "<!-- End of the generated settings -->\n";

/// The variable that makes the test write the page instead of comparing it.
const WRITE: &str = "WRITE_CONFIGURATION";

/// Formats all settings as Markdown, by heading.
fn reference() -> String {
    let mut command = Settings::augment_args(Command::new("serve"));
    command.build();
    let settings: Vec<&Arg> = command.get_arguments().filter(|arg| arg.get_env().is_some()).collect();
    let mut headings = Vec::new();
    for setting in &settings {
        if !headings.contains(&heading(setting)) {
            headings.push(heading(setting));
        }
    }
    let mut page = String::new();
    for name in headings {
        write!(page, "\n## {name}\n").expect("a string takes everything");
        for setting in settings.iter().filter(|setting| heading(setting) == name) {
            page.push_str(&section(setting));
        }
    }
    page
}

fn heading(setting: &Arg) -> &str {
    setting.get_help_heading().unwrap_or("Configuration file")
}

/// Formats one setting: its flag, its help and its values.
fn section(setting: &Arg) -> String {
    let long = setting.get_long().expect("every setting is a flag");
    let values = setting.get_value_names().into_iter().flatten().map(|name| format!("<{name}>"));
    let help = setting.get_help().expect("every setting has help").to_string();
    let help = help.trim_end_matches('.');
    let long_help = setting.get_long_help().map(ToString::to_string).unwrap_or_default();
    let details = long_help.split_once("\n\n").map(|(_, details)| details).unwrap_or_default();
    let values: String = values.collect();
    let mut section = format!("\n### `--{long} {values}`\n\n{}.\n", escape(help));
    if !details.is_empty() {
        write!(section, "\n{}\n", escape(details)).expect("a string takes everything");
    }
    let mut facts = Vec::new();
    let possible: Vec<_> =
        setting.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !possible.is_empty() {
        facts.push(format!("Values: {}.", possible.join(", ")));
    }
    let defaults: Vec<_> = setting.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() {
        facts.push(format!("Default: `{}`.", defaults.join(",")));
    }
    let variable = setting.get_env().expect("every setting has a variable").to_string_lossy();
    facts.push(format!("Variable: `{variable}`."));
    if setting.get_id() != "config" {
        facts.push(format!("Key: `{}`.", setting.get_id()));
    }
    write!(section, "\n{}\n", facts.join(" ")).expect("a string takes everything");
    section
}

/// Escapes text so that Markdown shows it unchanged.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*").replace('<', "\\<").replace('[', "\\[")
}

#[test]
fn the_page_has_every_setting_as_the_flags_define_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIGURATION.md");
    let page = fs::read_to_string(&path).expect("docs/CONFIGURATION.md can be read");
    let begin = page.find(BEGIN).expect("the page has the begin of the generated part") + BEGIN.len();
    let end = page.find(END).expect("the page has the end of the generated part");
    let expected = format!("{}{}\n{}", &page[..begin], reference(), &page[end..]);
    if env::var_os(WRITE).is_some() {
        fs::write(&path, expected).expect("docs/CONFIGURATION.md can be written");
    } else {
        assert!(page == expected, "docs/CONFIGURATION.md differs from the flags: run 'make configuration'");
    }
}
