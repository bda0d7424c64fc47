//! What a connection must do in time, and by when.
//!
//! No connection has a timer. Each notes when it did what, by a clock that stands still between two sweeps, and the
//! sweep looks at some of them each time, at each one at least once a second: that is how late a deadline may be.
//!
//! A connection whose reading we pause cannot be blamed for what we do not read, nor one whose socket is full for
//! not answering a PING that stands behind what it has not taken.
//!
//! A full socket takes no byte before its peer has read a third of what the kernel holds, which may be megabytes. So when
//! its time is over we ask how much that still is: a peer that has taken some of it has the time again.

use crate::config::{Limits, Protocol};
use crate::lifecycle::State;
use corecast_session::End;
use corecast_wire::Code;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How often a full socket has its time again: so it may take that many times longer than one whose peer reads nothing.
const MAX_EXTENSIONS: u32 = 16;

/// Time since the start of the shard, as of the last sweep.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    now: Cell<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), now: Cell::default() }
    }

    pub(crate) fn advance(&self) {
        self.now.set(self.start.elapsed());
    }

    pub(crate) fn now(&self) -> Duration {
        self.now.get()
    }
}

/// When a connection did what.
#[derive(Debug)]
pub(crate) struct Activity {
    protocol: Protocol,
    opened: Duration,
    heard: Cell<Duration>,
    /// When the frame began that has not ended.
    frame_began: Cell<Option<Duration>>,
    /// Its socket takes no more.
    blocked: Cell<Option<Blocked>>,
    /// It was asked for a sign of life since it was heard.
    pinged: Cell<bool>,
    /// We do not read what it sends.
    paused: Cell<bool>,
}

/// A socket that takes no more.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    /// Since when its peer has taken nothing, as far as we have looked.
    since: Duration,
    /// What the kernel held when we last looked, if we have.
    held: Option<u32>,
    extensions: u32,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum Due {
    /// To ask for a sign of life.
    Ping,
    /// To end the connection in order.
    End(End),
    /// To end it at once: it takes nothing, not even the reason.
    GiveUp(End),
}

impl Activity {
    pub(crate) fn new(protocol: Protocol, now: Duration) -> Self {
        Self {
            protocol,
            opened: now,
            heard: Cell::new(now),
            frame_began: Cell::default(),
            blocked: Cell::default(),
            pinged: Cell::default(),
            paused: Cell::default(),
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Bytes have come, with so many whole frames, and perhaps the beginning of another.
    pub(crate) fn received(&self, now: Duration, frames: usize, mid_frame: bool) {
        self.heard.set(now);
        self.pinged.set(false);
        let began = self.frame_began.get().filter(|_| frames == 0).unwrap_or(now);
        self.frame_began.set(mid_frame.then_some(began));
    }

    /// The socket takes no more.
    pub(crate) fn block(&self, now: Duration) {
        self.blocked.set(Some(Blocked { since: now, held: None, extensions: 0 }));
    }

    /// The socket takes bytes again.
    pub(crate) fn unblock(&self) {
        self.blocked.set(None);
    }

    /// Nothing is read from now on.
    pub(crate) fn pause(&self) {
        self.paused.set(true);
    }

    /// Reading goes on; the time of the pause does not count.
    pub(crate) fn resume(&self, now: Duration) {
        self.paused.set(false);
        self.heard.set(now);
        self.frame_began.update(|began| began.map(|_| now));
    }

    /// How long it has been here.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.opened)
    }

    /// Whether the time of a full socket is over, of which the kernel holds so many bytes; looks at them soon, and when it
    /// is.
    fn is_stuck(&self, blocked: Blocked, now: Duration, is_over: bool, held: impl FnOnce() -> u32) -> bool {
        let progress = match (blocked.held, is_over) {
            (Some(_), false) => return false,
            (None, false) => Blocked { held: Some(held()), ..blocked },
            (None, true) => return true,
            (Some(before), true) => {
                let held = held();
                if held >= before || blocked.extensions == MAX_EXTENSIONS {
                    return true;
                }
                Blocked { since: now, held: Some(held), extensions: blocked.extensions + 1 }
            }
        };
        self.blocked.set(Some(progress));
        false
    }

    /// What is due now of a connection that is served, if anything is, and if the kernel holds so many bytes for it. A PING
    /// is due once.
    pub(crate) fn due(&self, state: State, now: Duration, limits: &Limits, held: impl FnOnce() -> u32) -> Option<Due> {
        let over = |since: Duration, limit: Duration| !limit.is_zero() && now.saturating_sub(since) >= limit;
        if let Some(blocked) = self.blocked.get() {
            let text = "the peer took nothing of what it was sent, or too little";
            let is_over = over(blocked.since, limits.write_timeout);
            let is_stuck = self.is_stuck(blocked, now, is_over, held);
            return is_stuck.then(|| Due::GiveUp(End::new(Code::WriteTimeout, text)));
        }
        if self.paused.get() {
            return None;
        }
        let end = |code, text| Some(Due::End(End::new(code, text)));
        if self.frame_began.get().is_some_and(|since| over(since, limits.frame_timeout)) {
            return end(Code::FrameTimeout, "a frame that had begun did not end in time");
        }
        if self.protocol == Protocol::Plain {
            // Who only listens says nothing, and there is no frame to ask with.
            return None;
        }
        if state == State::Opening {
            let late = over(self.opened, limits.hello_timeout);
            return late.then(|| Due::End(End::new(Code::HelloTimeout, "no HELLO came in time")));
        }
        if over(self.heard.get(), limits.idle_timeout) {
            return end(Code::IdleTimeout, "nothing came for too long, not even an answer to a PING");
        }
        (over(self.heard.get(), limits.idle_timeout / 2) && !self.pinged.replace(true)).then_some(Due::Ping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits {
            hello_timeout: 10 * SECOND,
            frame_timeout: 20 * SECOND,
            idle_timeout: 60 * SECOND,
            write_timeout: 30 * SECOND,
            ..Limits::default()
        }
    }

    /// What is due at a second, by name.
    fn due(activity: &Activity, second: u32) -> String {
        due_in(State::Open, activity, second)
    }

    fn due_in(state: State, activity: &Activity, second: u32) -> String {
        due_while(state, activity, second, 0)
    }

    /// The same, while the kernel holds so many bytes.
    fn due_while(state: State, activity: &Activity, second: u32, held: u32) -> String {
        match activity.due(state, second * SECOND, &limits(), || held) {
            None => "nothing".to_owned(),
            Some(Due::Ping) => "ping".to_owned(),
            Some(Due::End(end)) => format!("end {}", end.code.name()),
            Some(Due::GiveUp(end)) => format!("give up {}", end.code.name()),
        }
    }

    fn greeted() -> Activity {
        let activity = Activity::new(Protocol::Native, Duration::ZERO);
        activity.received(Duration::ZERO, 1, false);
        activity
    }

    #[test]
    fn bytes_that_are_no_frame_do_not_put_off_the_hello() {
        let activity = Activity::new(Protocol::Native, SECOND);
        activity.received(9 * SECOND, 0, true);
        assert_eq!(due_in(State::Opening, &activity, 10), "nothing");
        assert_eq!(due_in(State::Opening, &activity, 11), "end hello_timeout");
    }

    #[test]
    fn bytes_do_not_put_off_the_end_of_their_frame_but_its_end_does() {
        let activity = greeted();
        activity.received(10 * SECOND, 0, true);
        activity.received(29 * SECOND, 0, true);
        assert_eq!(due(&activity, 29), "nothing");
        assert_eq!(due(&activity, 30), "end frame_timeout");
        activity.received(30 * SECOND, 1, true);
        assert_eq!(due(&activity, 49), "nothing");
        activity.received(49 * SECOND, 1, false);
        assert_eq!(due(&activity, 70), "nothing");
    }

    #[test]
    fn silence_is_asked_about_once_and_then_ends() {
        let activity = greeted();
        assert_eq!(due(&activity, 29), "nothing");
        assert_eq!(due(&activity, 30), "ping");
        assert_eq!(due(&activity, 31), "nothing");
        assert_eq!(due(&activity, 60), "end idle_timeout");
        activity.received(60 * SECOND, 1, false);
        assert_eq!(due(&activity, 89), "nothing");
        assert_eq!(due(&activity, 90), "ping");
    }

    #[test]
    fn a_full_socket_has_its_own_deadline_and_no_other() {
        let activity = greeted();
        activity.block(50 * SECOND);
        assert_eq!(due(&activity, 79), "nothing");
        assert_eq!(due(&activity, 80), "give up write_timeout");
        activity.unblock();
        assert_eq!(due(&activity, 80), "end idle_timeout");
    }

    #[test]
    fn a_full_socket_has_its_time_again_while_its_peer_takes_what_the_kernel_holds() {
        let activity = greeted();
        activity.block(50 * SECOND);
        for (second, held, expected) in [
            (51, 1000, "nothing"),
            (80, 999, "nothing"),
            // What was taken counts from the last look on.
            (109, 500, "nothing"),
            (110, 400, "nothing"),
            (139, 400, "nothing"),
            (140, 400, "give up write_timeout"),
        ] {
            assert_eq!(due_while(State::Open, &activity, second, held), expected, "{second}");
        }
    }

    #[test]
    fn a_full_socket_has_its_time_again_only_so_often() {
        let activity = greeted();
        activity.block(Duration::ZERO);
        assert_eq!(due_while(State::Open, &activity, 1, 1000), "nothing");
        for extension in 1..=MAX_EXTENSIONS {
            assert_eq!(due_while(State::Open, &activity, 30 * extension, 1000 - extension), "nothing");
        }
        assert_eq!(due_while(State::Open, &activity, 30 * (MAX_EXTENSIONS + 1), 0), "give up write_timeout");
    }

    #[test]
    fn a_pause_of_ours_does_not_count() {
        let activity = greeted();
        activity.received(10 * SECOND, 0, true);
        activity.pause();
        assert_eq!(due(&activity, 100), "nothing");
        activity.resume(100 * SECOND);
        assert_eq!(due(&activity, 119), "nothing");
        assert_eq!(due(&activity, 120), "end frame_timeout");
    }

    #[test]
    fn who_only_listens_in_plain_is_left_alone_unless_a_frame_has_begun() {
        let activity = Activity::new(Protocol::Plain, Duration::ZERO);
        assert_eq!(due(&activity, 1_000_000), "nothing");
        activity.received(1_000_000 * SECOND, 0, true);
        assert_eq!(due(&activity, 1_000_020), "end frame_timeout");
    }

    #[test]
    fn a_deadline_of_zero_is_none() {
        let limits = Limits {
            hello_timeout: Duration::ZERO,
            frame_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
            ..Limits::default()
        };
        let stuck = greeted();
        stuck.received(Duration::ZERO, 1, true);
        let full = greeted();
        full.block(Duration::ZERO);
        for activity in [greeted(), stuck, full] {
            for state in [State::Opening, State::Open] {
                assert!(activity.due(state, 1_000_000 * SECOND, &limits, || 0).is_none());
            }
        }
    }
}
