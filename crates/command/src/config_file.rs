//! TOML files whose keys are flags, and whose values are the texts that the flags would take.
//!
//! The file's values become the command's defaults. So a flag and a variable take precedence without any code that
//! merges them, and each value goes through the flag's own parser. Nothing here knows any flag by name.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use clap::builder::{OsStr, Resettable};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::reason;

/// The flag that names the file, and is therefore not a key in it.
pub const CONFIG: &str = "config";

/// An error in a file, with its line.
#[derive(Debug)]
pub struct FileError {
    path: String,
    line: Option<usize>,
    key: Option<String>,
    message: String,
}

impl fmt::Display for FileError {
    /// Writes `server.toml:3: log_bytes: what is wrong`.
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

/// Returns the command with the values of the file at `path` as its defaults.
///
/// # Errors
/// The file cannot be read or is not TOML, a key is unknown, or a flag does not take its value.
pub fn apply(command: Command, path: &Path) -> Result<Command, FileError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| FileError {
        path: name.clone(),
        line: None,
        key: None,
        message: format!("cannot read the file of --config: {error}"),
    })?;
    let source = Source { path: &name, text: &text, is_key: is_setting };
    source.apply(command, &source.table()?)
}

impl FileError {
    /// Creates an error at a byte of the file's text.
    pub fn at(path: &str, text: &str, offset: usize, key: Option<&str>, message: String) -> Self {
        let line = text[..offset].matches('\n').count() + 1;
        Self { path: path.to_owned(), line: Some(line), key: key.map(str::to_owned), message }
    }
}

/// A file, and the flags that its keys may name.
#[derive(Clone, Copy)]
pub struct Source<'t> {
    /// The path, for errors.
    pub path: &'t str,
    /// The content.
    pub text: &'t str,
    /// Returns true for a flag that is a key.
    pub is_key: fn(&Arg) -> bool,
}

impl<'t> Source<'t> {
    /// Parses the text as a table.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn table(&self) -> Result<DeTable<'t>, FileError> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let message = error.message().lines().collect::<Vec<_>>().join(" ");
            match error.span() {
                Some(span) => {
                    let key = key_before(self.text, &span);
                    FileError::at(self.path, self.text, span.start, key.as_deref(), message)
                }
                None => FileError { path: self.path.to_owned(), line: None, key: None, message },
            }
        })?;
        Ok(table.into_inner())
    }

    /// Returns the command with the values of a table of this file as its defaults.
    ///
    /// # Errors
    /// A key is unknown, or a flag does not take its value.
    pub fn apply(&self, mut command: Command, table: &DeTable<'_>) -> Result<Command, FileError> {
        for (key, value) in table {
            let complain = |at, message| FileError::at(self.path, self.text, at, Some(key.get_ref().as_ref()), message);
            let at = value.span().start;
            let arg = self
                .option(&command, key.get_ref())
                .ok_or_else(|| complain(key.span().start, format!("unknown key; known are {}", self.keys(&command))))?;
            let values = texts(arg, value).map_err(|message| complain(at, message))?;
            check(&command, arg, &values).map_err(|message| complain(at, message))?;
            let (id, values) = (arg.get_id().clone(), values.into_iter().map(OsStr::from).collect::<Vec<_>>());
            command = command.mut_arg(id, |arg| arg.default_values(values));
        }
        Ok(command)
    }

    /// Returns the flag that a key names.
    fn option<'a>(&self, command: &'a Command, key: &str) -> Option<&'a Arg> {
        command.get_arguments().filter(|arg| (self.is_key)(arg)).find(|arg| key_of(arg).as_deref() == Some(key))
    }

    fn keys(&self, command: &Command) -> String {
        let keys = command.get_arguments().filter(|arg| (self.is_key)(arg)).filter_map(key_of);
        keys.collect::<Vec<_>>().join(", ")
    }
}

/// Returns the key of a flag: its name with underscores.
fn key_of(arg: &Arg) -> Option<String> {
    arg.get_long().map(|long| long.replace('-', "_"))
}

/// Returns true for a key of a configuration file: a flag that also has a variable, except the one that names the file.
fn is_setting(arg: &Arg) -> bool {
    arg.get_long().is_some() && arg.get_env().is_some() && arg.get_id() != CONFIG
}

/// Returns the key of the line that a syntax error is in, if it can be determined.
fn key_before(text: &str, span: &Range<usize>) -> Option<String> {
    let line = text[..span.start].lines().next_back()?;
    let (key, _) = line.split_once('=')?;
    Some(key.trim().to_owned())
}

/// Returns the value in the form that its flag would take: one text, or one per item of a list.
fn texts(arg: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, String> {
    match value.get_ref() {
        DeValue::Boolean(is_set) if is_switch(arg) => Ok(vec![is_set.to_string()]),
        _ if is_switch(arg) => Err("takes true or false".to_owned()),
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

/// Returns true for a flag without a value.
fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), clap::ArgAction::SetTrue)
}

/// Checks the values with the flag's own parser, without any other flag.
fn check(command: &Command, arg: &Arg, values: &[String]) -> Result<(), String> {
    if is_switch(arg) {
        return Ok(());
    }
    if values.len() != 1 && !matches!(arg.get_action(), clap::ArgAction::Append) {
        return Err(format!("takes one value, and here are {}", values.len()));
    }
    let long = arg.get_long().expect("an option has a long name");
    let flags = values.iter().map(|value| format!("--{long}={value}"));
    let alone = command.clone().no_binary_name(true).mut_args(|arg| arg.env(Resettable::Reset));
    match alone.try_get_matches_from(flags) {
        Ok(_) => Ok(()),
        // The flags that it requires or excludes come from elsewhere.
        Err(error) if matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict) => {
            Ok(())
        }
        Err(error) => Err(reason(&error)),
    }
}
