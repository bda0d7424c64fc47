//! Parsing of arguments, variables and the file into flags. An error is one line.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{fmt, io};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, Parser};

use crate::config_file::{self, CONFIG};
use crate::failure::failed;
use crate::visible;

/// The exit code if the command line, the configuration or the start cannot work.
pub const EXIT_SETUP: u8 = 2;

/// An error that the user has to fix before there is anything to run. It ends the process with [`EXIT_SETUP`].
#[derive(Debug)]
pub struct SetupError(pub String);

impl fmt::Display for SetupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SetupError {}

/// The reason why there are no parsed flags.
#[derive(Debug)]
pub enum NotParsed {
    /// Help or version was asked for and printed.
    Answered(ExitCode),
    /// The arguments, a variable or the file are wrong.
    Wrong(SetupError),
}

/// Parses the arguments. A flag takes precedence over its variable, which takes precedence over the file, which takes
/// precedence over the default.
///
/// # Errors
/// There is nothing to run; see [`NotParsed`].
pub fn parse<P: Parser>(arguments: &[OsString]) -> Result<P, NotParsed> {
    parse_with_defaults(arguments, Ok)
}

/// Does what [`parse`] does, for a command whose defaults `change` has replaced.
///
/// # Errors
/// The same as those of [`parse`], and the error of `change`.
pub fn parse_with_defaults<P: Parser>(
    arguments: &[OsString],
    change: impl FnOnce(Command) -> Result<Command, SetupError>,
) -> Result<P, NotParsed> {
    let command = change(P::command()).map_err(NotParsed::Wrong)?;
    let explain = |error: clap::Error| explain(&error, &command, arguments);
    let mut matches = command.clone().try_get_matches_from(arguments).map_err(explain)?;
    if let Some((name, path)) = configuration(&matches) {
        let name = name.to_owned();
        let mut applied = Ok(());
        let command = command.clone().mut_subcommand(&name, |subcommand| {
            config_file::apply(subcommand.clone(), &path).unwrap_or_else(|error| {
                applied = Err(error);
                subcommand
            })
        });
        applied.map_err(|error| NotParsed::Wrong(SetupError(error.to_string())))?;
        matches = command.try_get_matches_from(arguments).map_err(explain)?;
    }
    P::from_arg_matches(&matches).map_err(explain)
}

/// Returns the subcommand with a configuration file, and the file.
fn configuration(matches: &ArgMatches) -> Option<(&str, PathBuf)> {
    let (name, matches) = matches.subcommand()?;
    let path = matches.try_get_one::<PathBuf>(CONFIG).ok()??;
    Some((name, path.clone()))
}

fn explain(error: &clap::Error, command: &Command, arguments: &[OsString]) -> NotParsed {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // If the reader of the help has gone, as in `--help | head`, nothing is left to do.
            match error.print() {
                Err(failure) if failure.kind() != io::ErrorKind::BrokenPipe => {
                    let failure = anyhow::Error::new(failure).context("cannot write to standard output");
                    NotParsed::Answered(failed(command.get_name(), &failure))
                }
                _ => NotParsed::Answered(ExitCode::SUCCESS),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            NotParsed::Answered(ExitCode::from(EXIT_SETUP))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            NotParsed::Wrong(SetupError(format!("{}: {}", origin(error, command, arguments), reason(error))))
        }
        _ => NotParsed::Wrong(SetupError(format!("{}; see --help", in_short(error)))),
    }
}

/// Returns the origin of a bad value: its flag, or the variable if the flag is not on the command line.
fn origin(error: &clap::Error, command: &Command, arguments: &[OsString]) -> String {
    let Some(ContextValue::String(usage)) = error.get(ContextKind::InvalidArg) else {
        return "the command line".into();
    };
    let flag = usage.split(' ').next().unwrap_or(usage);
    let given = arguments.iter().filter_map(|argument| argument.to_str());
    if given.into_iter().any(|argument| argument.split('=').next() == Some(flag)) {
        return flag.to_owned();
    }
    let mut flags = command.get_subcommands().flat_map(Command::get_arguments);
    let same = flags.find(|arg| arg.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long)));
    match same.and_then(clap::Arg::get_env) {
        Some(variable) => variable.to_string_lossy().into_owned(),
        None => flag.to_owned(),
    }
}

/// Returns the reason why a value is bad, without its flag: the parser's own words, or the possible values.
pub fn reason(error: &clap::Error) -> String {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    if let Some(ContextValue::Strings(known)) = error.get(ContextKind::ValidValue)
        && !known.is_empty()
    {
        return format!("unknown value '{value}'; expected one of {}", known.join(", "));
    }
    match error.source() {
        Some(source) => {
            let words = source.to_string();
            if words.contains(&format!("'{value}'")) { words } else { format!("'{value}': {words}") }
        }
        None => in_short(error),
    }
}

/// Returns the message and the tip of clap, without its usage and colours, on one line.
pub fn in_short(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let (said, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let tips = rest.split("\n\n").filter(|paragraph| paragraph.trim_start().starts_with("tip: "));
    let paragraphs: Vec<String> = std::iter::once(said).chain(tips).map(one_line).collect();
    let line = paragraphs.join("; ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// Joins the lines of a text without their indentation, and escapes what a terminal would obey. Parts of the text may
/// come from a server, a file or a peer.
pub fn one_line(text: &str) -> String {
    visible(&text.lines().map(str::trim).collect::<Vec<_>>().join(" ")).into_owned()
}
