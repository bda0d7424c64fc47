//! The `corecast-bench` binary: load on broadcast servers, comparisons of them, and reports of the results.
//!
//! This crate owns the command line, the search for the server's binary, the suites and the exit codes: 0 if every
//! check held and the figures are valid, 1 if not, 2 for a problem that the user has to fix first. An error is one line
//! on standard error.
//!
//! Absent here: the server, which is started as a process; the load (`corecast-loadgen`); the verdicts, tables and
//! pages (`corecast-report`).
#![forbid(unsafe_code)]

mod compare;
mod interrupt;
mod live;
mod program;
mod report;
mod run;
mod scenarios;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use corecast_command::{VERSION, run_program};

/// The name of this program in its error messages.
const PROGRAM: &str = "corecast-bench";

/// Load, comparisons and reports for broadcast servers: every delivery is verified, and latency counts from the time at
/// which a message was due.
#[derive(Parser)]
#[command(name = "corecast-bench", version = VERSION.as_str(), max_term_width = 110, after_help = EXIT_CODES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put load on a running server and measure it
    #[command(after_long_help = RUN_HELP)]
    Run(Box<run::Arguments>),
    /// Measure policies, settings, binaries and other servers against each other on this machine
    #[command(after_long_help = COMPARE_HELP)]
    Compare(Box<compare::Arguments>),
    /// Show result files as text or as an HTML page
    #[command(after_long_help = REPORT_HELP)]
    Report(report::Arguments),
    /// List the built-in scenarios, or print one
    #[command(after_long_help = SCENARIOS_HELP)]
    Scenarios(scenarios::Arguments),
}

const EXIT_CODES: &str = "\
Exit codes: 0 every check held and the figures are valid; 2 a problem to fix first (flags, files, an unreachable server); \
1 anything else.";

const RUN_HELP: &str = "\
Exit codes: 0 every check held and the figures are valid; 1 otherwise; 2 a problem to fix first, such as a flag or \
an unreachable server; 128 plus the number of the signal, such as 130 for Ctrl-C, if a signal ended the load early: the \
report then covers the time until the signal, and is INVALID. A second signal ends the process at once.

Examples:
    corecast-bench run
    corecast-bench run --scenario paced --json > paced.json
    corecast-bench run --address 10.0.0.1:6379 --protocol redis --rate 1000";

const COMPARE_HELP: &str = "\
Without --a, the policies and peers run in turns, and a table has the medians. With --a and --b, two \
contestants run in rounds A B, B A, A B and so on; each round gives one ratio A ÷ B of each metric. A verdict \
is the median of the ratios with a 95 % interval (percentile bootstrap over the rounds, Efron 1979), which \
needs 6 rounds; an interval that holds 1 shows no difference.

--require compares the median with a bound; the output says whether the interval agrees. Metrics: \
deliveries, p50, p99, p99.9, max, completion-p99, fairness, cpu. Latencies and fairness are compared under --rate, \
deliveries under --closed-loop, CPU time under both, and a requirement holds only if it holds under each, at every rate. \
Fairness is the greatest mean latency of a single subscriber ÷ the median of these means; --require bounds A's own.

'--scenario curve' measures latency at each rate of a list. It takes about 20 s for each contestant and round; \
'corecast-bench report --svg' draws the result.

A SPEC is a policy with flags of serve, or a server that runs: POLICY[,FLAG=VALUE...] or \
NAME=HOST:PORT[,protocol=PROTOCOL][,pid=PID][,admin-socket=FILE].

Exit codes: 0 every check and requirement held, and the figures rest on valid runs; 1 otherwise, or a measurement \
could not be made, which ends the comparison; 2 a problem to fix first, such as a file that cannot be \
written or an unreachable server; 128 plus the number of the signal, such as 130 for Ctrl-C, if a signal ended the \
comparison early: everything measured before the signal is shown and written. A second signal ends the process at once. \
INVALID rounds are left out of tables and verdicts. If less than half of the rounds are left, the exit code is 1, \
unless --keep-invalid includes them.

--suite runs the comparisons of a file. Each writes NAME.json into the directory, and NAME.svg if it has several open-loop \
rates; report.md and report.html show all. A comparison that fails does not end the others. A suite:

    summary = \"two policies\"
    policies = [\"sharded\", \"mutex\"]
    rounds = 6

    [[comparison]]
    scenario = \"paced\"

    [[comparison]]
    name = \"wide\"
    subscribers = 1000
    rate = 100
    closed_loop = 0

Examples:
    corecast-bench compare --rounds 3
    corecast-bench compare --suite benches/suites/policies.toml --out results/today --only paced,saturate
    corecast-bench compare --policies all --rounds 6
    corecast-bench compare --policies mutex,mutex+owner,mutex@1,sharded
    corecast-bench compare --a sharded --b mutex --require 'p99<=0.8' --require 'cpu<=0.9'
    corecast-bench compare --a sharded,flush-pause=0 --b sharded --closed-loop 0
    corecast-bench compare --a sharded --a-bin new/corecast --b sharded --b-bin old/corecast
    corecast-bench compare --a sharded --b redis=127.0.0.1:6379,pid=123
    corecast-bench compare --scenario curve --rounds 6 --peer redis=127.0.0.1:6379,pid=123 --json curve.json
    corecast-bench compare --a sharded --b mutex --scenario curve --require 'p99<=0.8' --require 'fairness<=1.25'
    corecast-bench compare --a sharded --save-baseline before.json
    corecast-bench compare --a sharded --baseline before.json";

const REPORT_HELP: &str = "\
A FILE is the output of 'compare --json', 'compare --save-baseline' or 'run --json'. Runs that are in \
one directory are shown together: the file's name is the contestant, and sharded.1.json, sharded.2.json are \
its rounds.

Results at several open-loop rates are shown in one table of all rates, and in a chart on the page.

Examples:
    corecast-bench report results/today/*.json --html today.html
    corecast-bench report results/today/paced/*.json --reference sharded
    corecast-bench report results/today/ladder.json --markdown
    corecast-bench report curve.json --svg curve.svg";

const SCENARIOS_HELP: &str = "\
A scenario is a TOML file. The printed file of a built-in scenario is a model for others; 'run --scenario FILE' and \
'compare --scenario FILE' read them.

Examples:
    corecast-bench scenarios
    corecast-bench scenarios paced > own.toml
    corecast-bench run --scenario own.toml";

fn main() -> ExitCode {
    run_program(PROGRAM, |CommandLine { command }, arguments| match command {
        Command::Run(arguments) => run::run(*arguments),
        Command::Compare(compared) => compare::run(&compared, arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Scenarios(arguments) => scenarios::run(&arguments),
    })
}
