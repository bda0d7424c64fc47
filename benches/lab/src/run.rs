//! `corecast-bench run`: load against any running server.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use corecast_command::counted;
use corecast_loadgen::{Curve, Error, Load, Popularity, Protocol, Ramp, RampPlan, Rates, Scenario, Settings, measure};

use crate::interrupt::Interrupt;
use crate::live::Live;
use corecast_command::SetupError;
use corecast_command::cpus::{self, CpuRange};
use corecast_command::period::Period;
use corecast_command::{OutputFile, print};

/// The flags of `corecast-bench run`. The scenario or the default supplies every value that is not given.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("load").args(["rate", "closed_loop"]))]
pub(crate) struct Arguments {
    /// Address of the server: HOST:PORT.
    #[arg(long, value_name = "ADDRESS", value_parser = resolve, default_value = "127.0.0.1:7070")]
    address: SocketAddr,

    /// The protocol of the server: plain, native, redis or nats.
    ///
    /// In plain every connection gets everything: what the publishers receive is verified too and counts
    /// as work of the server, but not in deliveries a second, nor in latency.
    #[arg(long, value_name = "PROTOCOL", default_value_t = Protocol::Native)]
    protocol: Protocol,

    /// A named load, or a file that describes one; other flags override what it says.
    ///
    /// 'corecast-bench scenarios' prints the names, and the files as models for others. 'curve' runs one rate after the other
    /// and takes about 20 s.
    #[arg(long, value_name = "NAME_OR_FILE")]
    scenario: Option<String>,

    /// Connections that receive [default: 100]
    #[arg(long, value_name = "COUNT")]
    subscribers: Option<usize>,

    /// Channels that each of them subscribes to, round robin [default: 1]
    #[arg(long, value_name = "COUNT")]
    subscriptions: Option<usize>,

    /// Connections that send, in addition to the subscribers [default: 8]
    #[arg(long, value_name = "COUNT")]
    publishers: Option<usize>,

    /// Channels; each publisher sends to them round robin, or as --zipf says [default: 1]
    #[arg(long, value_name = "COUNT")]
    channels: Option<usize>,

    /// Zipf exponent: channel k receives traffic proportional to 1/k^EXPONENT.
    #[arg(long, value_name = "EXPONENT")]
    zipf: Option<f64>,

    /// Seed of the order of channels for --zipf [default: 0]
    #[arg(long, value_name = "NUMBER", requires = "zipf")]
    seed: Option<u64>,

    /// The prefix of the channel names; a number follows it [default: generated for each run]
    ///
    /// A generated prefix cannot be guessed. It keeps the messages of other publishers off these channels.
    #[arg(long, value_name = "TEXT")]
    channel_prefix: Option<String>,

    /// Bytes of each payload, at least 32: the header that makes it verifiable [default: 64]
    #[arg(long, value_name = "BYTES")]
    payload: Option<usize>,

    /// Open loop: messages a second, all publishers together, evenly spaced [default: 100]
    ///
    /// A message is sent when it is due, whatever the server does, and its latency counts from then: a
    /// stall counts against every message it delays.
    #[arg(long, value_name = "MESSAGES")]
    rate: Option<u64>,

    /// Closed loop: messages that are always in flight, all publishers together.
    ///
    /// Each publisher has one credit subscriber on each channel and sends the next message when that subscriber has
    /// received one of its. This finds the greatest rate; the latency is that of a full pipe.
    #[arg(long, value_name = "IN_FLIGHT")]
    closed_loop: Option<usize>,

    /// Load before the measured window [default: 1s]
    #[arg(long, value_name = "TIME")]
    warmup: Option<Period>,

    /// The measured window [default: 5s]
    #[arg(long, value_name = "TIME")]
    duration: Option<Period>,

    /// One step of the timeline in the JSON [default: 1s]
    #[arg(long, value_name = "TIME")]
    interval: Option<Period>,

    /// The maximum wait after the window for deliveries in flight; those that have not come then are lost [default: 5s]
    #[arg(long, value_name = "TIME")]
    drain_timeout: Option<Period>,

    /// The maximum time for all connections together to open and subscribe [default: 30s]
    #[arg(long, value_name = "TIME")]
    connect_timeout: Option<Period>,

    /// The server's process on this machine, whose CPU time and memory to report.
    #[arg(long, value_name = "PID", value_parser = process)]
    server_pid: Option<u32>,

    /// The server's --admin-socket, to report how it divides connections and deliveries among its shards.
    #[arg(long, value_name = "FILE")]
    admin_socket: Option<PathBuf>,

    /// Report memory per connection; only valid for a freshly started server.
    ///
    /// A server that had connections before may take new ones into memory that it has kept from those.
    #[arg(long, requires = "server_pid")]
    fresh_server: bool,

    /// CPUs for the load's one thread, such as 1 or 2-3: none that the server uses [default: any]
    #[arg(long, value_name = "CPUS", value_delimiter = ',')]
    cpus: Vec<CpuRange>,

    /// Print the report as one JSON document.
    #[arg(long)]
    json: bool,

    /// Write the distribution of the latency to this file, for HdrHistogram's plotter; in milliseconds.
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,
}

/// Runs the load and prints the outcome. Succeeds if every check held and the figures are valid.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (json, hgrm) = (arguments.json, arguments.hgrm.clone());
    let (settings, steps) = arguments.load()?;
    let interrupt = Interrupt::watch()?;
    let live = Live::on_terminal();
    let passed = match steps {
        Steps::Ramp(_) | Steps::Curve(_) if hgrm.is_some() => {
            let reason = "--hgrm: a ramp or a curve has a distribution for each of its steps";
            return Err(SetupError(reason.to_owned()).into());
        }
        Steps::Ramp(plan) => run_ramp(&settings, plan, live.as_ref(), json),
        Steps::Curve(rates) => run_curve(&settings, rates, live.as_ref(), json),
        Steps::One => run_once(&settings, live.as_ref(), json, hgrm.as_deref()),
    };
    interrupt.exit_code_of(passed)
}

/// The runs and their loads.
enum Steps {
    /// One run, of the settings' load.
    One,
    /// Rising rates until one does not hold.
    Ramp(RampPlan),
    /// One run for each rate.
    Curve(Rates),
}

fn run_once(settings: &Settings, live: Option<&Live>, json: bool, hgrm: Option<&Path>) -> anyhow::Result<bool> {
    let hgrm = hgrm.map(OutputFile::open).transpose()?;
    let outcome = measure(settings, live.map(|live| |progress| live.show(&progress)));
    live.inspect(|live| live.clear());
    let measurement = outcome.map_err(explain)?;
    let report = &measurement.report;
    if let Some(file) = hgrm {
        file.write(&measurement.latency.to_string())?;
    }
    print(&if json { serde_json::to_string_pretty(report)? + "\n" } else { report.to_string() })?;
    Ok(report.passed() && report.validity.valid)
}

fn run_ramp(settings: &Settings, plan: RampPlan, live: Option<&Live>, json: bool) -> anyhow::Result<bool> {
    let on_step = |step, rate| {
        live.inspect(|live| live.head(&format!("step {step}: {} a second", counted(rate, "message"))));
    };
    let outcome = Ramp::run(settings, plan, on_step, live.map(|live| |progress| live.show(&progress)));
    live.inspect(|live| live.clear());
    let ramp = outcome.map_err(explain)?;
    print(&if json { serde_json::to_string_pretty(&ramp)? + "\n" } else { ramp.to_string() })?;
    Ok(ramp.passed())
}

fn run_curve(settings: &Settings, rates: Rates, live: Option<&Live>, json: bool) -> anyhow::Result<bool> {
    let on_step = |step, load: Load| {
        live.inspect(|live| live.head(&format!("step {step}: {load}")));
    };
    let outcome = Curve::run(settings, rates, on_step, live.map(|live| |progress| live.show(&progress)));
    live.inspect(|live| live.clear());
    let curve = outcome.map_err(explain)?;
    print(&if json { serde_json::to_string_pretty(&curve)? + "\n" } else { curve.to_string() })?;
    Ok(curve.passed())
}

impl Arguments {
    /// Returns the settings and the steps, which are those of a ramp or a curve if no flag replaces its rates.
    fn load(self) -> anyhow::Result<(Settings, Steps)> {
        let scenario = self.scenario.as_deref().map(Scenario::find).transpose().map_err(explain)?.unwrap_or_default();
        let mut settings = Settings::new(self.address, self.protocol, Load::Paced { rate: 100 });
        scenario.apply(&mut settings);
        let replaced = self.rate.is_some() || self.closed_loop.is_some();
        self.override_counts(&mut settings);
        self.override_times(&mut settings);
        (settings.server_pid, settings.fresh_server) = (self.server_pid, self.fresh_server);
        settings.admin_socket = self.admin_socket;
        settings.cpus = generator_cpus(&self.cpus)?;
        scenario.disturb(&mut settings);
        let steps = match (scenario.ramp(), scenario.rates()) {
            _ if replaced => Steps::One,
            (Some(plan), _) => Steps::Ramp(plan),
            (None, Some(rates)) => Steps::Curve(rates.clone()),
            (None, None) => Steps::One,
        };
        Ok((settings, steps))
    }

    fn override_counts(&self, settings: &mut Settings) {
        put(&mut settings.subscribers, self.subscribers);
        put(&mut settings.subscriptions, self.subscriptions);
        put(&mut settings.publishers, self.publishers);
        put(&mut settings.channels, self.channels);
        put(&mut settings.channel_prefix, self.channel_prefix.clone().map(Some));
        put(&mut settings.payload_bytes, self.payload);
        put(&mut settings.load, self.rate.map(|rate| Load::Paced { rate }));
        put(&mut settings.load, self.closed_loop.map(|in_flight| Load::Saturate { in_flight }));
        let seed = self.seed.unwrap_or_default();
        put(&mut settings.popularity, self.zipf.map(|exponent| Popularity::Zipf { exponent, seed }));
    }

    fn override_times(&self, settings: &mut Settings) {
        let times = [
            (&mut settings.warmup, self.warmup),
            (&mut settings.duration, self.duration),
            (&mut settings.interval, self.interval),
            (&mut settings.drain_timeout, self.drain_timeout),
            (&mut settings.connect_timeout, self.connect_timeout),
        ];
        for (time, flag) in times {
            put(time, flag.map(|period| period.0));
        }
    }
}

/// Replaces a value if another one is given.
pub(crate) fn put<T>(to: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *to = given;
    }
}

/// Returns the CPUs of a list, in its order; none for an empty list.
pub(crate) fn generator_cpus(ranges: &[CpuRange]) -> anyhow::Result<Vec<usize>> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    Ok(cpus::place(ranges, None, &cpus::allowed()?).map_err(SetupError)?)
}

/// Makes an error that the user has to fix a [`SetupError`]: a flag with which the load cannot run, or an unreachable
/// server.
pub(crate) fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::Setting { .. } | Error::Scenario(_) | Error::DescriptorLimit { .. } => {
            SetupError(error.to_string()).into()
        }
        Error::AdminSocket { .. } => SetupError(format!("--admin-socket: {error}")).into(),
        Error::Connect { .. } => SetupError(format!("{error} (--address names another server)")).into(),
        error => error.into(),
    }
}

/// Parses the number of a process of this machine.
pub(crate) fn process(pid: &str) -> Result<u32, String> {
    let is_there = |pid: &u32| Path::new(&format!("/proc/{pid}/stat")).exists();
    pid.parse().ok().filter(is_there).ok_or_else(|| format!("no process '{pid}' is running on this machine"))
}

/// Resolves a name or IP address with a port; the first of several addresses is used.
pub(crate) fn resolve(address: &str) -> Result<SocketAddr, String> {
    let mut resolved = address.to_socket_addrs().map_err(|error| format!("'{address}': {error}"))?;
    resolved.next().ok_or_else(|| format!("'{address}' has no IP address"))
}
