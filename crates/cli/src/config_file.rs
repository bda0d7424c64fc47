//! The configuration file: every key is a flag, every value the text that the flag would take.
//!
//! The file's values become the command's defaults. So a flag and a variable beat it without a line of
//! merging, and each value meets the one parser that the flag has. Nothing here knows any flag by name.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use clap::builder::{OsStr, Resettable};
use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::command_line::reason;

/// The flag that names the file, and so is no key of it.
pub(crate) const CONFIG: &str = "config";

/// What is wrong with a file, and where.
#[derive(Debug)]
pub(crate) struct FileError {
    path: String,
    line: Option<usize>,
    key: Option<String>,
    message: String,
}

impl fmt::Display for FileError {
    /// `server.toml:3: log_bytes: what is wrong`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(formatter, ": {key}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// The command with the values of the file at `path` as its defaults.
///
/// # Errors
/// The file cannot be read or is not TOML, a key is unknown, or a value is not one of its flag.
pub(crate) fn apply(command: Command, path: &Path) -> Result<Command, FileError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| FileError {
        path: name.clone(),
        line: None,
        key: None,
        message: format!("cannot read the file of --config: {error}"),
    })?;
    apply_text(command, &text).map_err(|Complaint { at, key, message }| FileError {
        path: name,
        line: at.map(|offset| text[..offset].matches('\n').count() + 1),
        key,
        message,
    })
}

/// What is wrong at a byte of the text.
struct Complaint {
    at: Option<usize>,
    key: Option<String>,
    message: String,
}

fn apply_text(mut command: Command, text: &str) -> Result<Command, Complaint> {
    let table = DeTable::parse(text).map_err(|error| Complaint {
        at: error.span().map(|span| span.start),
        key: error.span().and_then(|span| key_before(text, &span)),
        message: error.message().lines().collect::<Vec<_>>().join(" "),
    })?;
    for (key, value) in table.get_ref() {
        let at = value.span().start;
        let complain = |at, message| Complaint { at: Some(at), key: Some(key.get_ref().to_string()), message };
        let arg = option(&command, key.get_ref())
            .ok_or_else(|| complain(key.span().start, format!("unknown key; known are {}", keys(&command))))?;
        let values = texts(value).map_err(|message| complain(at, message))?;
        check(arg, &values).map_err(|message| complain(at, message))?;
        let values: Vec<OsStr> = values.into_iter().map(OsStr::from).collect();
        command = command.mut_arg(key.get_ref(), |arg| arg.default_values(values));
    }
    Ok(command)
}

/// The key of the line that a syntax error is in, as far as it can be told.
fn key_before(text: &str, span: &Range<usize>) -> Option<String> {
    let line = text[..span.start].lines().next_back()?;
    let (key, _) = line.split_once('=')?;
    Some(key.trim().to_owned())
}

/// The flag behind a key: one that takes a value and is not the file itself.
fn option<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    options(command).find(|arg| arg.get_id() == key)
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.get_long().is_some() && arg.get_env().is_some() && arg.get_id() != CONFIG)
}

fn keys(command: &Command) -> String {
    options(command).map(|arg| arg.get_id().as_str()).collect::<Vec<_>>().join(", ")
}

/// The value as its flag would be written: one text, or one per item of a list.
fn texts(value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, String> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(text).collect(),
        _ => Ok(vec![text(value)?]),
    }
}

fn text(value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        other => {
            Err(format!("a {} stands where a text, a decimal whole number or a list of them belongs", other.type_str()))
        }
    }
}

/// Lets the flag's own parser look at the values, alone.
fn check(arg: &Arg, values: &[String]) -> Result<(), String> {
    if values.len() != 1 && !matches!(arg.get_action(), clap::ArgAction::Append) {
        return Err(format!("takes one value, and here are {}", values.len()));
    }
    let long = arg.get_long().expect("an option has a long name");
    let flags = values.iter().map(|value| format!("--{long}={value}"));
    Command::new("file")
        .no_binary_name(true)
        .arg(arg.clone().env(Resettable::Reset))
        .try_get_matches_from(flags)
        .map(|_| ())
        .map_err(|error| reason(&error))
}
