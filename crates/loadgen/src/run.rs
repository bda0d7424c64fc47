//! One run: attach, warm up, measure, drain, report.

use crate::absence::Absence;
use crate::attach::attach;
use crate::clock::{Clock, duration_ns};
use crate::connection::Stage;
use crate::deadline::Deadline;
use crate::dialect::{Dialect, Native, Nats, Plain, Redis};
use crate::disturbance::{Schedule, Step};
use crate::evaluation::{Evidence, Sample, evaluate};
use crate::fleet::{Fleet, subject};
use crate::flight::Flight;
use crate::intake::Intake;
use crate::interruption::{self, is_interrupted};
use crate::latency::Latency;
use crate::membership::Membership;
use crate::pace::Pace;
use crate::payload::Stamp;
use crate::progress::Reporter;
use crate::sender::Sender;
use crate::shards;
use crate::usage::{CpuTime, MachineTime, resident_bytes};
use crate::visitors::Visitors;
use crate::{
    Distribution, Disturbance, Environment, Error, Host, Load, Progress, Protocol, Report, RunStage, Settings, Stalled,
    host, settings,
};
use rustix::event::epoll::Event;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long to listen for what should not come, once everything that should has.
const LINGER_NS: u64 = 50_000_000;
/// How long an interrupted run waits for what is under way.
const INTERRUPTED_DRAIN: Duration = Duration::from_secs(1);
/// How often to look whether everything that should has come, at least.
const DRAIN_LOOK_NS: u64 = 5_000_000;

/// What a run found, with its distributions in full.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// What it found.
    pub report: Report,
    /// Of single deliveries, as [`Report::latency_us`].
    pub latency: Distribution,
    /// Of whole broadcasts, as [`Report::completion_us`].
    pub completion: Distribution,
}

/// Puts load on a server and reports what came of it.
///
/// The load runs on a thread of its own, which is pinned if the settings say so; the call returns when it
/// is done, after at most the sum of the settings' times. The soft limit of descriptors is raised to the
/// hard one, for the whole process.
///
/// # Errors
/// No report could be made. What the server does wrong under load is in the report.
pub fn run(settings: &Settings) -> Result<Report, Error> {
    Ok(measure(settings, None::<fn(Progress)>)?.report)
}

/// As [`run`], with the distributions, and telling a listener of its progress on the caller's thread.
///
/// # Errors
/// As [`run`].
pub fn measure(settings: &Settings, listener: Option<impl FnMut(Progress)>) -> Result<Measurement, Error> {
    settings.check()?;
    let settings = &settings.with_own_channels();
    host::allow_descriptors(settings.connections() + settings.disturbance.visitors())?;
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
            // Ends with the run, which takes the sender with it.
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
    reporter.enter(RunStage::Attaching);
    let fleet = attach(settings, &names, &stamp, dialect, clock)?;
    let memory_attached = memory()?;
    let shards = || settings.admin_socket.as_deref().map(shards::status).transpose();
    let shards_attached = shards()?.unwrap_or_default();

    let start_ns = clock.now_ns();
    let measured_from = start_ns + duration_ns(settings.warmup);
    let mut measured = measured_from..measured_from + duration_ns(settings.duration);
    let (drive, flight) = match settings.load {
        Load::Paced { rate } => (Drive::Paced(Pace::new(start_ns, rate)), None),
        Load::Saturate { in_flight } => (Drive::Saturate, Some(Flight::new(settings, in_flight))),
    };
    let mut run = Run {
        settings,
        names: &names,
        start_ns,
        fleet,
        drive,
        schedule: Schedule::new(settings, &measured),
        membership: Membership::new(),
        visitors: Visitors::default(),
        storming: false,
        intake: Intake::new(settings, &names, &stamp, D::PUBLISHERS_RECEIVE, measured.clone(), flight),
        sender: Sender::new::<D>(settings, &names, &stamp),
        lateness: Latency::new(),
        batch: Vec::new(),
        events: Fleet::<D>::events(),
        reporter,
    };
    run.load_until(measured.start, RunStage::WarmingUp)?;
    interruption::check()?;
    let from = run.sample()?;
    run.fleet.absence = Absence::since(from.at_ns);
    run.load_until(measured.end, RunStage::Measuring)?;
    measured.end = run.cut_if_interrupted(measured.end);
    let to = run.sample()?;
    run.fleet.absence.look(to.at_ns);
    let absence = run.fleet.absence.longest();
    let memory_loaded = memory()?;
    run.drain()?;
    let shards_drained = shards()?.unwrap_or_default();
    let Run { fleet, drive, mut intake, sender, mut lateness, membership, .. } = run;
    let sent = |publisher, channel| sender.sent(publisher, channel);
    let checks = intake.checks(sent);
    let (mut latency, intervals, phases) = intake.timeline.finish(intake.counts.measured_to_subscribers);
    let report = evaluate(Evidence {
        settings,
        host,
        environment,
        from,
        to,
        absence,
        offered: drive.offered(&measured),
        interrupted: is_interrupted(),
        measured,
        total_messages: sender.messages,
        expected: sender.expected,
        memory: memory_before.zip(memory_attached).zip(memory_loaded),
        shards: shards::parts(&shards_attached, &shards_drained),
        disconnected: disconnected(&fleet, settings),
        stalled: stalled(&fleet, &intake, settings, sent),
        checks,
        last_arrival_ns: intake.last_arrival_ns,
        counts: intake.counts,
        latency: latency.summary(),
        latency_curve: latency.curve(),
        fairness: intake.means.fairness(),
        completion: intake.completion.total.summary(),
        skew: intake.completion.skew.summary(),
        completion_overflowed: intake.completion.overflowed,
        lateness: lateness.summary(),
        traffic: fleet.traffic,
        intervals,
        phases,
        reconnections: membership.finish(matches!(settings.disturbance, Disturbance::Storm { .. })),
    });
    let completion = Distribution::of(&mut intake.completion.total);
    Ok(Measurement { report, latency: Distribution::of(&mut latency), completion })
}

/// Subscribers that are not connected in the end, those that stall left out.
fn disconnected<D>(fleet: &Fleet<D>, settings: &Settings) -> usize {
    let stalled = settings.disturbance.stalled(settings.subscribers);
    fleet.connections[..stalled.start].iter().filter(|connection| connection.stage != Stage::Attached).count()
}

/// What became of those who stalled.
fn stalled<D>(
    fleet: &Fleet<D>,
    intake: &Intake<'_>,
    settings: &Settings,
    sent: impl Fn(usize, usize) -> u64,
) -> Option<Stalled> {
    let range = settings.disturbance.stalled(settings.subscribers);
    let subscribers = range.len() as u64;
    let mut stalled = Stalled {
        subscribers,
        delivered: intake.counts.to_stalled,
        checks: intake.stalled_checks().clone(),
        ..Stalled::default()
    };
    for index in range {
        let missing = intake.missing(index, &sent);
        if fleet.connections[index].stage == Stage::Closed {
            stalled.disconnected += 1;
            stalled.cut_off += missing;
        } else {
            stalled.checks.lost += missing;
        }
    }
    (subscribers > 0).then_some(stalled)
}

/// Tells this run's payloads from those of any other, and from anything else.
fn run_id() -> u32 {
    let [a, b, c, d, ..] = settings::random().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What decides when the next message is sent.
enum Drive {
    /// The clock.
    Paced(Pace),
    /// The credit of the [`Flight`].
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
    fleet: Fleet<D>,
    drive: Drive,
    /// What is still to be done to subscribers.
    schedule: Schedule,
    membership: Membership,
    visitors: Visitors,
    /// Whether all were cut off and not all are back.
    storming: bool,
    intake: Intake<'a>,
    sender: Sender<'a>,
    lateness: Latency,
    /// The due times of the messages that are being sent; its memory stays.
    batch: Vec<u64>,
    events: Vec<Event>,
    reporter: Reporter,
}

impl<D: Dialect> Run<'_, D> {
    /// Ends the window now if that is asked for; when it ends.
    fn cut_if_interrupted(&mut self, end_ns: u64) -> u64 {
        let now_ns = self.fleet.clock.now_ns();
        if !is_interrupted() || now_ns >= end_ns {
            return end_ns;
        }
        self.intake.cut(now_ns);
        self.schedule.cut(now_ns);
        now_ns
    }

    /// Sends and receives until a time or an interruption, and sends everything that is due before it.
    fn load_until(&mut self, end_ns: u64, stage: RunStage) -> Result<(), Error> {
        loop {
            let now_ns = self.fleet.clock.now_ns();
            self.send(now_ns, end_ns)?;
            if now_ns >= self.reporter.due_ns() {
                self.tell(stage, now_ns);
            }
            if now_ns >= end_ns || is_interrupted() {
                // What is to be done to subscribers at this moment waits until the accounts are taken: it may be long.
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
        let (deliveries, p99_us) = (self.intake.counts.arrived(), self.intake.timeline.p99_us());
        self.reporter.report(stage, now_ns, self.start_ns, deliveries, p99_us);
    }

    /// Does to subscribers what is due, and what follows from what was done.
    fn disturb(&mut self, now_ns: u64) -> Result<(), Error> {
        let Self { schedule, membership, visitors, fleet, intake, sender, settings, .. } = self;
        while let Some(step) = schedule.take(now_ns) {
            match step {
                Step::Return(range) => membership.bid_leave(range, fleet, intake, sender, settings),
                Step::Break(range) => {
                    intake.timeline.mark("during", now_ns, intake.counts.measured_to_subscribers);
                    self.storming = true;
                    membership.cut(range, fleet, intake, settings)?;
                }
                Step::StopReading(range) => range.into_iter().try_for_each(|index| fleet.pause(index, true, intake))?,
                Step::Trickle(range) => range.into_iter().for_each(|index| fleet.trickle(index)),
                Step::Visit => visitors.visit(settings.address)?,
                Step::Read(range) => range.into_iter().try_for_each(|index| fleet.pause(index, false, intake))?,
            }
            fleet.absence.excuse_until(fleet.clock.now_ns());
        }
        membership.see_off(fleet, intake, settings)?;
        if self.storming && membership.is_settled() {
            self.storming = false;
            intake.timeline.mark("after", fleet.clock.now_ns(), intake.counts.measured_to_subscribers);
        }
        Ok(())
    }

    /// Waits once and serves what is ready. With `sending_until` given, a paced message that falls due
    /// meanwhile does not wait for the last event.
    fn turn(&mut self, wake_ns: u64, sending_until: Option<u64>) -> Result<(), Error> {
        let mut events = std::mem::take(&mut self.events);
        self.fleet.wait(&mut events, wake_ns)?;
        for event in &events {
            self.serve(event)?;
            if let (Drive::Paced(_), Some(end_ns)) = (&self.drive, sending_until) {
                self.send(self.fleet.clock.now_ns(), end_ns)?;
            }
        }
        self.events = events;
        Ok(())
    }

    fn serve(&mut self, event: &Event) -> Result<(), Error> {
        let Self { membership, fleet, intake, sender, settings, names, .. } = self;
        // One that was replaced since the wait.
        if !fleet.is_current(event) || membership.serve(event, fleet, intake, sender, settings, names)? {
            return Ok(());
        }
        fleet.serve(event, intake)?;
        let (index, _) = subject(event);
        if fleet.connections[index].stage == Stage::Closed && fleet.publisher(index).is_some() {
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

    /// Sends every message that is due, up to one round of publishers and more if the generator is behind.
    fn send_due(&mut self, now_ns: u64, end_ns: u64) -> Result<(), Error> {
        let Drive::Paced(pace) = &mut self.drive else { return Ok(()) };
        let publishers = self.settings.publishers as u64;
        let first = pace.next();
        while pace.due_ns() <= now_ns && pace.due_ns() < end_ns {
            let publisher = usize::try_from(pace.next() % publishers).expect("below the number of publishers");
            if !self.sender.has_room(&self.fleet, publisher) {
                break;
            }
            let channel = self.sender.enqueue(&mut self.fleet, publisher, pace.due_ns());
            self.intake.sent(publisher, channel, pace.due_ns());
            self.batch.push(pace.due_ns());
            pace.advance();
        }
        let count = pace.next() - first;
        for turn in 0..count.min(publishers) {
            let publisher = usize::try_from((first + turn) % publishers).expect("below the number of publishers");
            self.sender.flush(&mut self.fleet, publisher)?;
        }
        // Once behind all sends. What a full socket did not take waits, and counts as not sent in time (`written`).
        let sent_ns = self.fleet.clock.now_ns();
        for due_ns in self.batch.drain(..).filter(|due_ns| self.intake.measured.contains(due_ns)) {
            self.lateness.record(sent_ns - due_ns);
        }
        Ok(())
    }

    /// Sends all that the publishers have credit for.
    fn send_credit(&mut self, now_ns: u64) -> Result<(), Error> {
        if !self.intake.flight.as_ref().is_some_and(Flight::has_credit) {
            return Ok(());
        }
        for publisher in 0..self.settings.publishers {
            let credit = self.intake.flight.as_mut().map_or(0, |flight| flight.take_credit(publisher));
            for _ in 0..credit {
                let channel = self.sender.enqueue(&mut self.fleet, publisher, now_ns);
                self.intake.sent(publisher, channel, now_ns);
            }
            if credit > 0 {
                self.sender.flush(&mut self.fleet, publisher)?;
            }
        }
        Ok(())
    }

    fn sample(&self) -> Result<Sample, Error> {
        Ok(Sample {
            written: self.sender.written(&self.fleet),
            traffic: self.fleet.traffic,
            generator: CpuTime::of_this_thread()?,
            process: CpuTime::of(std::process::id())?,
            machine: MachineTime::now(),
            server: self.settings.server_pid.map(CpuTime::of).transpose()?,
            // Behind all that it dates, so that an account taken late shows.
            at_ns: self.fleet.clock.now_ns(),
        })
    }

    /// Receives what is under way, until all is here or time is up; then listens a little for repeats.
    fn drain(&mut self) -> Result<(), Error> {
        self.reporter.enter(RunStage::Draining);
        let mut deadline = Deadline::after(self.settings.drain_timeout, self.fleet.clock.now_ns());
        loop {
            let now_ns = self.fleet.clock.now_ns();
            self.disturb(now_ns)?;
            if is_interrupted() {
                deadline.shorten(INTERRUPTED_DRAIN);
            }
            if self.is_drained() || deadline.is_over(now_ns) {
                break;
            }
            self.turn(deadline.at_ns().min(now_ns + DRAIN_LOOK_NS), None)?;
        }
        let end_ns = self.fleet.clock.now_ns() + LINGER_NS;
        while self.fleet.clock.now_ns() < end_ns {
            self.turn(end_ns, None)?;
        }
        Ok(())
    }

    /// Whether nothing more is to come.
    fn is_drained(&self) -> bool {
        if self.settings.disturbance == Disturbance::None {
            return self.intake.settled() >= self.sender.expected;
        }
        // Who was where when it was sent decides what is to come: each connection is asked.
        let sent = |publisher, channel| self.sender.sent(publisher, channel);
        self.membership.is_settled()
            && self
                .fleet
                .connections
                .iter()
                .enumerate()
                .all(|(index, connection)| connection.stage != Stage::Attached || self.intake.missing(index, sent) == 0)
    }
}
