//! What a connection must do in time, and by when.
//!
//! No connection has a timer. Each notes when it did what, by the shard's clock, which stands still between two sweeps, and the
//! sweep looks at some of them each time, at each one at least once a second: that is how late a deadline may be.
//!
//! A deadline counts only time in which the shard could have heard the peer: the clock leaves out what the shard stood still. A
//! connection whose reading we pause cannot be blamed for what we do not read, nor one whose socket is full for not answering
//! a PING that stands behind what it has not taken. Nobody is ended for silence before half of the idle timeout has passed
//! since it was asked.
//!
//! A full socket takes no byte before its peer has read a third of what the kernel holds, which may be megabytes. So when
//! its time is over we ask how much that still is: a peer that has taken some of it has the time again.

use crate::lifecycle::State;
use crate::limits::ShardLimits;
use corecast_session::End;
use corecast_wire::Code;
use std::time::Duration;

/// How often a full socket has its time again: so it may take that many times longer than one whose peer reads nothing.
const MAX_EXTENSIONS: u32 = 16;

/// How often a peer that is not read and has ended its sending half is sent a PING, which it answers with a reset if it has
/// gone.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// When a connection did what.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Asks for a sign of life, where the protocol can.
    ping: Option<fn(&mut Vec<u8>)>,
    opened: Duration,
    /// How long it may be silent; zero for as long as it likes.
    idle_timeout: Duration,
    heard: Duration,
    /// When the frame began that has not ended.
    frame_began: Option<Duration>,
    /// Its socket takes no more.
    blocked: Option<Blocked>,
    /// When it was asked for a sign of life, if it was since it was heard.
    asked: Option<Duration>,
    /// Since when we do not read what it sends.
    paused: Option<Duration>,
    /// When it was last probed, after it had ended its sending half.
    probed: Option<Duration>,
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
    Reset(End),
}

impl Activity {
    /// The activity of a connection that has come at this time of the shard's.
    pub(crate) fn begin(ping: Option<fn(&mut Vec<u8>)>, idle_timeout: Duration, now: Duration) -> Self {
        Self {
            ping,
            opened: now,
            idle_timeout,
            heard: now,
            frame_began: None,
            blocked: None,
            asked: None,
            paused: None,
            probed: None,
        }
    }

    /// Appends a frame that asks for a sign of life, where the protocol can.
    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        if let Some(ping) = self.ping {
            ping(out);
        }
    }

    /// Bytes have come, perhaps a sign of life, with so many whole frames, and perhaps the beginning of another.
    pub(crate) fn received(&mut self, now: Duration, is_alive: bool, frames: usize, mid_frame: bool) {
        if is_alive {
            self.heard = now;
            self.asked = None;
        }
        let began = self.frame_began.filter(|_| frames == 0).unwrap_or(now);
        self.frame_began = mid_frame.then_some(began);
    }

    /// The socket takes no more.
    pub(crate) fn block(&mut self, now: Duration) {
        self.blocked = Some(Blocked { since: now, held: None, extensions: 0 });
    }

    /// The socket takes bytes again. What it was asked may have stood behind those that it had not taken.
    pub(crate) fn unblock(&mut self) {
        self.blocked = None;
        self.asked = None;
    }

    /// Nothing is read from now on.
    pub(crate) fn pause(&mut self, now: Duration) {
        self.paused = Some(now);
    }

    /// Reading goes on; the time of the pause does not count.
    pub(crate) fn resume(&mut self, now: Duration) {
        let Some(since) = self.paused.take() else { return };
        let pause = now.saturating_sub(since);
        self.heard += pause;
        self.frame_began = self.frame_began.map(|began| began + pause);
        self.asked = self.asked.map(|asked| asked + pause);
    }

    /// Returns true if the connection is not read. No read then discovers that the peer has gone.
    pub(crate) fn is_unread(&self) -> bool {
        self.paused.is_some()
    }

    /// Returns true if a PING is due to a peer that has ended its sending half and is not read: it may be waiting for its
    /// frames to take effect, or have gone. The kernel's own probes and the write deadline cover peers that cannot be sent
    /// a PING or whose socket is full.
    pub(crate) fn must_probe(&mut self, state: State, now: Duration) -> bool {
        let early = |probed: Duration| now.saturating_sub(probed) < PROBE_INTERVAL;
        if self.ping.is_none() || state != State::Open || self.blocked.is_some() {
            return false;
        }
        if self.probed.is_some_and(early) {
            return false;
        }
        self.probed = Some(now);
        true
    }

    /// Whether the time of a full socket is over, of which the kernel holds so many bytes; looks at them soon, and when it
    /// is.
    fn is_stuck(&mut self, blocked: Blocked, now: Duration, is_over: bool, held: impl FnOnce() -> u32) -> bool {
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
        self.blocked = Some(progress);
        false
    }

    /// What is due now of a connection that is served, if anything is, and if the kernel holds so many bytes for it. A PING
    /// is due once in a silence.
    pub(crate) fn due(
        &mut self,
        state: State,
        now: Duration,
        limits: &ShardLimits,
        held: impl FnOnce() -> u32,
    ) -> Option<Due> {
        let over = |since: Duration, limit: Duration| !limit.is_zero() && now.saturating_sub(since) >= limit;
        if let Some(blocked) = self.blocked {
            let text = "the peer took nothing of what it was sent, or too little";
            let is_over = over(blocked.since, limits.write_timeout);
            let is_stuck = self.is_stuck(blocked, now, is_over, held);
            return is_stuck.then(|| Due::Reset(End::new(Code::WriteTimeout, text)));
        }
        if self.is_unread() {
            return None;
        }
        let end = |code, text| Some(Due::End(End::new(code, text)));
        if self.frame_began.is_some_and(|since| over(since, limits.frame_timeout)) {
            return end(Code::FrameTimeout, "a frame that had begun did not end in time");
        }
        if state == State::Opening {
            let late = over(self.opened, limits.hello_timeout);
            return late.then(|| Due::End(End::new(Code::HelloTimeout, "no HELLO came in time")));
        }
        if self.ping.is_none() {
            let silent = over(self.heard, self.idle_timeout);
            return silent.then(|| Due::End(End::new(Code::IdleTimeout, "nothing came for too long")));
        }
        let half = self.idle_timeout / 2;
        match self.asked {
            None if over(self.heard, half) => {
                self.asked = Some(now);
                Some(Due::Ping)
            }
            Some(asked) if over(asked, half) => {
                end(Code::IdleTimeout, "nothing came for too long, not even an answer to a PING")
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> ShardLimits {
        ShardLimits {
            hello_timeout: 10 * SECOND,
            frame_timeout: 20 * SECOND,
            write_timeout: 30 * SECOND,
            ..ShardLimits::none()
        }
    }

    /// What is due at a second, by name.
    fn due(activity: &mut Activity, second: u32) -> String {
        due_in(State::Open, activity, second)
    }

    fn due_in(state: State, activity: &mut Activity, second: u32) -> String {
        due_while(state, activity, second, 0)
    }

    /// The same, while the kernel holds so many bytes.
    fn due_while(state: State, activity: &mut Activity, second: u32, held: u32) -> String {
        match activity.due(state, second * SECOND, &limits(), || held) {
            None => "nothing".to_owned(),
            Some(Due::Ping) => "ping".to_owned(),
            Some(Due::End(end)) => format!("end {}", end.code.name()),
            Some(Due::Reset(end)) => format!("reset {}", end.code.name()),
        }
    }

    fn native(now: Duration) -> Activity {
        Activity::begin(Some(|out| out.push(b'?')), 60 * SECOND, now)
    }

    fn greeted() -> Activity {
        let mut activity = native(Duration::ZERO);
        activity.received(Duration::ZERO, true, 1, false);
        activity
    }

    #[test]
    fn bytes_that_are_no_frame_do_not_put_off_the_hello() {
        let mut activity = native(SECOND);
        activity.received(9 * SECOND, true, 0, true);
        assert_eq!(due_in(State::Opening, &mut activity, 10), "nothing");
        assert_eq!(due_in(State::Opening, &mut activity, 11), "end hello_timeout");
    }

    #[test]
    fn bytes_do_not_put_off_the_end_of_their_frame_but_its_end_does() {
        let mut activity = greeted();
        activity.received(10 * SECOND, true, 0, true);
        activity.received(29 * SECOND, true, 0, true);
        assert_eq!(due(&mut activity, 29), "nothing");
        assert_eq!(due(&mut activity, 30), "end frame_timeout");
        activity.received(30 * SECOND, true, 1, true);
        assert_eq!(due(&mut activity, 49), "nothing");
        activity.received(49 * SECOND, true, 1, false);
        assert_eq!(due(&mut activity, 70), "nothing");
    }

    #[test]
    fn silence_is_asked_about_once_and_then_ends() {
        let mut activity = greeted();
        assert_eq!(due(&mut activity, 29), "nothing");
        assert_eq!(due(&mut activity, 30), "ping");
        assert_eq!(due(&mut activity, 31), "nothing");
        assert_eq!(due(&mut activity, 60), "end idle_timeout");
        activity.received(60 * SECOND, true, 1, false);
        assert_eq!(due(&mut activity, 89), "nothing");
        assert_eq!(due(&mut activity, 90), "ping");
    }

    #[test]
    fn a_full_socket_has_its_own_deadline_and_no_other() {
        let mut activity = greeted();
        activity.block(50 * SECOND);
        assert_eq!(due(&mut activity, 79), "nothing");
        assert_eq!(due(&mut activity, 80), "reset write_timeout");
    }

    #[test]
    fn what_was_asked_before_the_socket_was_full_is_asked_again() {
        let mut activity = greeted();
        assert_eq!(due(&mut activity, 30), "ping");
        activity.block(50 * SECOND);
        assert_eq!(due(&mut activity, 79), "nothing");
        activity.unblock();
        assert_eq!(due(&mut activity, 79), "ping");
        assert_eq!(due(&mut activity, 108), "nothing");
        assert_eq!(due(&mut activity, 109), "end idle_timeout");
    }

    #[test]
    fn nobody_is_ended_for_silence_before_it_had_its_time_to_answer() {
        let mut activity = greeted();
        // A look that comes late asks first.
        assert_eq!(due(&mut activity, 100), "ping");
        assert_eq!(due(&mut activity, 129), "nothing");
        assert_eq!(due(&mut activity, 130), "end idle_timeout");
    }

    #[test]
    fn a_full_socket_has_its_time_again_while_its_peer_takes_what_the_kernel_holds() {
        let mut activity = greeted();
        activity.block(50 * SECOND);
        for (second, held, expected) in [
            (51, 1000, "nothing"),
            (80, 999, "nothing"),
            // What was taken counts from the last look on.
            (109, 500, "nothing"),
            (110, 400, "nothing"),
            (139, 400, "nothing"),
            (140, 400, "reset write_timeout"),
        ] {
            assert_eq!(due_while(State::Open, &mut activity, second, held), expected, "{second}");
        }
    }

    #[test]
    fn a_full_socket_has_its_time_again_only_so_often() {
        let mut activity = greeted();
        activity.block(Duration::ZERO);
        assert_eq!(due_while(State::Open, &mut activity, 1, 1000), "nothing");
        for extension in 1..=MAX_EXTENSIONS {
            assert_eq!(due_while(State::Open, &mut activity, 30 * extension, 1000 - extension), "nothing");
        }
        assert_eq!(due_while(State::Open, &mut activity, 30 * (MAX_EXTENSIONS + 1), 0), "reset write_timeout");
    }

    #[test]
    fn a_pause_of_ours_does_not_count() {
        let mut activity = greeted();
        activity.received(10 * SECOND, true, 0, true);
        activity.pause(15 * SECOND);
        assert_eq!(due(&mut activity, 100), "nothing");
        activity.resume(100 * SECOND);
        // The five seconds before the pause do.
        assert_eq!(due(&mut activity, 114), "nothing");
        assert_eq!(due(&mut activity, 115), "end frame_timeout");
    }

    #[test]
    fn pauses_do_not_put_off_the_end_of_a_frame_for_ever() {
        let mut activity = greeted();
        activity.received(10 * SECOND, true, 0, true);
        for second in 11..30 {
            activity.pause(second * SECOND);
            activity.resume(second * SECOND);
            assert_eq!(due(&mut activity, second), "nothing");
        }
        assert_eq!(due(&mut activity, 30), "end frame_timeout");
    }

    #[test]
    fn a_full_socket_has_its_deadline_while_nothing_is_read_too() {
        let mut activity = greeted();
        activity.pause(SECOND);
        activity.block(SECOND);
        assert_eq!(due(&mut activity, 31), "reset write_timeout");
    }

    #[test]
    fn who_has_ended_its_sending_half_is_probed_now_and_then_where_it_can_be() {
        let probes = |activity: &mut Activity, state| {
            (0..30).filter(|second| activity.must_probe(state, *second * SECOND)).collect::<Vec<_>>()
        };
        assert_eq!(probes(&mut greeted(), State::Open), [0, 10, 20]);
        assert_eq!(probes(&mut native(Duration::ZERO), State::Opening), []);
        assert_eq!(probes(&mut Activity::begin(None, SECOND, Duration::ZERO), State::Open), []);
        let mut full = greeted();
        full.block(Duration::ZERO);
        assert_eq!(probes(&mut full, State::Open), []);
    }

    #[test]
    fn who_only_listens_in_plain_is_ended_if_so_set() {
        let mut activity = Activity::begin(None, 5 * SECOND, Duration::ZERO);
        assert_eq!(due(&mut activity, 4), "nothing");
        activity.received(4 * SECOND, true, 1, false);
        assert_eq!(due(&mut activity, 8), "nothing");
        assert_eq!(due(&mut activity, 9), "end idle_timeout");
    }

    #[test]
    fn who_only_listens_in_plain_is_left_alone_unless_a_frame_has_begun() {
        let mut activity = Activity::begin(None, Duration::ZERO, Duration::ZERO);
        assert_eq!(due(&mut activity, 1_000_000), "nothing");
        activity.received(1_000_000 * SECOND, true, 0, true);
        assert_eq!(due(&mut activity, 1_000_020), "end frame_timeout");
    }

    #[test]
    fn a_deadline_of_zero_is_none() {
        let limits = ShardLimits {
            hello_timeout: Duration::ZERO,
            frame_timeout: Duration::ZERO,
            write_timeout: Duration::ZERO,
            ..ShardLimits::none()
        };
        let native = || Activity::begin(Some(|out| out.push(b'?')), Duration::ZERO, Duration::ZERO);
        let mut stuck = native();
        stuck.received(Duration::ZERO, true, 1, true);
        let mut full = native();
        full.block(Duration::ZERO);
        for mut activity in [native(), stuck, full] {
            for state in [State::Opening, State::Open] {
                assert!(activity.due(state, 1_000_000 * SECOND, &limits, || 0).is_none());
            }
        }
    }
}
