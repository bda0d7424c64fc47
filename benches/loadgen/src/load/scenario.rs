//! Named loads: files that describe a run. The built-in ones are compiled in.

use crate::{Disturbance, Error, Load, Popularity, RampPlan, Rates, Settings};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A load as a file describes it. Settings that it leaves out are not changed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// The purpose, in one line.
    pub summary: String,
    subscribers: Option<usize>,
    subscriptions: Option<usize>,
    publishers: Option<usize>,
    channels: Option<usize>,
    channel_prefix: Option<String>,
    payload_bytes: Option<usize>,
    rate: Option<u64>,
    in_flight: Option<usize>,
    warmup_seconds: Option<f64>,
    duration_seconds: Option<f64>,
    interval_seconds: Option<f64>,
    drain_timeout_seconds: Option<f64>,
    connect_timeout_seconds: Option<f64>,
    zipf: Option<Zipf>,
    churn: Option<Churn>,
    stall: Option<Stall>,
    hostile: Option<Hostile>,
    storm: Option<Storm>,
    ramp: Option<RampPlan>,
    curve: Option<Rates>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Zipf {
    exponent: f64,
    #[serde(default)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Churn {
    /// The percentage of the subscribers.
    percent: u8,
    rate: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stall {
    /// The percentage of the subscribers.
    percent: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hostile {
    /// The percentage of the subscribers.
    stall_percent: u8,
    /// The percentage of the subscribers.
    trickle_percent: u8,
    arrivals: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Storm {
    /// The percentage of the window.
    at_percent: u8,
}

/// The built-in scenarios, as name and content.
const BUILTIN: [(&str, &str); 14] = [
    ("light", include_str!("../../../scenarios/light.toml")),
    ("sparse", include_str!("../../../scenarios/sparse.toml")),
    ("paced", include_str!("../../../scenarios/paced.toml")),
    ("overload", include_str!("../../../scenarios/overload.toml")),
    ("saturate", include_str!("../../../scenarios/saturate.toml")),
    ("ramp", include_str!("../../../scenarios/ramp.toml")),
    ("curve", include_str!("../../../scenarios/curve.toml")),
    ("large", include_str!("../../../scenarios/large.toml")),
    ("channels", include_str!("../../../scenarios/channels.toml")),
    ("churn", include_str!("../../../scenarios/churn.toml")),
    ("stall", include_str!("../../../scenarios/stall.toml")),
    ("hostile", include_str!("../../../scenarios/hostile.toml")),
    ("storm", include_str!("../../../scenarios/storm.toml")),
    ("idle", include_str!("../../../scenarios/idle.toml")),
];

/// Returns the built-in scenarios, as name and summary.
///
/// # Panics
/// Never, because a test reads all of them.
pub fn builtin_scenarios() -> impl Iterator<Item = (&'static str, String)> {
    BUILTIN.iter().map(|(name, text)| {
        let scenario = Scenario::parse(name, text).expect("the built-in scenarios are sound");
        (*name, scenario.summary)
    })
}

/// Returns the file of the built-in scenario with this name.
pub fn builtin_scenario(name: &str) -> Option<&'static str> {
    BUILTIN.iter().find(|(builtin, _)| *builtin == name).map(|(_, text)| *text)
}

impl Scenario {
    /// Finds the built-in scenario with this name, or reads the one in the file at this path.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is neither; [`Error::Scenario`] if the file is not a scenario, with file, line and key.
    pub fn find(name_or_path: &str) -> Result<Self, Error> {
        if let Some(text) = builtin_scenario(name_or_path) {
            return Self::parse(name_or_path, text);
        }
        let text = fs::read_to_string(Path::new(name_or_path)).map_err(|error| {
            let names: Vec<&str> = BUILTIN.iter().map(|(name, _)| *name).collect();
            Error::setting("--scenario", format!("{name_or_path}: {error}, and it is not one of {}", names.join(", ")))
        })?;
        Self::parse(name_or_path, &text)
    }

    fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let scenario: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text[..at].matches('\n').count() + 1;
            // The message itself names only an unknown key.
            let key =
                text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map_or("", |(key, _)| key.trim());
            let message = error.message().lines().collect::<Vec<_>>().join(" ");
            let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
            Error::Scenario(format!("{file}:{line}: {key}{message}"))
        })?;
        scenario.check().map_err(|reason| Error::Scenario(format!("{file}: {reason}")))?;
        Ok(scenario)
    }

    /// Checks values that are valid alone but not together.
    fn check(&self) -> Result<(), String> {
        let loads = [self.rate.is_some(), self.in_flight.is_some(), self.ramp.is_some(), self.curve.is_some()];
        if loads.iter().filter(|given| **given).count() > 1 {
            return Err("rate, in_flight, ramp and curve exclude each other".to_owned());
        }
        self.curve.as_ref().map_or(Ok(()), Rates::check)?;
        let disturbances = [self.churn.is_some(), self.stall.is_some(), self.hostile.is_some(), self.storm.is_some()];
        if disturbances.iter().filter(|given| **given).count() > 1 {
            return Err("churn, stall, hostile and storm exclude each other".to_owned());
        }
        let percents = [
            self.churn.map(|churn| churn.percent),
            self.stall.map(|stall| stall.percent),
            self.hostile.map(|hostile| hostile.stall_percent.saturating_add(hostile.trickle_percent)),
            self.storm.map(|storm| storm.at_percent),
        ];
        if percents.iter().flatten().any(|percent| *percent > 99) {
            return Err("a percentage is from 0 to 99".to_owned());
        }
        let times = [
            ("warmup_seconds", self.warmup_seconds),
            ("duration_seconds", self.duration_seconds),
            ("interval_seconds", self.interval_seconds),
            ("drain_timeout_seconds", self.drain_timeout_seconds),
            ("connect_timeout_seconds", self.connect_timeout_seconds),
        ];
        for (key, seconds) in times {
            let most = Settings::MAX_TIME.as_secs_f64();
            if seconds.is_some_and(|seconds| !(0.0..=most).contains(&seconds)) {
                return Err(format!("{key}: 0 to {most} are possible"));
            }
        }
        Ok(())
    }

    /// Applies the scenario to settings. Settings that depend on the final values are applied with
    /// [`Scenario::disturb`].
    pub fn apply(&self, settings: &mut Settings) {
        fn put<T: Clone>(to: &mut T, from: Option<&T>) {
            if let Some(from) = from {
                to.clone_from(from);
            }
        }
        put(&mut settings.subscribers, self.subscribers.as_ref());
        put(&mut settings.subscriptions, self.subscriptions.as_ref());
        put(&mut settings.publishers, self.publishers.as_ref());
        put(&mut settings.channels, self.channels.as_ref());
        put(&mut settings.channel_prefix, self.channel_prefix.as_ref().map(|prefix| Some(prefix.clone())).as_ref());
        put(&mut settings.payload_bytes, self.payload_bytes.as_ref());
        let times = [
            (&mut settings.warmup, self.warmup_seconds),
            (&mut settings.duration, self.duration_seconds),
            (&mut settings.interval, self.interval_seconds),
            (&mut settings.drain_timeout, self.drain_timeout_seconds),
            (&mut settings.connect_timeout, self.connect_timeout_seconds),
        ];
        for (time, seconds) in times {
            put(time, seconds.map(Duration::from_secs_f64).as_ref());
        }
        put(&mut settings.load, self.rate.map(|rate| Load::Paced { rate }).as_ref());
        put(&mut settings.load, self.in_flight.map(|in_flight| Load::Saturate { in_flight }).as_ref());
        let zipf = self.zipf.map(|Zipf { exponent, seed }| Popularity::Zipf { exponent, seed });
        put(&mut settings.popularity, zipf.as_ref());
    }

    /// Applies the disturbance of subscribers to settings that are otherwise final.
    pub fn disturb(&self, settings: &mut Settings) {
        // Settings are checked later, so a number may have any value here.
        let share = |percent: u8| {
            (settings.subscribers / 100 * usize::from(percent)
                + settings.subscribers % 100 * usize::from(percent) / 100)
                .max(1)
        };
        if let Some(Churn { percent, rate }) = self.churn {
            settings.disturbance = Disturbance::Churn { subscribers: share(percent), rate };
        } else if let Some(Stall { percent }) = self.stall {
            settings.disturbance = Disturbance::Stall { subscribers: share(percent) };
        } else if let Some(Hostile { stall_percent, trickle_percent, arrivals }) = self.hostile {
            let (stalled, trickling) = (share(stall_percent), share(trickle_percent));
            settings.disturbance = Disturbance::Hostile { stalled, trickling, arrivals };
        } else if let Some(Storm { at_percent }) = self.storm {
            let at_seconds = settings.duration.as_secs_f64() * f64::from(at_percent) / 100.0;
            settings.disturbance = Disturbance::Storm { at_seconds };
        }
    }

    /// Returns the plan of the ramp, if the scenario is one.
    pub fn ramp(&self) -> Option<RampPlan> {
        self.ramp
    }

    /// Returns the rates, if the scenario is a curve.
    pub fn rates(&self) -> Option<&Rates> {
        self.curve.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;

    fn settings() -> Settings {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        Settings::new(address, Protocol::Native, Load::Paced { rate: 100 })
    }

    #[test]
    fn every_builtin_scenario_can_be_run_and_fits_a_process() {
        for (name, text) in BUILTIN {
            let scenario = Scenario::parse(name, text).unwrap();
            let mut settings = settings();
            scenario.apply(&mut settings);
            scenario.disturb(&mut settings);
            settings.check().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(settings.connections() < 20_000, "{name}");
            assert!(!scenario.summary.is_empty() && scenario.summary.len() < 90, "{name}");
        }
    }

    #[test]
    fn every_file_beside_the_builtin_ones_is_built_in() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
        let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<String> =
            files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        let mut builtin = BUILTIN.map(|(name, _)| name);
        builtin.sort_unstable();
        assert_eq!(names, builtin);
    }

    #[test]
    fn what_is_wrong_is_named_with_file_line_and_key() {
        let wrong = [
            ("summary = \"x\"\nrat = 5\n", "f.toml:2: rat: unknown field `rat`"),
            ("subscribers = 5\n\n[churn]\npercent = 5\nrat = 1\n", "f.toml:5: rat: unknown field `rat`"),
            ("rate = \"many\"\n", "f.toml:1: rate: invalid type"),
            ("rate = -1\n", "f.toml:1: rate: invalid value"),
            ("rate = 5\nin_flight = 5\n", "f.toml: rate, in_flight, ramp and curve exclude each other"),
            ("[curve]\nrates = [50, 50]\n", "f.toml: curve: each rate must be above the one before"),
            ("[curve]\nrate = 50\n", "f.toml:2: rate: unknown field `rate`"),
            ("duration_seconds = -1.0\n", "f.toml: duration_seconds: 0 to 86400 are possible"),
            ("stall = { percent = 100 }\n", "f.toml: a percentage is from 0 to 99"),
            (
                "[churn]\npercent = 5\nrate = 1\n[stall]\npercent = 5\n",
                "f.toml: churn, stall, hostile and storm exclude each other",
            ),
        ];
        for (text, expected) in wrong {
            let error = Scenario::parse("f.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn numbers_beyond_every_range_are_refused_by_name() {
        let huge = i64::MAX;
        for (text, setting) in [
            (format!("subscribers = {huge}\nstall = {{ percent = 99 }}"), "--subscribers: 1 to 1048576 "),
            (format!("subscriptions = {huge}"), "--subscriptions: 1 to "),
            (format!("publishers = {huge}"), "--publishers: 1 to "),
            (format!("channels = {huge}"), "--channels: 1 to "),
            ("subscribers = 1048576\npublishers = 100".to_owned(), "--subscribers: times "),
            ("channels = 65535\nsubscribers = 65535\npublishers = 65".to_owned(), "--channels: times "),
            (format!("rate = {huge}"), "--rate: 1 to "),
            (format!("in_flight = {huge}"), "--closed-loop: 8 "),
            (format!("payload_bytes = {huge}"), "--payload: 32 to "),
            ("duration_seconds = 0.0".to_owned(), "--duration: 1µs to 86400 s "),
            ("duration_seconds = 86400.0\ninterval_seconds = 1e-6".to_owned(), "--interval: at most "),
            ("duration_seconds = 86400.0\nchurn = { percent = 5, rate = 1000 }".to_owned(), "churn: at most "),
            (format!("churn = {{ percent = 5, rate = {huge} }}"), "churn: 1 to 1000 "),
        ] {
            let scenario = Scenario::parse("f", &text).unwrap();
            let mut settings = settings();
            scenario.apply(&mut settings);
            scenario.disturb(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.starts_with(setting), "{text}: {error}");
        }
        for text in ["warmup_seconds = 1e300", "warmup_seconds = nan", "interval_seconds = inf"] {
            let error = Scenario::parse("f", text).unwrap_err().to_string();
            assert!(error.ends_with("_seconds: 0 to 86400 are possible"), "{error}");
        }
    }

    #[test]
    fn what_a_file_leaves_out_stays() {
        let scenario = Scenario::parse("f", "subscribers = 40\nstall = { percent = 5 }\n").unwrap();
        let mut changed = settings();
        scenario.apply(&mut changed);
        scenario.disturb(&mut changed);
        let disturbance = Disturbance::Stall { subscribers: 2 };
        assert_eq!(changed, Settings { subscribers: 40, disturbance, ..settings() });
    }

    #[test]
    fn a_name_that_is_none_is_told_what_there_is() {
        let error = Scenario::find("no-such-scenario").unwrap_err().to_string();
        assert!(error.contains("no-such-scenario") && error.contains("light") && error.contains("idle"), "{error}");
    }
}
