//! The flags of `corecast serve` whose defaults were measured: for measuring again, on another machine.

use std::time::Duration;

use clap::Args;
use corecast_engine::{Affinity, Scheduling, Tuning};

use corecast_command::period::{self, Period};
use corecast_command::{count, one_of};

/// The longest pause or spin: more would be felt.
const LONGEST: Duration = Duration::from_millis(10);

/// How a shard divides its time.
#[derive(Args, Debug)]
#[command(next_help_heading = "Tuning")]
pub(crate) struct TuningSettings {
    /// Subscribers that a shard sends to before it reads again and lets other channels have a turn.
    #[arg(
        long,
        env = "CORECAST_FLUSH_BUDGET",
        value_name = "COUNT",
        value_parser = count(1..=1 << 20),
        default_value_t = Tuning::default().flush_budget
    )]
    flush_budget: usize,

    /// Pause behind a flush while the shard's CPU is contended, in percent of the flush's duration; 0 disables it.
    ///
    /// Messages that arrive during the pause leave together, so a shard that shares its CPU sends fewer, larger batches. A
    /// shard with a CPU of its own never pauses; 'corecast admin status --json' shows whether it does. A flush to a few
    /// subscribers is too short to be followed by a pause.
    #[arg(
        long,
        env = "CORECAST_FLUSH_PAUSE",
        value_name = "PERCENT",
        value_parser = clap::value_parser!(u32).range(0..=1000),
        default_value_t = Tuning::default().flush_pause_percent
    )]
    flush_pause: u32,

    /// The longest pause behind a flush.
    #[arg(
        long,
        env = "CORECAST_MAX_FLUSH_PAUSE",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST),
        default_value_t = Period(Tuning::default().max_flush_pause)
    )]
    max_flush_pause: Period,

    /// How long a shard with nothing to do polls before it sleeps.
    ///
    /// A message that comes meanwhile is served without a wake-up; every pause costs that much CPU time.
    #[arg(
        long,
        env = "CORECAST_SPIN",
        value_name = "TIME",
        value_parser = period::within(Duration::ZERO..=LONGEST),
        default_value_t = Period(Tuning::default().spin_before_park)
    )]
    spin: Period,

    /// How firmly a shard is bound to its CPU.
    ///
    /// hard: it is pinned. soft: it is pinned too, but may run on the CPUs of all shards while something else
    /// makes it wait for its own; it is pinned again after two seconds with nothing to do. On CPUs that the
    /// server has to itself they are the same.
    #[arg(
        long,
        env = "CORECAST_AFFINITY",
        value_name = "AFFINITY",
        value_parser = one_of(Affinity::ALL),
        default_value_t = Tuning::default().affinity
    )]
    affinity: Affinity,

    /// How the kernel schedules a shard beside others on its CPU.
    ///
    /// batch: a shard that wakes does not preempt what runs on its CPU, such as a program that receives what
    /// it sends. other: as the process was started.
    #[arg(
        long,
        env = "CORECAST_SCHEDULING",
        value_name = "POLICY",
        value_parser = one_of(Scheduling::ALL),
        default_value_t = Tuning::default().scheduling
    )]
    scheduling: Scheduling,
}

impl TuningSettings {
    /// What the engine is told.
    pub(crate) fn engine(&self) -> Tuning {
        Tuning {
            flush_budget: self.flush_budget,
            flush_pause_percent: self.flush_pause,
            max_flush_pause: self.max_flush_pause.0,
            spin_before_park: self.spin.0,
            affinity: self.affinity,
            scheduling: self.scheduling,
            ..Tuning::default()
        }
    }
}
