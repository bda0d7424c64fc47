//! The CPUs on which a shard's thread may run: its own, unless it has to wait for it.
//!
//! A pinned thread whose CPU something else uses has to wait, even while the next CPU is idle, because the scheduler may
//! not move it. So a shard that waits is let go to the CPUs of all shards. It is pinned again when it has had next to
//! nothing to do for a while. A shard with a CPU of its own never waits, and stays there.
//!
//! Nor does a shard displace other threads from its CPU. Under `SCHED_BATCH` it does not preempt the running thread when it
//! wakes, such as a program that receives what the shard sends. `docs/decisions/0006-soft-affinity.md` has the
//! measurements.

use super::schedstat::{Schedstat, Usage};
use crate::config::{Affinity, Scheduling};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::io;

/// The CPU of one shard's thread.
#[derive(Debug)]
pub(crate) struct CpuPlacement {
    /// `None` where there is no choice: one CPU, hard affinity, or a kernel without scheduler statistics.
    soft: Option<Soft>,
}

#[derive(Debug)]
struct Soft {
    own: CpuSet,
    all: CpuSet,
    statistics: Schedstat,
    before: Usage,
    contention: Contention,
}

impl CpuPlacement {
    /// Creates the CPU placement of the calling thread, which is pinned to `cpu`.
    pub(crate) fn new(cpu: usize, cpus: &[usize], affinity: Affinity) -> Self {
        let (own, all) = (set_of(&[cpu]), set_of(cpus));
        if affinity == Affinity::Hard || own == all {
            return Self { soft: None };
        }
        let soft = Schedstat::of_this_thread().and_then(|statistics| {
            Ok(Soft { own, all, before: statistics.read()?, statistics, contention: Contention::default() })
        });
        if let Err(error) = &soft {
            tracing::info!(%error, "no scheduler statistics: the shard stays pinned");
        }
        Self { soft: soft.ok() }
    }

    /// Reviews how the scheduler has served the shard since the last call, and lets it go or pins it.
    pub(crate) fn review(&mut self) {
        let Some(soft) = &mut self.soft else { return };
        if let Err(error) = soft.review() {
            tracing::warn!(%error, "cannot adapt the CPU affinity");
            self.soft = None;
        }
    }
}

impl Soft {
    fn review(&mut self) -> io::Result<()> {
        let now = self.statistics.read()?;
        let change = self.contention.review(now - self.before);
        self.before = now;
        match change {
            Some(Change::LetGo) => sched_setaffinity(None, &self.all)?,
            Some(Change::Pin) => sched_setaffinity(None, &self.own)?,
            None => {}
        }
        Ok(())
    }
}

fn set_of(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    set
}

/// Sets how the kernel schedules the calling thread.
pub(crate) fn schedule(scheduling: Scheduling) {
    let class = match scheduling {
        Scheduling::Batch => libc::SCHED_BATCH,
        Scheduling::Other => return,
    };
    #[expect(unsafe_code, reason = "no safe wrapper sets a scheduling class and nothing else")]
    // SAFETY: the parameter is valid for the call, and 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, class, &libc::sched_param { sched_priority: 0 }) };
    if result != 0 {
        let error = io::Error::last_os_error();
        tracing::warn!(%error, "cannot set SCHED_BATCH");
    }
}

/// With fewer turns than this between two reviews, a shard has next to nothing to do: the reviews alone take one turn each.
/// The number is small because on a crowded CPU even a busy shard gets few turns.
const BUSY_TURNS: u64 = 5;

/// A shard is let go if it waited for more than one part in this many of the time in which it was ready to run.
const WAITED_PART: u64 = 20;

/// The number of consecutive reviews with nothing to do after which a shard is pinned again.
const QUIET_REVIEWS: u32 = 20;

/// Decides whether something else uses the shard's CPU.
#[derive(Debug, Default)]
struct Contention {
    let_go: bool,
    quiet: u32,
}

/// A change of the CPU placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    LetGo,
    Pin,
}

impl Contention {
    fn review(&mut self, usage: Usage) -> Option<Change> {
        let busy = usage.turns >= BUSY_TURNS;
        self.quiet = if busy { 0 } else { self.quiet.saturating_add(1) };
        if self.let_go {
            if self.quiet < QUIET_REVIEWS {
                return None;
            }
            self.let_go = false;
            return Some(Change::Pin);
        }
        self.let_go = busy && usage.waited * WAITED_PART > usage.ran + usage.waited;
        self.let_go.then_some(Change::LetGo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: Usage = Usage { ran: 50_000_000, waited: 100_000, turns: 1000 };
    const CONTENDED: Usage = Usage { ran: 50_000_000, waited: 5_000_000, turns: 1000 };
    const IDLE: Usage = Usage { ran: 100_000, waited: 100_000, turns: 2 };

    #[test]
    fn a_shard_that_waits_is_let_go_once() {
        let mut contention = Contention::default();
        assert_eq!(contention.review(SERVED), None);
        assert_eq!(contention.review(CONTENDED), Some(Change::LetGo));
        assert_eq!(contention.review(CONTENDED), None);
        assert_eq!(contention.review(SERVED), None);
    }

    #[test]
    fn a_shard_with_nothing_to_do_stays_pinned_however_late_it_woke() {
        let mut contention = Contention::default();
        assert!((0..100).all(|_| contention.review(IDLE).is_none()));
    }

    #[test]
    fn it_is_pinned_again_after_a_quiet_time_that_nothing_interrupted() {
        let mut contention = Contention::default();
        contention.review(CONTENDED);
        let quiet = |contention: &mut Contention| (1..QUIET_REVIEWS).all(|_| contention.review(IDLE).is_none());
        assert!(quiet(&mut contention));
        assert_eq!(contention.review(SERVED), None);
        assert!(quiet(&mut contention));
        assert_eq!(contention.review(IDLE), Some(Change::Pin));
        assert_eq!(contention.review(CONTENDED), Some(Change::LetGo));
    }
}
