//! The `corecast` binary: arguments in, an exit code out.
//!
//! This crate owns the command line, the configuration file, the log and the exit codes: 0 for a clean end, 2 for a
//! problem that the user has to fix first (flags, configuration, start, an unreachable server), 1 for anything else. An
//! error is one line on standard error.
//!
//! Absent here: everything that a program without a command line would need. The library crates have that.
#![forbid(unsafe_code)]

mod admin;
mod base64;
#[cfg(all(test, feature = "baselines"))]
mod configuration;
mod connection;
mod contradictions;
mod doctor;
mod ending;
mod journal;
mod listen;
mod logging;
mod policy;
mod publish;
mod serve;
mod settings;
mod signals;
mod subscribe;
mod tuning;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use corecast_command::{VERSION, run_program};

/// The name of this program in its error messages.
const PROGRAM: &str = "corecast";

/// A thread-per-core broadcast server: publishers send messages to channels, and every subscriber of a
/// channel gets every message, at once and in order, or is told exactly what it missed.
#[derive(Parser)]
#[command(name = "corecast", version = VERSION.as_str(), max_term_width = 110, after_help = EXIT_CODES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a server until SIGTERM or SIGINT
    #[command(after_long_help = SERVE_HELP)]
    Serve(Box<serve::Arguments>),
    /// Publish lines of standard input to a channel
    #[command(name = "pub", after_long_help = PUB_HELP)]
    Publish(publish::Arguments),
    /// Print the messages of channels to standard output
    #[command(name = "sub", after_long_help = SUB_HELP)]
    Subscribe(subscribe::Arguments),
    /// Show and close connections of a running server, or end it
    #[command(after_long_help = ADMIN_HELP)]
    Admin(admin::Arguments),
    /// Examine the host settings that a server depends on
    #[command(after_long_help = DOCTOR_HELP)]
    Doctor(doctor::Arguments),
}

const EXIT_CODES: &str = "\
Exit codes: 0 a clean end; 2 a problem to fix first (flags, configuration, start, an unreachable server); \
1 anything else.";

const SERVE_HELP: &str = "\
When ready, one line per listener goes to standard output, such as

    listening native 127.0.0.1:7070

and the log goes to standard error. SIGTERM and SIGINT end the server cleanly, with exit code 0. \
A second one ends it at once. \
SIGUSR1 writes the journal: a JSON object for each of the connections that ended last, with the reason. SIGHUP and \
SIGUSR2 are logged and otherwise ignored: settings are read at the start, and the journal file is opened for each \
SIGUSR1, so there is nothing to reload or reopen. SIGPIPE is ignored. All other signals keep their default action; \
SIGQUIT and SIGALRM, for example, kill the server without notice to its clients.

A blocked standard error never blocks the server. Log lines are dropped instead, and the log and \
'corecast admin status' report how many.

Every flag can also be a variable (CORECAST_SHARDS=2) and, but for --config, a key of the configuration \
file (shards = 2). A flag beats its variable, a variable the file, the file the default. Sizes are bytes, \
or carry a unit: 65536, 64KiB, 1MiB, 1GiB. Times carry a unit: 500ms, 5s.

Examples:
    corecast serve
    corecast serve --listen native://0.0.0.0:7070 --listen plain://0.0.0.0:7000/lobby
    corecast serve --cpus 2-3 --log-format json
    CORECAST_LOG_BYTES=16MiB corecast serve --config corecast.toml

A configuration file:
    listen = [\"native://0.0.0.0:7070\", \"plain://0.0.0.0:7000/lobby\"]
    cpus = \"0,2-3\"
    log_bytes = \"16MiB\"
    lag = \"disconnect\"";

const PUB_HELP: &str = "\
A message is a line without its line feed; an empty line is an empty message. The bytes need not be \
UTF-8. A message that contains a line feed cannot come from standard input; give it with --message.

The exit code is 0 once the server has accepted everything. The total time is not limited, as long as the server takes \
or acknowledges something within every --timeout. Otherwise the exit code is 1, and one line on standard error says \
how many messages the server is known to have accepted.

With --reconnect the end of a connection, or a server that takes and acknowledges nothing for --timeout, is a line on \
standard error with the reason and the delay before the next attempt; 'connected again' follows. Each message has one of \
three fates:

    held              it was not sent, or not as a whole: it is sent over the next connection
    acknowledged      the server has accepted it: it is never sent again
    unacknowledged    it may have been accepted: it is counted, or sent again with --resend

Messages keep their order. If the input ends while there is no connection, and nothing is held or to be sent again, \
'corecast pub' ends without connecting again.

Examples:
    echo hello | corecast pub lobby
    corecast pub lobby --message 'two words' --message more --ack
    tail -F app.log | corecast pub --address 10.0.0.1:7070 logs
    tail -F app.log | corecast pub --reconnect --resend --ack logs";

const SUB_HELP: &str = "\
Each message is written unchanged, followed by a line feed. On a terminal, control characters other than line \
feeds and tabs are escaped. A message that contains a line feed takes several lines. With --json a message is always \
one line, an object of one of the forms

    {\"channel\":\"lobby\",\"payload\":\"text\"}
    {\"channel\":\"lobby\",\"payload_base64\":\"/wA=\"}     a payload that is not UTF-8
    {\"channel\":\"lobby\",\"gap\":3}                     messages that this subscriber missed

Without --json, a gap is a line on standard error. 'subscribed CHANNEL' on standard error says that every \
message published from then on will come. The exit code is 0 after --count messages, or as soon as \
the reader of the output is gone, even if no message arrives. It is 1 when the server ends the connection: one line on \
standard error then gives the reason and, if the server suggests one, the delay before connecting again.

Examples:
    corecast sub lobby
    corecast sub --json --count 10 lobby logs
    corecast sub --lag disconnect lobby";

const ADMIN_HELP: &str = "\
The server must have been started with --admin-socket. Scripts can use the socket directly: a line of \
JSON each way, such as \"status\" or {\"close\":{\"connection\":\"0/12.3\",\"reason\":\"text\",\"reset\":false}}; \
one request per connection, of at most 4096 bytes, within 5 s. A refused request is answered with \
{\"error\":\"reason\"}. The request \"log\" returns the number of dropped log lines. Control characters in the output are \
escaped. The exit code is 1 if a connection to close does not exist or is already ending.

Examples:
    corecast serve --admin-socket /run/corecast/admin.sock
    corecast admin --socket /run/corecast/admin.sock status
    corecast admin --socket /run/corecast/admin.sock connections --json
    corecast admin --socket /run/corecast/admin.sock close 0/12.3 --reason 'for maintenance'";

const DOCTOR_HELP: &str = "\
Each line is ok, a warning (a server runs, but not as well as it could) or an error (it does not run), with \
why it matters and the command that fixes it. Run it as the user, in the container and with the limits that the \
server will have. Exit code 1 if there is an error.

Examples:
    corecast doctor
    corecast doctor --cpus 2-5 --connections 100000 --json";

fn main() -> ExitCode {
    run_program(PROGRAM, |CommandLine { command }, _| match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Subscribe(arguments) => subscribe::run(&arguments),
        Command::Admin(arguments) => admin::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    })
}
