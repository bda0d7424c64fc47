//! The flags of `corecast serve` whose defaults were measured, for measuring again on another machine.

use std::time::Duration;

use clap::Args;
use corecast_engine::{Affinity, Scheduling, Tuning};

use corecast_command::period::{self, Period};
use corecast_command::{count, one_of, whole};

/// The longest pause or spin, because more would be noticeable.
const LONGEST: Duration = Duration::from_millis(10);

/// The division of a shard's time.
#[derive(Args, Debug)]
#[command(next_help_heading = "Tuning")]
pub(crate) struct TuningSettings {
    /// Number of subscribers that a shard sends to before it reads again and other channels have a turn.
    #[arg(
        long,
        env = "CORECAST_FLUSH_BUDGET",
        value_name = "COUNT",
        value_parser = count(1..=1 << 20),
        default_value_t = Tuning::default().flush_budget
    )]
    flush_budget: usize,

    /// Pause after a flush of a contended or saturated shard, in percent of the flush's duration; 0 disables it.
    ///
    /// Messages that arrive during the pause leave together, in fewer and larger batches. A shard pauses while other threads
    /// compete for its CPU, and when it falls behind although its batches carry many messages. Below saturation, a shard with
    /// a CPU of its own never pauses. 'corecast admin status --json' reports the pauses and their reasons. A flush to a few
    /// subscribers is too short to be followed by a pause.
    #[arg(
        long,
        env = "CORECAST_FLUSH_PAUSE",
        value_name = "PERCENT",
        value_parser = whole(0..=1000_u32),
        default_value_t = Tuning::default().flush_pause_percent
    )]
    flush_pause: u32,

    /// Longest pause after a flush.
    #[arg(
        long,
        env = "CORECAST_MAX_FLUSH_PAUSE",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST),
        default_value_t = Period(Tuning::default().max_flush_pause)
    )]
    max_flush_pause: Period,

    /// Time that an idle shard polls before it sleeps.
    ///
    /// A message that arrives during that time needs no wake-up. Each idle period costs that much CPU time.
    #[arg(
        long,
        env = "CORECAST_SPIN",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST),
        default_value_t = Period(Tuning::default().spin_before_park)
    )]
    spin: Period,

    /// Binding of a shard to its CPU.
    ///
    /// hard: the shard is pinned to its CPU. soft: the shard is pinned too, but may run on the CPUs of all shards
    /// while something else keeps it waiting for its own; after two seconds with nothing to do, it is pinned again.
    /// On CPUs that nothing else uses, both are the same.
    #[arg(
        long,
        env = "CORECAST_AFFINITY",
        value_name = "AFFINITY",
        value_parser = one_of(Affinity::ALL),
        default_value_t = Tuning::default().affinity
    )]
    affinity: Affinity,

    /// Scheduling class of a shard's thread.
    ///
    /// batch: a shard that wakes up does not preempt the running thread, such as a program that receives its
    /// messages. other: the shard keeps the class with which the process was started.
    #[arg(
        long,
        env = "CORECAST_SCHEDULING",
        value_name = "CLASS",
        value_parser = one_of(Scheduling::ALL),
        default_value_t = Tuning::default().scheduling
    )]
    scheduling: Scheduling,
}

impl TuningSettings {
    /// Returns the tuning for the engine.
    pub(crate) fn engine(&self) -> Tuning {
        Tuning::default()
            .with_flush_budget(self.flush_budget)
            .with_flush_pause_percent(self.flush_pause)
            .with_max_flush_pause(self.max_flush_pause.0)
            .with_spin_before_park(self.spin.0)
            .with_affinity(self.affinity)
            .with_scheduling(self.scheduling)
    }
}
