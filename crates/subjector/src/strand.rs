//! Jobs on an object, one at a time and in order. Each is run by a caller that finds the strand idle or is already
//! running it.
//!
//! Invariant: there is a runner from the moment a job is accepted until none is left. A [`Baton`] is that duty, and
//! dropping it unfinished discharges it. Jobs never panic: the code that makes one catches panics.
//!
//! Absent here: threads and executors.

use crate::exclusive::Exclusive;
use crate::sync::{Mutex, lock};
use std::collections::VecDeque;
use std::sync::Arc;

/// The number of jobs in one stretch, after which the runner lets its executor run other tasks.
pub const MAX_STRETCH: usize = 64;

/// A job to run on the object.
pub(crate) type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// An object and the jobs that wait for it.
pub(crate) struct Strand<T> {
    object: Exclusive<T>,
    queue: Mutex<Queue<T>>,
}

struct Queue<T> {
    is_running: bool,
    /// The jobs: at most one per waiting caller, plus the casts that the object's limit allows.
    jobs: VecDeque<Job<T>>,
}

/// The fate of jobs whose baton is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// They are run at once.
    Run,
    /// They are dropped, because they must run on an executor that has stopped.
    Dropped,
}

/// The duty to run a strand until it is idle.
pub(crate) struct Baton<T> {
    strand: Arc<Strand<T>>,
    abandoned: Abandoned,
    is_done: bool,
}

impl<T> Strand<T> {
    pub(crate) fn new(object: T) -> Self {
        let queue = Queue { is_running: false, jobs: VecDeque::new() };
        Self { object: Exclusive::new(object), queue: Mutex::new(queue) }
    }

    /// Takes the baton, if the strand is idle.
    pub(crate) fn try_begin(self: &Arc<Self>, abandoned: Abandoned) -> Option<Baton<T>> {
        let mut queue = lock(&self.queue);
        if queue.is_running {
            return None;
        }
        queue.is_running = true;
        drop(queue);
        Some(Baton { strand: Arc::clone(self), abandoned, is_done: false })
    }

    /// Queues a job. If nobody runs the strand, the caller must, with the returned baton.
    pub(crate) fn push(self: &Arc<Self>, job: Job<T>, abandoned: Abandoned) -> Option<Baton<T>> {
        let mut queue = lock(&self.queue);
        queue.jobs.push_back(job);
        let was_running = std::mem::replace(&mut queue.is_running, true);
        drop(queue);
        (!was_running).then(|| Baton { strand: Arc::clone(self), abandoned, is_done: false })
    }

    /// Takes the next job. Without one, the strand becomes idle.
    fn next(&self) -> Option<Job<T>> {
        let mut queue = lock(&self.queue);
        let job = queue.jobs.pop_front();
        queue.is_running = job.is_some();
        job
    }
}

impl<T> Baton<T> {
    /// Runs a job that was not queued, before any that is.
    pub(crate) fn run<R>(&self, job: impl FnOnce(&mut T) -> R) -> R {
        job(&mut self.strand.object.enter())
    }

    /// Runs up to [`MAX_STRETCH`] jobs. Returns the baton if there may be more.
    pub(crate) fn stretch(mut self) -> Option<Self> {
        for _ in 0..MAX_STRETCH {
            let Some(job) = self.strand.next() else {
                self.is_done = true;
                return None;
            };
            self.run(job);
        }
        Some(self)
    }
}

impl<T> Drop for Baton<T> {
    fn drop(&mut self) {
        while !self.is_done {
            match self.strand.next() {
                None => self.is_done = true,
                Some(job) if self.abandoned == Abandoned::Run => self.run(job),
                Some(_) => {}
            }
        }
    }
}
