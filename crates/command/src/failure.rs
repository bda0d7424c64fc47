//! The end of a program that fails: one line on standard error, and an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::{EXIT_SETUP, NotParsed, SetupError, complain, one_line, parse, printable};

/// The maximum length of an error message in characters.
const MAX_ERROR: usize = 4096;

/// Runs a program with its command line, and with the arguments as they were given; an error is reported as [`failed`] does.
pub fn run_program<P: Parser>(
    program: &str,
    body: impl FnOnce(P, &[OsString]) -> anyhow::Result<ExitCode>,
) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match parse(&arguments) {
        Ok(line) => body(line, &arguments).unwrap_or_else(|error| failed(program, &error)),
        Err(NotParsed::Answered(code)) => code,
        Err(NotParsed::Wrong(error)) => failed(program, &error.into()),
    }
}

/// Prints an error as [`say`] does. The exit code is 2 for a [`SetupError`] and 1 for any other error.
pub fn failed(program: &str, error: &anyhow::Error) -> ExitCode {
    say(program, error);
    if error.is::<SetupError>() { ExitCode::from(EXIT_SETUP) } else { ExitCode::FAILURE }
}

/// Prints an error with its causes on one line of standard error, after the name of the program.
pub fn say(program: &str, error: &anyhow::Error) {
    complain(&format!("{program}: {}\n", printable(&one_line(&with_causes(error)), MAX_ERROR)));
}

/// Formats an error with its causes, except those that its text already ends with.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_cause_is_named_once() {
        let error = anyhow!("No such file").context("a.json: No such file").context("cannot compare");
        assert_eq!(with_causes(&error), "cannot compare: a.json: No such file");
    }
}
