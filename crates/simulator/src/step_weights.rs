//! The weights with which a seed draws its steps.
//!
//! Each seed has its own weights: some kinds of steps are frequent and others rare, which fills queues that a uniform
//! choice would never fill. (Groce and others, *Swarm testing*, 2012.)

use crate::step::{Arrival, Command, Offence, Step};
use corecast_wire::native::Lag;
use fastrand::Rng;

/// The number of latest clients that steps can name.
pub(crate) const RECENT: usize = 8;

/// The weight of each kind of step, before a seed's factors are applied.
const STEPS: [u32; 13] = [3, 26, 1, 1, 6, 4, 30, 6, 10, 12, 2, 2, 1];
/// The weight of each command, likewise.
const COMMANDS: [u32; 6] = [25, 7, 50, 12, 2, 2];

/// The weights of a seed.
#[derive(Debug)]
pub(crate) struct StepWeights {
    steps: [u32; STEPS.len()],
    commands: [u32; COMMANDS.len()],
    /// The number of latest clients that steps name.
    clients: usize,
    /// The most messages and the most subscribers that one step takes.
    posts: usize,
    budget: usize,
    channels: usize,
}

impl StepWeights {
    pub(crate) fn draw(rng: &mut Rng, channels: usize) -> Self {
        let mut season = |weight: u32| weight * [1, 3, 9][rng.usize(..3)];
        Self {
            steps: STEPS.map(&mut season),
            commands: COMMANDS.map(&mut season),
            clients: rng.usize(2..=RECENT),
            posts: [1, 3, 256][rng.usize(..3)],
            budget: [3, 64][rng.usize(..2)],
            channels,
        }
    }

    /// Draws the next step of a run.
    pub(crate) fn step(&self, rng: &mut Rng, apart: &mut Rng) -> Step {
        let client = rng.usize(..self.clients);
        let shard = rng.u16(..6);
        match pick(rng, &self.steps) {
            0 => Step::Open { shard, arrival: arrival(rng), capacity: capacity(rng) },
            1 => Step::Write { client, command: self.command(rng, apart) },
            2 => Step::EndStream { client },
            3 => Step::Reset { client },
            4 => Step::Pace { client, capacity: capacity(rng) },
            5 => Step::Read { client, bytes: rng.usize(1..200) },
            6 => Step::Serve { client, bytes: bytes(rng) },
            7 => Step::Writable { shard, nth: rng.usize(..8) },
            8 => Step::Exchange { shard, posts: rng.usize(..=self.posts) },
            9 => Step::Flush { shard, budget: rng.usize(..=self.budget) },
            10 => Step::Sweep { shard },
            11 => Step::Elapse { sweeps: rng.u32(1..20) },
            _ => Step::StandStill { millis: rng.u64(1..8000) },
        }
    }

    fn command(&self, rng: &mut Rng, apart: &mut Rng) -> Command {
        // Most commands meet in one channel.
        let channel = if rng.bool() { 0 } else { rng.usize(..self.channels) };
        match pick(rng, &self.commands) {
            0 => Command::Subscribe { channel, lag: lag(apart) },
            1 => Command::Unsubscribe { channel },
            2 => Command::Publish {
                channel,
                messages: if rng.u32(..4) == 0 { rng.usize(1..16) } else { 1 },
                filler: rng.usize(..40),
                acknowledged: rng.bool(),
                no_echo: rng.bool(),
            },
            3 => Command::Ping { length: rng.usize(6..=125) },
            4 => Command::Close,
            _ => Command::Violate(Offence::ALL[rng.usize(..Offence::ALL.len())]),
        }
    }
}

fn pick(rng: &mut Rng, weights: &[u32]) -> usize {
    let mut drawn = rng.u32(..weights.iter().sum::<u32>());
    let chosen = weights.iter().position(|weight| {
        let chosen = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        chosen
    });
    chosen.expect("below the sum")
}

fn arrival(rng: &mut Rng) -> Arrival {
    match rng.u32(..40) {
        0..10 => Arrival::Plain,
        10 => Arrival::Mute,
        11 => Arrival::Outdated,
        _ => Arrival::Native,
    }
}

/// Draws a subscription's lag rule; with `None` the server's setting counts.
fn lag(rng: &mut Rng) -> Option<Lag> {
    [None, Some(Lag::Skip), Some(Lag::Disconnect)][rng.usize(..3)]
}

/// Draws the number of bytes that the server receives at once; mostly enough for everything available.
fn bytes(rng: &mut Rng) -> usize {
    let most = if rng.u32(..4) > 0 { 4096 } else { 40 };
    rng.usize(1..most)
}

fn capacity(rng: &mut Rng) -> Option<usize> {
    rng.bool().then(|| rng.usize(..200))
}
