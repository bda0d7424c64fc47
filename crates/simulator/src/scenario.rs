//! A run that is fully known beforehand: the settings and steps that a seed stands for.

use crate::Step;
use crate::step_weights::StepWeights;
use corecast_fanout::{Lag, Limits};
use corecast_session::NATIVE;
use fastrand::Rng;

/// The settings of a simulated server, and what happens to it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where it comes from.
    pub seed: u64,
    /// The server.
    pub settings: Settings,
    /// What happens, by its number in the seed's endless sequence: some may have been left out.
    pub steps: Vec<(usize, Step)>,
}

/// What a server is told at its start. All limits are so low that everything collides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many shards.
    pub shards: u16,
    /// Shard batches that a mailbox holds.
    pub mailbox_capacity: usize,
    /// Bytes of the log of a channel in one encoding.
    pub log_bytes: usize,
    /// Bytes of all logs of a shard.
    pub shard_log_bytes: usize,
    /// Bytes of answers from which on a connection is not read.
    pub control_bytes: usize,
    /// Subscriptions of one connection.
    pub max_subscriptions: usize,
    /// What lagging means in `native`.
    pub native_lag: Lag,
    /// Whether everything comes to rest before the server is stopped.
    pub rests: bool,
    /// Whether clients that stall go on stalling while the server stops.
    pub stubborn: bool,
}

impl Scenario {
    /// What a seed stands for, with so many steps.
    pub fn new(seed: u64, steps: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        // What is drawn from this one leaves what earlier seeds stand for the same in all else.
        let mut apart = Rng::with_seed(!seed);
        let settings = Settings {
            shards: rng.u16(1..=3),
            mailbox_capacity: if rng.bool() { 1 } else { rng.usize(1..=8) },
            log_bytes: rng.usize(80..300),
            shard_log_bytes: bound_of_all_logs(&mut apart),
            control_bytes: if rng.bool() { 64 * 1024 } else { rng.usize(50..300) },
            max_subscriptions: rng.usize(1..=Self::CHANNELS.len()),
            native_lag: if rng.u32(..4) == 0 { Lag::Disconnect } else { Lag::Skip },
            rests: rng.bool(),
            stubborn: rng.u32(..4) == 0,
        };
        let weights = StepWeights::draw(&mut rng, Self::CHANNELS.len());
        let steps = (0..steps).map(|number| (number, weights.step(&mut rng, &mut apart))).collect();
        Self { seed, settings, steps }
    }

    /// Only the steps with these numbers.
    #[must_use]
    pub fn only(mut self, numbers: &[usize]) -> Self {
        self.steps.retain(|(number, _)| numbers.contains(number));
        self
    }

    /// The channels. The first is that of the `plain` listener.
    pub const CHANNELS: [&str; 3] = ["lobby", "météo", "z"];
}

/// In one of two runs low enough to be reached.
fn bound_of_all_logs(rng: &mut Rng) -> usize {
    if rng.bool() { usize::MAX } else { rng.usize(80..400) }
}

impl Settings {
    pub(crate) fn fanout_limits(&self) -> Limits {
        let mut limits = Limits {
            log_bytes: self.log_bytes,
            shard_log_bytes: self.shard_log_bytes,
            max_subscriptions: self.max_subscriptions,
            ..Limits::default()
        };
        limits.lag[NATIVE.index()] = self.native_lag;
        limits
    }
}
