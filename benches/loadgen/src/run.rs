//! One run: connect, warm up, measure, drain, report.

use crate::connections::connect::connect;
use crate::connections::connection::Stage;
use crate::connections::deadline::Deadline;
use crate::connections::hostile_clients::HostileClients;
use crate::connections::membership::Membership;
use crate::connections::pool::{ConnectionPool, subject};
use crate::connections::sender::Sender;
use crate::interruption::{self, is_interrupted};
use crate::load::disturbance::{Schedule, Step};
use crate::load::in_flight_window::InFlightWindow;
use crate::load::pace::Pace;
use crate::load::settings;
use crate::measure::clock::{Clock, duration_ns};
use crate::measure::host;
use crate::measure::latency::Latency;
use crate::measure::scheduling_stall::SchedulingStall;
use crate::measure::shards;
use crate::measure::usage::{CpuTime, MachineTime, resident_bytes};
use crate::protocol::dialect::Dialect;
use crate::protocol::{Native, Nats, Plain, Redis};
use crate::report::assembly::Outcome;
use crate::report::evaluation::{Observed, Sample};
use crate::report::progress::Reporter;
use crate::verify::delivery_verifier::DeliveryVerifier;
use crate::verify::payload::Stamp;
use crate::{
    Distribution, Disturbance, Environment, Error, Host, Load, Progress, Protocol, Report, RunStage, Settings,
};
use rustix::event::epoll::Event;
use std::sync::mpsc::channel;
use std::time::Duration;

/// The time to wait for duplicates after everything expected has come.
const LINGER_NS: u64 = 50_000_000;
/// The maximum time that an interrupted run waits for messages in flight.
const INTERRUPTED_DRAIN: Duration = Duration::from_secs(1);
/// The longest time between two checks whether everything has come.
const DRAIN_LOOK_NS: u64 = 5_000_000;

/// The outcome of a run, with its distributions in full.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The report.
    pub report: Report,
    /// The distribution of single deliveries, as in [`Report::latency_us`].
    pub latency: Distribution,
    /// The distribution of whole broadcasts, as in [`Report::completion_us`].
    pub completion: Distribution,
}

/// Puts load on a server and reports the outcome.
///
/// The load runs on a separate thread, which is pinned if the settings say so. The call returns when it is done, after
/// at most the sum of the settings' times. The soft limit of descriptors is raised to the hard limit, for the whole
/// process.
///
/// # Errors
/// No report could be made. The server's faults under load are in the report.
pub fn run(settings: &Settings) -> Result<Report, Error> {
    Ok(measure(settings, None::<fn(Progress)>)?.report)
}

/// Does what [`run`] does, returns the distributions too, and calls a listener with the progress on the caller's
/// thread.
///
/// # Errors
/// The same as those of [`run`].
pub fn measure(settings: &Settings, listener: Option<impl FnMut(Progress)>) -> Result<Measurement, Error> {
    settings.check()?;
    let settings = &settings.with_own_channels();
    host::allow_descriptors(settings.connections() + settings.disturbance.hostile_clients())?;
    let host = Host::here();
    let (sender, progress) = channel();
    let reporter = Reporter::new(listener.is_some().then_some(sender), settings.warmup + settings.duration);
    let on_thread = move || {
        host::pin(&settings.cpus)?;
        host::tighten_timers()?;
        match settings.protocol {
            Protocol::Plain => run_with(settings, host, reporter, Plain::new()),
            Protocol::Native => run_with(settings, host, reporter, Native::new()),
            Protocol::Redis => run_with(settings, host, reporter, Redis),
            Protocol::Nats => run_with(settings, host, reporter, Nats),
        }
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("loadgen".to_owned());
        let running = thread.spawn_scoped(scope, on_thread).map_err(Error::system("clone"))?;
        if let Some(listener) = listener {
            // This ends with the run, which drops the sender.
            progress.into_iter().for_each(listener);
        }
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn run_with<D: Dialect>(settings: &Settings, host: Host, reporter: Reporter, dialect: D) -> Result<Measurement, Error> {
    let clock = Clock::start();
    let names = settings.channel_names();
    let stamp = Stamp::new(run_id(), settings.payload_bytes);
    let environment = Environment::here(settings.server_pid)?;
    let memory = || settings.server_pid.map(resident_bytes).transpose();
    let memory_before = memory()?;
    reporter.enter(RunStage::Connecting);
    let pool = connect(settings, &names, &stamp, dialect, clock)?;
    let memory_connected = memory()?;
    let shards = || settings.admin_socket.as_deref().map(shards::status).transpose();
    let shards_connected = shards()?.unwrap_or_default();

    let start_ns = clock.now_ns();
    let measured_from = start_ns + duration_ns(settings.warmup);
    let mut measured = measured_from..measured_from + duration_ns(settings.duration);
    let (drive, in_flight_window) = match settings.load {
        Load::Paced { rate } => (Drive::Paced(Pace::new(start_ns, rate)), None),
        Load::Saturate { in_flight } => (Drive::Saturate, Some(InFlightWindow::new(settings, in_flight))),
    };
    let mut run = Run {
        settings,
        names: &names,
        start_ns,
        pool,
        drive,
        schedule: Schedule::new(settings, &measured),
        membership: Membership::new(),
        hostile_clients: HostileClients::default(),
        storming: false,
        verifier: DeliveryVerifier::new(
            settings,
            &names,
            &stamp,
            D::PUBLISHERS_RECEIVE,
            measured.clone(),
            in_flight_window,
        ),
        sender: Sender::new::<D>(settings, &names, &stamp),
        lateness: Latency::new(),
        batch: Vec::new(),
        events: ConnectionPool::<D>::events(),
        reporter,
    };
    run.load_until(measured.start, RunStage::WarmingUp)?;
    interruption::check()?;
    let from = run.sample()?;
    run.pool.scheduling_stall = SchedulingStall::since(from.at_ns);
    run.load_until(measured.end, RunStage::Measuring)?;
    measured.end = run.cut_if_interrupted(measured.end);
    let to = run.sample()?;
    run.pool.scheduling_stall.look(to.at_ns);
    let scheduling_stall = run.pool.scheduling_stall.longest();
    let memory_loaded = memory()?;
    run.drain()?;
    let shards_drained = shards()?.unwrap_or_default();
    let Run { pool, drive, verifier, sender, lateness, membership, .. } = run;
    let observed = Observed {
        settings,
        host,
        environment,
        from,
        to,
        scheduling_stall,
        offered: drive.offered(&measured),
        interrupted: is_interrupted(),
        measured,
        memory: memory_before.zip(memory_connected).zip(memory_loaded),
        shards: shards::parts(&shards_connected, &shards_drained),
    };
    Ok(Outcome { observed, pool, verifier, sender, lateness, membership }.into_measurement())
}

/// Returns a number that distinguishes this run's payloads from those of any other, and from anything else.
fn run_id() -> u32 {
    let [a, b, c, d, ..] = settings::random().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The source of the next message's time.
enum Drive {
    /// The clock.
    Paced(Pace),
    /// The credit of the [`InFlightWindow`].
    Saturate,
}

impl Drive {
    fn offered(&self, measured: &std::ops::Range<u64>) -> Option<u64> {
        match self {
            Self::Paced(pace) => Some(pace.due_before(measured.end) - pace.due_before(measured.start)),
            Self::Saturate => None,
        }
    }
}

struct Run<'a, D> {
    settings: &'a Settings,
    names: &'a [String],
    start_ns: u64,
    pool: ConnectionPool<D>,
    drive: Drive,
    /// The disturbances that are still to come.
    schedule: Schedule,
    membership: Membership,
    hostile_clients: HostileClients,
    /// True if all subscribers were cut off and not all have returned.
    storming: bool,
    verifier: DeliveryVerifier<'a>,
    sender: Sender<'a>,
    lateness: Latency,
    /// The due times of the messages that are being sent; the memory is reused.
    batch: Vec<u64>,
    events: Vec<Event>,
    reporter: Reporter,
}

impl<D: Dialect> Run<'_, D> {
    /// Ends the window now if an interruption was requested. Returns the end of the window.
    fn cut_if_interrupted(&mut self, end_ns: u64) -> u64 {
        let now_ns = self.pool.clock.now_ns();
        if !is_interrupted() || now_ns >= end_ns {
            return end_ns;
        }
        self.verifier.cut(now_ns);
        self.schedule.cut(now_ns);
        now_ns
    }

    /// Sends and receives until a time or an interruption, and sends every message that is due before it.
    fn load_until(&mut self, end_ns: u64, stage: RunStage) -> Result<(), Error> {
        loop {
            let now_ns = self.pool.clock.now_ns();
            self.send(now_ns, end_ns)?;
            if now_ns >= self.reporter.due_ns() {
                self.tell(stage, now_ns);
            }
            if now_ns >= end_ns || is_interrupted() {
                // Disturbances that are due now wait until the samples are taken, because they may take long.
                return Ok(());
            }
            self.disturb(now_ns)?;
            let wake_ns = match &self.drive {
                Drive::Paced(pace) => (pace.due_ns() - pace.lead_ns()).min(end_ns),
                Drive::Saturate => end_ns,
            };
            self.turn(wake_ns.min(self.schedule.due_ns()).min(self.reporter.due_ns()), Some(end_ns))?;
        }
    }

    fn tell(&mut self, stage: RunStage, now_ns: u64) {
        let (deliveries, p99_us) = (self.verifier.counts.arrived(), self.verifier.timeline.p99_us());
        self.reporter.report(stage, now_ns, self.start_ns, deliveries, p99_us);
    }

    /// Makes the disturbances that are due, and continues those in progress.
    fn disturb(&mut self, now_ns: u64) -> Result<(), Error> {
        let Self { schedule, membership, hostile_clients, pool, verifier, sender, settings, .. } = self;
        while let Some(step) = schedule.take(now_ns) {
            match step {
                Step::Return(range) => membership.bid_leave(range, pool, verifier, sender, settings),
                Step::Break(range) => {
                    verifier.timeline.mark("during", now_ns, verifier.counts.measured_to_subscribers);
                    self.storming = true;
                    membership.cut(range, pool, verifier, settings)?;
                }
                Step::StopReading(range) => {
                    range.into_iter().try_for_each(|index| pool.pause(index, true, verifier))?;
                }
                Step::Trickle(range) => range.into_iter().for_each(|index| pool.trickle(index)),
                Step::Arrive => hostile_clients.arrive(settings.address)?,
                Step::Read(range) => range.into_iter().try_for_each(|index| pool.pause(index, false, verifier))?,
            }
            pool.scheduling_stall.excuse_until(pool.clock.now_ns());
        }
        membership.see_off(pool, verifier, settings)?;
        if self.storming && membership.is_settled() {
            self.storming = false;
            verifier.timeline.mark("after", pool.clock.now_ns(), verifier.counts.measured_to_subscribers);
        }
        Ok(())
    }

    /// Waits once and handles the events that are ready. If `sending_until` is given, a paced message that falls due
    /// meanwhile does not wait for the last event.
    fn turn(&mut self, wake_ns: u64, sending_until: Option<u64>) -> Result<(), Error> {
        let mut events = std::mem::take(&mut self.events);
        self.pool.wait(&mut events, wake_ns)?;
        for event in &events {
            self.serve(event)?;
            if let (Drive::Paced(_), Some(end_ns)) = (&self.drive, sending_until) {
                self.send(self.pool.clock.now_ns(), end_ns)?;
            }
        }
        self.events = events;
        Ok(())
    }

    fn serve(&mut self, event: &Event) -> Result<(), Error> {
        let Self { membership, pool, verifier, sender, settings, names, .. } = self;
        // The connection may have been replaced since the wait.
        if !pool.is_current(event) || membership.serve(event, pool, verifier, sender, settings, names)? {
            return Ok(());
        }
        pool.serve(event, verifier)?;
        let (index, _) = subject(event);
        if pool.connections[index].stage == Stage::Closed && pool.publisher(index).is_some() {
            let reason = "under load".to_owned();
            return Err(Error::Closed { connection: index, role: "publisher", reason });
        }
        Ok(())
    }

    fn send(&mut self, now_ns: u64, end_ns: u64) -> Result<(), Error> {
        match &mut self.drive {
            Drive::Paced(pace) if pace.due_ns() <= now_ns && pace.due_ns() < end_ns => self.send_due(now_ns, end_ns),
            Drive::Saturate if now_ns < end_ns => self.send_credit(now_ns),
            _ => Ok(()),
        }
    }

    /// Sends every message that is due, up to one round of publishers, or more if the generator is behind.
    fn send_due(&mut self, now_ns: u64, end_ns: u64) -> Result<(), Error> {
        let Drive::Paced(pace) = &mut self.drive else { return Ok(()) };
        let publishers = self.settings.publishers as u64;
        let first = pace.next();
        while pace.due_ns() <= now_ns && pace.due_ns() < end_ns {
            let publisher = usize::try_from(pace.next() % publishers).expect("below the number of publishers");
            if !self.sender.has_room(&self.pool, publisher) {
                break;
            }
            let channel = self.sender.enqueue(&mut self.pool, publisher, pace.due_ns());
            self.verifier.sent(publisher, channel, pace.due_ns());
            self.batch.push(pace.due_ns());
            pace.advance();
        }
        let count = pace.next() - first;
        for turn in 0..count.min(publishers) {
            let publisher = usize::try_from((first + turn) % publishers).expect("below the number of publishers");
            self.sender.flush(&mut self.pool, publisher)?;
        }
        // The time is taken once, after all sends. Bytes that a full socket did not take wait, and count as not sent in
        // time (`written`).
        let sent_ns = self.pool.clock.now_ns();
        for due_ns in self.batch.drain(..).filter(|due_ns| self.verifier.measured.contains(due_ns)) {
            self.lateness.record(sent_ns - due_ns);
        }
        Ok(())
    }

    /// Sends every message for which the publishers have credit.
    fn send_credit(&mut self, now_ns: u64) -> Result<(), Error> {
        if !self.verifier.in_flight_window.as_ref().is_some_and(InFlightWindow::has_credit) {
            return Ok(());
        }
        for publisher in 0..self.settings.publishers {
            let credit = self
                .verifier
                .in_flight_window
                .as_mut()
                .map_or(0, |in_flight_window| in_flight_window.take_credit(publisher));
            for _ in 0..credit {
                let channel = self.sender.enqueue(&mut self.pool, publisher, now_ns);
                self.verifier.sent(publisher, channel, now_ns);
            }
            if credit > 0 {
                self.sender.flush(&mut self.pool, publisher)?;
            }
        }
        Ok(())
    }

    fn sample(&self) -> Result<Sample, Error> {
        Ok(Sample {
            written: self.sender.written(&self.pool),
            traffic: self.pool.traffic,
            generator: CpuTime::of_this_thread()?,
            process: CpuTime::of(std::process::id())?,
            machine: MachineTime::now(),
            server: self.settings.server_pid.map(CpuTime::of).transpose()?,
            // This is read after the values that it dates, so that a late sample shows.
            at_ns: self.pool.clock.now_ns(),
        })
    }

    /// Receives the messages in flight, until all have arrived or the time is up, then waits briefly for duplicates.
    fn drain(&mut self) -> Result<(), Error> {
        self.reporter.enter(RunStage::Draining);
        let mut deadline = Deadline::after(self.settings.drain_timeout, self.pool.clock.now_ns());
        loop {
            let now_ns = self.pool.clock.now_ns();
            self.disturb(now_ns)?;
            if is_interrupted() {
                deadline.shorten(INTERRUPTED_DRAIN);
            }
            if self.is_drained() || deadline.is_over(now_ns) {
                break;
            }
            self.turn(deadline.at_ns().min(now_ns + DRAIN_LOOK_NS), None)?;
        }
        let end_ns = self.pool.clock.now_ns() + LINGER_NS;
        while self.pool.clock.now_ns() < end_ns {
            self.turn(end_ns, None)?;
        }
        Ok(())
    }

    /// Returns true if nothing more is to come.
    fn is_drained(&self) -> bool {
        if self.settings.disturbance == Disturbance::None {
            return self.verifier.settled() >= self.sender.expected;
        }
        // The messages that are still to come depend on who was subscribed when they were sent, so each connection is
        // checked.
        let sent = |publisher, channel| self.sender.sent(publisher, channel);
        self.membership.is_settled()
            && self.pool.connections.iter().enumerate().all(|(index, connection)| {
                connection.stage != Stage::Connected || self.verifier.missing(index, sent) == 0
            })
    }
}
