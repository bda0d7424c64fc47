//! A run that is fully known beforehand: the settings and steps of a seed.

use crate::Step;
use crate::step_weights::StepWeights;
use corecast_fanout::{FanoutLimits, LagRule};
use corecast_session::NATIVE;
use corecast_shard::ShardLimits;
use fastrand::Rng;
use std::time::Duration;

/// The settings of a simulated server, and the steps of a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed from which it is drawn.
    pub seed: u64,
    /// The settings of the server.
    pub settings: Settings,
    /// The steps, each with its number in the seed's endless sequence; some may have been left out.
    pub steps: Vec<(usize, Step)>,
}

/// The settings of a server. All limits are so low that everything collides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The number of shards.
    pub shards: u16,
    /// Shard batches that a mailbox holds.
    pub mailbox_capacity: usize,
    /// Bytes that the log of a channel holds in one encoding.
    pub log_bytes: usize,
    /// Bytes that all logs of a shard hold.
    pub shard_log_bytes: usize,
    /// Bytes of answers above which a connection is not read.
    pub control_bytes: usize,
    /// The most subscriptions of one connection.
    pub max_subscriptions: usize,
    /// Frames that a client may send per second; 0 for no limit.
    pub frames_per_second: u64,
    /// True if a client that exceeds its rate is closed; otherwise it is not read.
    pub close_over_rate: bool,
    /// The time for HELLO.
    pub hello_timeout: Duration,
    /// The time for a frame.
    pub frame_timeout: Duration,
    /// The time for which a `native` client may be silent.
    pub idle_timeout: Duration,
    /// The time for which a transport may take nothing.
    pub write_timeout: Duration,
    /// The time for an orderly end.
    pub linger: Duration,
    /// The effect of lagging in `native`.
    pub native_lag: LagRule,
    /// True if everything comes to rest before the server is stopped.
    pub rests: bool,
    /// True if stalling clients go on stalling while the server stops.
    pub stubborn: bool,
}

impl Scenario {
    /// Draws the scenario of a seed, with this many steps.
    pub fn new(seed: u64, steps: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        // Values drawn from this second generator leave everything else that a seed draws unchanged.
        let mut apart = Rng::with_seed(!seed);
        let has_deadlines = apart.bool();
        let deadline = |rng: &mut Rng| {
            let is_set = has_deadlines && rng.u32(..4) > 0;
            Duration::from_millis(if is_set { rng.u64(200..4000) } else { 0 })
        };
        let settings = Settings {
            shards: rng.u16(1..=3),
            mailbox_capacity: if rng.bool() { 1 } else { rng.usize(1..=8) },
            log_bytes: rng.usize(80..300),
            shard_log_bytes: bound_of_all_logs(&mut apart),
            control_bytes: if rng.bool() { 64 * 1024 } else { rng.usize(50..300) },
            max_subscriptions: rng.usize(1..=Self::CHANNELS.len()),
            frames_per_second: if apart.u32(..8) == 0 { apart.u64(5..50) } else { 0 },
            close_over_rate: apart.bool(),
            hello_timeout: deadline(&mut apart),
            frame_timeout: deadline(&mut apart),
            idle_timeout: deadline(&mut apart),
            write_timeout: deadline(&mut apart),
            linger: Duration::from_millis(apart.u64(1000..3000)),
            native_lag: if rng.u32(..4) == 0 { LagRule::Disconnect } else { LagRule::Skip },
            rests: rng.bool(),
            stubborn: rng.u32(..4) == 0,
        };
        let weights = StepWeights::draw(&mut rng, Self::CHANNELS.len());
        let steps = (0..steps).map(|number| (number, weights.step(&mut rng, &mut apart))).collect();
        Self { seed, settings, steps }
    }

    /// Keeps only the steps with these numbers.
    #[must_use]
    pub fn only(mut self, numbers: &[usize]) -> Self {
        self.steps.retain(|(number, _)| numbers.contains(number));
        self
    }

    /// The names of the channels. The first one is the channel of the `plain` listener.
    pub const CHANNELS: [&str; 3] = ["lobby", "météo", "z"];
}

/// The time in which a stopping server delivers what it has accepted: more than clients that read need.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Draws a bound that is low enough to be reached in one of two runs.
fn bound_of_all_logs(rng: &mut Rng) -> usize {
    if rng.bool() { usize::MAX } else { rng.usize(80..400) }
}

/// The interval between two sweeps.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

impl Settings {
    /// Returns a time after which every deadline that was running before it has passed.
    pub(crate) fn longest_deadline(&self) -> Duration {
        let silence = [self.hello_timeout, self.frame_timeout, self.idle_timeout, self.write_timeout];
        2 * silence.into_iter().max().unwrap_or_default() + 2 * self.linger
    }

    pub(crate) fn shard_limits(&self) -> ShardLimits {
        ShardLimits {
            connections: 1000,
            control_bytes: self.control_bytes,
            frames_per_second: self.frames_per_second,
            bytes_per_second: 0,
            close_over_rate: self.close_over_rate,
            hello_timeout: self.hello_timeout,
            frame_timeout: self.frame_timeout,
            write_timeout: self.write_timeout,
            linger: self.linger,
            reconnect_spread: Duration::from_secs(5),
            drain_timeout: DRAIN_TIMEOUT,
            sweep_interval: SWEEP_INTERVAL,
        }
    }

    pub(crate) fn fanout_limits(&self) -> FanoutLimits {
        let mut limits = FanoutLimits {
            log_bytes: self.log_bytes,
            shard_log_bytes: self.shard_log_bytes,
            max_subscriptions: self.max_subscriptions,
            ..FanoutLimits::default()
        };
        limits.lag[NATIVE.index()] = self.native_lag;
        limits
    }
}
