//! The shard's own ring: it reports which descriptors are ready, and it is the one place where the shard sleeps.
//!
//! The executor's ring is built for files. It arms a poll for every wait, sets and cancels timers around every sleep, and
//! enters the kernel several times to park. A message that wakes a shard pays for all of that. So sockets are watched here
//! instead, with one multishot poll for the life of each descriptor, in a ring that delivers completions only when the
//! shard asks for them (`DEFER_TASKRUN`). The shard also sleeps here: that takes one entry into the kernel, bounded by the
//! next sweep. The executor still owns tasks and signals; it looks at its own ring at every sweep (`tick.rs`).
//! `docs/decisions/0011-own-ring.md` has the measurements.
//!
//! Invariant: a multishot poll reports changes, not states. A task that has seen [`Events::READABLE`] reads until a short
//! read, or until the end if [`Events::HANG_UP`] came with it; only then does it wait again.

use super::timers::Timers;
use super::waker::ShardWaker;
use io_uring::{IoUring, opcode, types};
use rustix::io::Errno;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Submissions that the ring holds; more take several calls.
const SUBMISSIONS: u32 = 256;

/// Completions that the ring holds; the kernel keeps more in a list.
const COMPLETIONS: u32 = 4096;

/// The key of requests whose outcome does not matter.
const IGNORED: u64 = u64::MAX;

/// The key of the poll for the shard's waker. No task waits for it; its completion only ends the sleep.
const WAKER: u64 = u64::MAX - 1;

/// The ready states of a descriptor, with the bits of `poll(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events(u32);

impl Events {
    pub(crate) const READABLE: Self = Self(libc::POLLIN as u32);
    pub(crate) const WRITABLE: Self = Self(libc::POLLOUT as u32);
    /// The peer has sent its last byte.
    pub(crate) const ENDED: Self = Self(libc::POLLRDHUP as u32);
    /// The connection is broken.
    pub(crate) const BROKEN: Self = Self((libc::POLLHUP | libc::POLLERR) as u32);
    /// Either of these; once reported, it stays.
    pub(crate) const HANG_UP: Self = Self(Self::ENDED.0 | Self::BROKEN.0);
    /// The events for which a reading task waits.
    const READ: Self = Self(Self::READABLE.0 | Self::HANG_UP.0);
    /// The events for which a writing task waits. A broken connection counts as writable: the send then returns the error.
    const WRITE: Self = Self(Self::WRITABLE.0 | Self::BROKEN.0);

    /// All events that a watch reports.
    const ALL: Self = Self(Self::READ.0 | Self::WRITE.0);

    /// Returns true if the two sets have an event in common.
    pub(crate) fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// The ring of one shard, and the tasks that wait for it.
pub(crate) struct Reactor {
    ring: RefCell<IoUring>,
    watches: RefCell<Slab<Rc<State>>>,
    next_generation: Cell<u32>,
    /// The completions of one look; kept to reuse the memory.
    completions: RefCell<Vec<Completion>>,
    /// The number of looks so far.
    looks: Cell<u64>,
    /// Tasks that wait until everything that is ready has had its turn.
    yielding: RefCell<Vec<Waker>>,
    timers: Timers,
    waker: Arc<ShardWaker>,
    /// The time for which an idle shard polls for completions before it sleeps.
    spin: Duration,
}

/// The outcome of a poll.
#[derive(Clone, Copy, Debug)]
struct Completion {
    key: u64,
    result: i32,
    /// True if the poll continues.
    more: bool,
}

/// A descriptor that the reactor watches, until the watch is dropped.
pub(crate) struct Watch {
    reactor: Rc<Reactor>,
    key: u64,
    state: Rc<State>,
}

/// The state of one watch: the events that its tasks have not taken yet, and those tasks.
#[derive(Debug, Default)]
struct State {
    generation: u32,
    descriptor: RawFd,
    events: Cell<Events>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Reactor {
    /// Creates the reactor. Must be called on the shard's own thread, the only one that may use it.
    pub(crate) fn new(waker: Arc<ShardWaker>, spin: Duration) -> io::Result<Rc<Self>> {
        let reactor = Rc::new(Self {
            ring: RefCell::new(ring()?),
            watches: RefCell::default(),
            next_generation: Cell::new(0),
            completions: RefCell::default(),
            looks: Cell::default(),
            yielding: RefCell::default(),
            timers: Timers::default(),
            waker,
            spin,
        });
        reactor.arm(reactor.waker.as_raw_fd(), Events::READABLE, WAKER);
        Ok(reactor)
    }

    /// Watches a descriptor, which must stay open as long as the watch is kept.
    pub(crate) fn watch(self: &Rc<Self>, descriptor: &impl AsRawFd) -> Watch {
        let generation = self.next_generation.get().wrapping_add(1);
        self.next_generation.set(generation);
        let state = Rc::new(State { generation, descriptor: descriptor.as_raw_fd(), ..State::default() });
        let index = self.watches.borrow_mut().insert(Rc::clone(&state));
        let key = u64::from(generation) << 32 | u64::try_from(index).expect("below 2^32 descriptors");
        self.arm(state.descriptor, Events::ALL, key);
        Watch { reactor: Rc::clone(self), key, state }
    }

    /// Completes when everything that is ready now has had its turn.
    pub(crate) async fn let_others_in(&self) {
        let asked_in = self.looks.get();
        poll_fn(|context| {
            if self.looks.get() != asked_in {
                return Poll::Ready(());
            }
            self.yielding.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Completes at the deadline, or a little later.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        self.timers.sleep_until(deadline).await;
    }

    /// Wakes the tasks whose descriptors are ready. Makes a system call only if there is something to submit or to collect.
    pub(crate) fn look(&self) {
        if self.has_deferred_work() {
            self.enter(0, None);
        }
        self.wake_tasks();
    }

    /// Does the same, but first sleeps until something is ready or the deadline has come, unless the shard has work.
    /// `is_idle` is called once the other shards can see that this one sleeps. Returns the time slept.
    pub(crate) fn sleep(&self, deadline: Instant, is_idle: impl Fn() -> bool) -> Duration {
        let begin = Instant::now();
        let deadline = self.timers.first().map_or(deadline, |first| first.min(deadline));
        let is_idle = || self.yielding.borrow().is_empty() && is_idle();
        if is_idle() && !self.spin(begin, deadline, &is_idle) {
            self.waker.begin_sleep();
            let rest = deadline.saturating_duration_since(Instant::now());
            if is_idle() && !rest.is_zero() {
                self.enter(1, Some(rest));
            }
            self.waker.end_sleep();
        }
        let slept = begin.elapsed();
        self.look();
        slept
    }

    /// Polls for completions without sleeping, for the configured time. Returns true if there is something to do.
    fn spin(&self, begin: Instant, deadline: Instant, is_idle: &impl Fn() -> bool) -> bool {
        if self.spin.is_zero() {
            return false;
        }
        let end = deadline.min(begin + self.spin);
        while Instant::now() < end {
            if self.has_deferred_work() || !is_idle() || !self.ring.borrow_mut().completion().is_empty() {
                return true;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// Returns true if the kernel has completions to deliver at the next entry, or there are submissions.
    fn has_deferred_work(&self) -> bool {
        let mut ring = self.ring.borrow_mut();
        let submissions = ring.submission();
        submissions.taskrun() || submissions.cq_overflow() || !submissions.is_empty()
    }

    /// Submits all submissions, and waits for this many completions.
    fn enter(&self, wanted: usize, timeout: Option<Duration>) {
        let ring = self.ring.borrow();
        let timeout = timeout.map(types::Timespec::from);
        let mut arguments = types::SubmitArgs::new();
        if let Some(timeout) = &timeout {
            arguments = arguments.timespec(timeout);
        }
        if let Err(error) = ring.submitter().submit_with_args(wanted, &arguments) {
            // The timeout, a signal, or no memory for now. Anything not submitted is submitted at the next look.
            let again = [Errno::TIME, Errno::INTR, Errno::AGAIN, Errno::BUSY, Errno::NOMEM];
            let errno = Errno::from_io_error(&error);
            assert!(errno.is_some_and(|errno| again.contains(&errno)), "a ring failed: {error}");
        }
    }

    fn wake_tasks(&self) {
        let mut completions = self.completions.borrow_mut();
        completions.extend(self.ring.borrow_mut().completion().map(|entry| Completion {
            key: entry.user_data(),
            result: entry.result(),
            more: io_uring::cqueue::more(entry.flags()),
        }));
        for completion in completions.drain(..) {
            match completion.key {
                IGNORED => {}
                WAKER => {
                    if !completion.more {
                        self.arm(self.waker.as_raw_fd(), Events::READABLE, WAKER);
                    }
                }
                _ => self.report(completion),
            }
        }
        self.looks.update(|looks| looks + 1);
        for waker in self.yielding.borrow_mut().drain(..) {
            waker.wake();
        }
        self.timers.wake_due();
    }

    /// Notes the outcome of the poll of a watch, unless the watch has been dropped.
    fn report(&self, Completion { key, result, more }: Completion) {
        let index = usize::try_from(key & u64::from(u32::MAX)).expect("an index");
        let state = self.watches.borrow().get(index).filter(|state| u64::from(state.generation) == key >> 32).cloned();
        let Some(state) = state else { return };
        // A failed poll counts as an error of the descriptor; the next call on the descriptor returns that error.
        let events = u32::try_from(result).map_or(Events::BROKEN, Events);
        state.add(events);
        if !more && !events.intersects(Events::BROKEN) {
            // The kernel ends a poll if the ring has no room for its completions.
            self.arm(state.descriptor, Events::ALL, key);
        }
    }

    /// Has the kernel report the present and all later ready states of a descriptor.
    fn arm(&self, descriptor: RawFd, events: Events, key: u64) {
        let poll = opcode::PollAdd::new(types::Fd(descriptor), events.0).multi(true).build();
        self.push(&poll.user_data(key));
    }

    fn push(&self, entry: &io_uring::squeue::Entry) {
        let mut ring = self.ring.borrow_mut();
        loop {
            #[expect(unsafe_code, reason = "a submission may refer to memory")]
            // SAFETY: polls and their removal refer to descriptors by number and to no memory.
            let pushed = unsafe { ring.submission().push(entry) };
            if pushed.is_ok() {
                return;
            }
            if let Err(error) = ring.submit() {
                tracing::debug!(%error, "the ring is full and takes nothing just now");
            }
        }
    }
}

impl Watch {
    /// Waits until the descriptor has become readable or its peer is gone. Takes and returns the reported events.
    pub(crate) async fn readable(&self) -> Events {
        self.ready(Events::READ, &self.state.reader).await
    }

    /// Waits until the descriptor has become writable, or may have.
    pub(crate) async fn writable(&self) {
        self.ready(Events::WRITE, &self.state.writer).await;
    }

    /// Returns the hang-ups reported so far, whether or not a task has taken them.
    pub(crate) fn hang_up(&self) -> Events {
        Events(self.state.events.get().0 & Events::HANG_UP.0)
    }

    async fn ready(&self, wanted: Events, slot: &RefCell<Option<Waker>>) -> Events {
        poll_fn(|context| {
            let found = self.state.take(wanted);
            if found != Events::default() {
                return Poll::Ready(found);
            }
            *slot.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reactor.watches.borrow_mut().remove(usize::try_from(self.key & u64::from(u32::MAX)).expect("an index"));
        // `PollRemove` fails while an event is on its way; the poll would then keep the descriptor open.
        self.reactor.push(&opcode::AsyncCancel::new(self.key).build().user_data(IGNORED));
    }
}

impl State {
    fn take(&self, wanted: Events) -> Events {
        let found = self.events.get();
        // A hang-up stays, because later reads have to see it too.
        self.events.set(Events(found.0 & !(wanted.0 & !Events::HANG_UP.0)));
        Events(found.0 & wanted.0)
    }

    /// Adds reported events, and wakes the tasks that wait for them.
    fn add(&self, events: Events) {
        let events = Events(self.events.get().0 | events.0);
        self.events.set(events);
        for (wanted, waiter) in [(Events::READ, &self.reader), (Events::WRITE, &self.writer)] {
            if events.intersects(wanted)
                && let Some(waiter) = waiter.take()
            {
                waiter.wake();
            }
        }
    }
}

/// Creates a ring with the best flags that this kernel supports: completions delivered only on request (6.1), delivered
/// without interrupting the thread (5.19), or delivered as they come.
fn ring() -> io::Result<IoUring> {
    let build = |configure: &dyn Fn(&mut io_uring::Builder)| {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(COMPLETIONS);
        configure(&mut builder);
        builder.build(SUBMISSIONS)
    };
    build(&|builder| _ = builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag())
        .or_else(|_| build(&|builder| _ = builder.setup_coop_taskrun().setup_taskrun_flag()))
        .or_else(|_| build(&|_| {}))
}
