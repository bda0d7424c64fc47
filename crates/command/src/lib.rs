//! The parts that Corecast's command-line programs share.
//!
//! [`parse`] is the entry point; a program calls it first. The crate owns the parsing of arguments, the report of their
//! errors ([`SetupError`]), the failure of a program ([`failed`]), the output to standard output and files ([`print()`],
//! [`OutputFile`]), and the display of sizes, times, CPU lists, figures and untrusted text.
//!
//! ```
//! use std::ffi::OsString;
//!
//! use clap::Parser;
//! use corecast_command::period::Period;
//! use corecast_command::{NotParsed, parse};
//!
//! #[derive(Parser)]
//! struct CommandLine {
//!     #[arg(long)]
//!     timeout: Period,
//! }
//!
//! let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
//! let Ok(line) = parse::<CommandLine>(&arguments("wait --timeout 5s")) else { unreachable!() };
//! assert_eq!(line.timeout.to_string(), "5s");
//! let Err(NotParsed::Wrong(error)) = parse::<CommandLine>(&arguments("wait --timeout 5")) else { unreachable!() };
//! assert_eq!(error.to_string(), "--timeout: invalid time '5'; write a whole number with us, ms or s");
//! ```
//!
//! Invariants: an error is one line. Untrusted text cannot move a terminal's cursor or forge a line. A reader that closes standard
//! output is not an error.
//!
//! Absent here: the flags of any program, and everything that a program without a command line would need.
#![forbid(unsafe_code)]

mod command_line;
pub mod config_file;
pub mod cpus;
mod failure;
pub mod figures;
mod output;
mod output_file;
pub mod period;
mod printable;
pub mod size;
mod values;
mod version;
mod visible;

pub use command_line::{EXIT_SETUP, NotParsed, SetupError, in_short, one_line, parse, parse_with_defaults, reason};
pub use failure::{failed, run_program, say};
pub use figures::counted;
pub use output::{Stdout, complain, print, write_by, write_fully};
pub use output_file::OutputFile;
pub use printable::{MAX_TEXT, printable, printable_json, printable_message};
pub use values::{count, one_of, whole};
pub use version::VERSION;
pub use visible::{is_hidden, visible};
