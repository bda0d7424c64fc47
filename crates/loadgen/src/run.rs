//! One run: attach, warm up, measure, drain, report.

use crate::attach::attach;
use crate::clock::{Clock, duration_ns};
use crate::connection::Stage;
use crate::dialect::{Dialect, Native, Nats, Plain, Redis};
use crate::evaluation::{Evidence, Sample, evaluate};
use crate::fleet::{Fleet, subject};
use crate::flight::Flight;
use crate::intake::Intake;
use crate::latency::Latency;
use crate::pace::Pace;
use crate::payload::Stamp;
use crate::sender::Sender;
use crate::usage::{CpuTime, resident_bytes};
use crate::{Error, Host, Load, Protocol, Report, Settings, host};
use rustix::event::epoll::Event;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long to listen for what should not come, once everything that should has.
const LINGER_NS: u64 = 50_000_000;

/// Puts load on a server and reports what came of it.
///
/// The load runs on a thread of its own, which is pinned if the settings say so; the call returns when it
/// is done, after at most the sum of the settings' times. The soft limit of descriptors is raised to the
/// hard one, for the whole process.
///
/// # Errors
/// No report could be made. What the server does wrong under load is in the report.
pub fn run(settings: &Settings) -> Result<Report, Error> {
    settings.check()?;
    host::allow_descriptors(settings.connections())?;
    let host = Host::here();
    let on_thread = || {
        host::pin(&settings.cpus)?;
        host::tighten_timers()?;
        match settings.protocol {
            Protocol::Plain => run_with(settings, host, Plain::new()),
            Protocol::Native => run_with(settings, host, Native::new()),
            Protocol::Redis => run_with(settings, host, Redis),
            Protocol::Nats => run_with(settings, host, Nats),
        }
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("loadgen".to_owned());
        let running = thread.spawn_scoped(scope, on_thread).map_err(Error::system("clone"))?;
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn run_with<D: Dialect>(settings: &Settings, host: Host, dialect: D) -> Result<Report, Error> {
    let clock = Clock::start();
    let names = settings.channel_names();
    let stamp = Stamp::new(run_id(), settings.payload_bytes);
    let memory = || settings.server_pid.map(resident_bytes).transpose();
    let memory_before = memory()?;
    let fleet = attach(settings, &names, &stamp, dialect, clock)?;
    let memory_attached = memory()?;

    let start_ns = clock.now_ns();
    let measured_from = start_ns + duration_ns(settings.warmup);
    let measured = measured_from..measured_from + duration_ns(settings.duration);
    let (drive, flight) = match settings.load {
        Load::Paced { rate } => (Drive::Paced(Pace::new(start_ns, rate)), None),
        Load::Saturate { in_flight } => (Drive::Saturate, Some(Flight::new(settings, in_flight))),
    };
    let receivers = if D::PUBLISHERS_RECEIVE { settings.connections() } else { settings.subscribers };
    let mut run = Run {
        settings,
        fleet,
        drive,
        intake: Intake::new(settings, &names, &stamp, receivers, measured.clone(), flight),
        sender: Sender::new::<D>(settings, &names, &stamp),
        lateness: Latency::new(),
        batch: Vec::new(),
        events: Fleet::<D>::events(),
    };
    run.load_until(measured.start)?;
    let from = run.sample()?;
    run.load_until(measured.end)?;
    let to = run.sample()?;
    let memory_loaded = memory()?;
    run.drain()?;
    let Run { fleet, drive, intake, sender, lateness, .. } = run;
    let checks = intake.checks(|publisher, channel| sender.sent(publisher, channel));
    let (latency, latency_curve) = intake.latency.summary_and_curve();
    Ok(evaluate(Evidence {
        settings,
        host,
        from,
        to,
        offered: drive.offered(&measured),
        total_messages: sender.messages,
        expected: sender.expected,
        memory: memory_before.zip(memory_attached).zip(memory_loaded),
        checks,
        disconnected: fleet.connections.iter().filter(|connection| connection.stage == Stage::Closed).count(),
        last_arrival_ns: intake.last_arrival_ns,
        counts: intake.counts,
        latency,
        latency_curve,
        lateness: lateness.summary(),
        traffic: fleet.traffic,
    }))
}

/// Tells this run's payloads from those of any other.
fn run_id() -> u32 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    std::process::id().rotate_left(16) ^ time.subsec_nanos() ^ u32::from_le_bytes(low_bytes(time.as_secs()))
}

fn low_bytes(word: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = word.to_le_bytes();
    [a, b, c, d]
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
    fleet: Fleet<D>,
    drive: Drive,
    intake: Intake<'a>,
    sender: Sender<'a>,
    lateness: Latency,
    /// The due times of the messages that are being sent; its memory stays.
    batch: Vec<u64>,
    events: Vec<Event>,
}

impl<D: Dialect> Run<'_, D> {
    /// Sends and receives until a time, and sends everything that is due before it.
    fn load_until(&mut self, end_ns: u64) -> Result<(), Error> {
        loop {
            let now_ns = self.fleet.clock.now_ns();
            self.send(now_ns, end_ns)?;
            if now_ns >= end_ns {
                return Ok(());
            }
            let wake_ns = match &self.drive {
                Drive::Paced(pace) => pace.due_ns().min(end_ns),
                Drive::Saturate => end_ns,
            };
            self.turn(wake_ns, Some(end_ns))?;
        }
    }

    /// Waits once and serves what is ready. With `sending_until` given, a paced message that falls due
    /// meanwhile does not wait for the last event.
    fn turn(&mut self, wake_ns: u64, sending_until: Option<u64>) -> Result<(), Error> {
        let mut events = std::mem::take(&mut self.events);
        self.fleet.wait(&mut events, wake_ns)?;
        for event in &events {
            self.fleet.serve(event, &mut self.intake)?;
            let (index, _) = subject(event);
            if self.fleet.connections[index].stage == Stage::Closed && self.fleet.publisher(index).is_some() {
                let reason = "under load".to_owned();
                return Err(Error::Closed { connection: index, role: "publisher", reason });
            }
            if let (Drive::Paced(_), Some(end_ns)) = (&self.drive, sending_until) {
                self.send(self.fleet.clock.now_ns(), end_ns)?;
            }
        }
        self.events = events;
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
            self.sender.enqueue(&mut self.fleet, publisher, pace.due_ns());
            self.batch.push(pace.due_ns());
            pace.advance();
        }
        let count = pace.next() - first;
        let sent_ns = self.fleet.clock.now_ns();
        for due_ns in self.batch.drain(..).filter(|due_ns| self.intake.measured.contains(due_ns)) {
            self.lateness.record(sent_ns - due_ns);
        }
        for turn in 0..count.min(publishers) {
            let publisher = usize::try_from((first + turn) % publishers).expect("below the number of publishers");
            self.sender.flush(&mut self.fleet, publisher)?;
        }
        Ok(())
    }

    /// Sends all that the publishers have credit for.
    fn send_credit(&mut self, now_ns: u64) -> Result<(), Error> {
        let Some(flight) = self.intake.flight.as_mut().filter(|flight| flight.has_credit()) else { return Ok(()) };
        for publisher in 0..self.settings.publishers {
            let credit = flight.take_credit(publisher);
            for _ in 0..credit {
                self.sender.enqueue(&mut self.fleet, publisher, now_ns);
            }
            if credit > 0 {
                self.sender.flush(&mut self.fleet, publisher)?;
            }
        }
        Ok(())
    }

    fn sample(&self) -> Result<Sample, Error> {
        Ok(Sample {
            at_ns: self.fleet.clock.now_ns(),
            written: self.sender.written(&self.fleet),
            traffic: self.fleet.traffic,
            generator: CpuTime::of_this_thread()?,
            server: self.settings.server_pid.map(CpuTime::of).transpose()?,
        })
    }

    /// Receives what is under way, until all is here or time is up; then listens a little for repeats.
    fn drain(&mut self) -> Result<(), Error> {
        let deadline_ns = self.fleet.clock.now_ns() + duration_ns(self.settings.drain_timeout);
        while self.intake.settled() < self.sender.expected && self.fleet.clock.now_ns() < deadline_ns {
            self.turn(deadline_ns, None)?;
        }
        let end_ns = self.fleet.clock.now_ns() + LINGER_NS;
        while self.fleet.clock.now_ns() < end_ns {
            self.turn(end_ns, None)?;
        }
        Ok(())
    }
}
