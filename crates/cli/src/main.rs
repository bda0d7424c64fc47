//! The `corecast` binary: arguments in, an exit code out.
//!
//! Owns the command line, the configuration file, the log and the exit codes: 0 for a clean end, 2 for a
//! problem that the user has to fix first (flags, configuration, start, an unreachable server), 1 for anything else. An
//! error is one line on standard error.
//!
//! Absent here: everything that a program without a command line would need. That is the crates' below.
#![forbid(unsafe_code)]

mod admin;
mod base64;
mod bench;
mod command_line;
mod compare;
mod config_file;
#[cfg(test)]
mod configuration;
mod connection;
mod contradictions;
mod cpus;
mod doctor;
mod ending;
mod interrupt;
mod journal;
mod listen;
mod live;
mod logging;
mod output;
mod period;
mod policy;
mod printable;
mod publish;
mod report;
mod serve;
mod settings;
mod signals;
mod size;
mod subscribe;
mod tuning;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Parser, Subcommand};

use command_line::{EXIT_SETUP, NotParsed, SetupError, one_line};
use output::complain;
use printable::printable;

/// The maximum length of an error message in characters.
const MAX_ERROR: usize = 4096;

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
    /// Put load on a running server and measure it
    #[command(after_long_help = BENCH_HELP)]
    Bench(Box<bench::Arguments>),
    /// Measure policies, settings, binaries and other servers against each other on this machine
    #[command(after_long_help = COMPARE_HELP)]
    Compare(Box<compare::Arguments>),
    /// Show result files as text or as an HTML page
    #[command(after_long_help = REPORT_HELP)]
    Report(report::Arguments),
    /// Examine what of this machine a server depends on
    #[command(after_long_help = DOCTOR_HELP)]
    Doctor(doctor::Arguments),
}

/// The version, with the commit where `CORECAST_COMMIT` named it at build time, as `make build` does.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("CORECAST_COMMIT").filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    }
});

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

Examples:
    echo hello | corecast pub lobby
    corecast pub lobby --message 'two words' --message more --ack
    tail -F app.log | corecast pub --address 10.0.0.1:7070 logs";

const SUB_HELP: &str = "\
Each message is written unchanged, followed by a line feed. On a terminal, control characters other than line \
feeds and tabs are escaped. A message that contains a line feed takes several lines. With --json a message is always \
one line, an object of one of the forms

    {\"channel\":\"lobby\",\"payload\":\"text\"}
    {\"channel\":\"lobby\",\"payload_base64\":\"/wA=\"}     a payload that is not UTF-8
    {\"channel\":\"lobby\",\"gap\":3}                     messages that this subscriber missed

Without --json, a gap is a line on standard error. 'subscribed CHANNEL' on standard error says that every \
message published from then on will come. The exit code is 0 after --count messages, or as soon as \
nobody reads the output any more, even if no message arrives. It is 1 when the server ends the connection: one line on \
standard error then gives the reason and, if the server suggests one, the delay before connecting again.

Examples:
    corecast sub lobby
    corecast sub --json --count 10 lobby logs
    corecast sub --lag disconnect lobby";

const ADMIN_HELP: &str = "\
The server must have been started with --admin-socket. A script may speak to the socket by itself: a line of \
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
why it matters and the command that mends it. Run it as the user, in the container and with the limits that the \
server will have. Exit code 1 if there is an error.

Examples:
    corecast doctor
    corecast doctor --cpus 2-5 --connections 100000 --json";

const BENCH_HELP: &str = "\
Exit codes: 0 every check held and the figures are valid; 1 otherwise; 2 a problem to fix first, such as a flag or \
an unreachable server; 128 plus the number of the signal, such as 130 for Ctrl-C, if a signal ended the load early: the \
report then covers the time until the signal, and is INVALID. A second signal ends the process at once.

Examples:
    corecast bench
    corecast bench --scenario paced --json > paced.json
    corecast bench --address 10.0.0.1:6379 --protocol redis --rate 1000";

const COMPARE_HELP: &str = "\
Without --a, the policies and peers run in turns, and a table has the medians. With --a and --b, two \
contestants run in rounds A B, B A, A B and so on; each round gives one ratio A ÷ B of each metric. A verdict \
is the median of the ratios with a 95 % interval (percentile bootstrap over the rounds, Efron 1979), which \
needs 6 rounds; an interval that holds 1 shows no difference.

--require holds the median against a bound; whether the interval settles it is said beside it. Metrics: \
deliveries, p50, p99, p99.9, max, completion-p99, fairness, cpu. Latencies and fairness are compared under --rate, \
deliveries under --closed-loop, CPU time under both, and a requirement holds only if it holds under each, at every rate. \
Fairness is the greatest mean latency of a single subscriber ÷ the median of these means; --require bounds A's own.

'--scenario curve' measures latency at each rate of a list. It takes about 20 s for each contestant and round; \
'report --svg' draws the result.

A SPEC is a policy with flags of serve, or a server that runs: POLICY[,FLAG=VALUE...] or \
NAME=HOST:PORT[,protocol=PROTOCOL][,pid=PID][,admin-socket=FILE].

Exit codes: 0 every check and requirement held, and the figures rest on valid runs; 1 otherwise, or a measurement \
could not be made, which ends the comparison; 2 a problem to fix first, such as a file that cannot be \
written or an unreachable server; 128 plus the number of the signal, such as 130 for Ctrl-C, if a signal ended the \
comparison early: everything measured before the signal is shown and written. A second signal ends the process at once. \
INVALID rounds are left out of tables and verdicts. If less than half of the rounds are left, the exit code is 1, \
unless --keep-invalid includes them.

Examples:
    corecast compare --rounds 3
    corecast compare --policies all --rounds 6
    corecast compare --policies mutex,mutex+owner,mutex@1,sharded
    corecast compare --a sharded --b mutex --require 'p99<=0.8' --require 'cpu<=0.9'
    corecast compare --a sharded,flush-pause=0 --b sharded --closed-loop 0
    corecast compare --a sharded --a-bin new/corecast --b sharded --b-bin old/corecast
    corecast compare --a sharded --b redis=127.0.0.1:6379,pid=123
    corecast compare --scenario curve --rounds 6 --peer redis=127.0.0.1:6379,pid=123 --json curve.json
    corecast compare --a sharded --b mutex --scenario curve --require 'p99<=0.8' --require 'fairness<=1.25'
    corecast compare --a sharded --save-baseline before.json
    corecast compare --a sharded --baseline before.json";

const REPORT_HELP: &str = "\
A FILE is what 'compare --json', 'compare --save-baseline' or 'bench --json' wrote. Runs of bench that lie in \
one directory are shown together: the file's name is the contestant, and sharded.1.json, sharded.2.json are \
its rounds.

Results at several open-loop rates are shown in one table of all rates, and in a chart on the page.

Examples:
    corecast report results/today/*.json --html today.html
    corecast report results/today/paced/*.json --reference sharded
    corecast report results/today/ladder.json --markdown
    corecast report curve.json --svg curve.svg";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let command = match command_line::parse::<CommandLine>(&arguments) {
        Ok(CommandLine { command }) => command,
        Err(NotParsed::Answered(code)) => return code,
        Err(NotParsed::Wrong(error)) => return failed(&error.into()),
    };
    let outcome = match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Publish(arguments) => publish::run(&arguments),
        Command::Subscribe(arguments) => subscribe::run(&arguments),
        Command::Admin(arguments) => admin::run(&arguments),
        Command::Bench(arguments) => bench::run(*arguments),
        Command::Compare(arguments) => compare::run(*arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    };
    outcome.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &anyhow::Error) -> ExitCode {
    say(error);
    if error.is::<SetupError>() { ExitCode::from(EXIT_SETUP) } else { ExitCode::FAILURE }
}

/// Prints the error on one line.
fn say(error: &anyhow::Error) {
    complain(&format!("corecast: {}\n", printable(&one_line(&with_causes(error)), MAX_ERROR)));
}

/// An error with its causes, each that its effect does not name already.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
