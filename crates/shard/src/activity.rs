//! The deadlines of a connection that is served, and the events from which they follow.
//!
//! No connection has a timer. Each connection notes the times of its events by the shard's clock, which stands still
//! between two sweeps. A sweep checks some of the connections, and every connection is checked at least once a second: a
//! deadline may be late by that much.
//!
//! A deadline counts only time in which the shard could have heard the peer: the clock leaves out the time for which the
//! shard stood still. While the shard does not read a connection, the peer is not blamed for silence. A peer whose socket
//! is full is not blamed for leaving a PING unanswered, because the PING waits behind bytes that the peer has not taken. No
//! connection ends for silence before half of the idle timeout has passed since it was sent a PING.
//!
//! A full socket takes no byte before its peer has read a third of the bytes that the kernel holds, which may be megabytes.
//! So when the write timeout has passed, the shard asks how many bytes the kernel still holds. A peer that has taken some
//! of them gets the write timeout again.

use crate::lifecycle::State;
use crate::limits::ShardLimits;
use corecast_session::End;
use corecast_wire::Code;
use std::time::Duration;

/// The number of times that a full socket gets the write timeout again. A slow peer may therefore take that many times
/// longer than a peer that reads nothing.
const MAX_EXTENSIONS: u32 = 16;

/// The interval between two PINGs to a peer that is not read and has ended its sending half. The host of a peer that is
/// gone answers with a reset.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// The times of a connection's events, by the shard's clock.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Encodes a frame that asks for a sign of life, where the protocol has one.
    ping: Option<fn(&mut Vec<u8>)>,
    opened: Duration,
    /// The time for which the connection may be silent; zero for no limit.
    idle_timeout: Duration,
    heard: Duration,
    /// The time at which the incomplete frame began, if there is one.
    frame_began: Option<Duration>,
    /// Set while the socket takes no more bytes.
    blocked: Option<Blocked>,
    /// The time at which the peer was asked for a sign of life, if it has given none since.
    asked: Option<Duration>,
    /// The time since which the connection is not read.
    paused: Option<Duration>,
    /// The time of the last probe after the peer had ended its sending half.
    probed: Option<Duration>,
}

/// A socket that takes no more bytes.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    /// The time since which the peer has taken nothing, as of the last check.
    since: Duration,
    /// The bytes that the kernel held at the last check, if there was one.
    held: Option<u32>,
    extensions: u32,
}

/// An action that a deadline requires.
#[derive(Debug)]
pub(crate) enum Due {
    /// Ask for a sign of life.
    Ping,
    /// End the connection in order.
    End(End),
    /// End the connection at once: it takes nothing, not even the close frame.
    Reset(End),
}

impl Activity {
    /// Creates the activity of a connection that was accepted at this time of the shard's clock.
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

    /// Appends a frame that asks for a sign of life, where the protocol has one.
    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        if let Some(ping) = self.ping {
            ping(out);
        }
    }

    /// Notes received bytes: whether they are a sign of life, the number of frames that they complete, and whether they end
    /// inside a frame.
    pub(crate) fn received(&mut self, now: Duration, is_alive: bool, frames: usize, mid_frame: bool) {
        if is_alive {
            self.heard = now;
            self.asked = None;
        }
        let began = self.frame_began.filter(|_| frames == 0).unwrap_or(now);
        self.frame_began = mid_frame.then_some(began);
    }

    /// Notes that the socket takes no more bytes.
    pub(crate) fn block(&mut self, now: Duration) {
        self.blocked = Some(Blocked { since: now, held: None, extensions: 0 });
    }

    /// Notes that the socket takes bytes again. A PING may have waited behind the bytes that the socket had not taken, so
    /// it counts as not sent.
    pub(crate) fn unblock(&mut self) {
        self.blocked = None;
        self.asked = None;
    }

    /// Notes that the connection is not read from now on.
    pub(crate) fn pause(&mut self, now: Duration) {
        self.paused = Some(now);
    }

    /// Notes that the connection is read again. The time of the pause does not count.
    pub(crate) fn resume(&mut self, now: Duration) {
        let Some(since) = self.paused.take() else { return };
        let pause = now.saturating_sub(since);
        self.heard += pause;
        self.frame_began = self.frame_began.map(|began| began + pause);
        self.asked = self.asked.map(|asked| asked + pause);
    }

    /// Returns true if the connection is not read, so that no read discovers that the peer is gone.
    pub(crate) fn is_unread(&self) -> bool {
        self.paused.is_some()
    }

    /// Returns true if a PING is due to a peer that has ended its sending half and is not read: the peer may wait for its
    /// frames to take effect, or be gone. The kernel's own probes and the write timeout cover peers that cannot be sent a
    /// PING or whose socket is full.
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

    /// Returns true if a full socket has used up its time. `held` returns the number of bytes that the kernel holds for it;
    /// it is called at the first check and when the time is over.
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

    /// Returns the action that is due now for a connection that is served, if any is. `held` returns the number of bytes
    /// that the kernel holds for the connection. A PING is due once in a silence.
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

    /// Returns the name of the action that is due at this second.
    fn due(activity: &mut Activity, second: u32) -> String {
        due_in(State::Open, activity, second)
    }

    fn due_in(state: State, activity: &mut Activity, second: u32) -> String {
        due_while(state, activity, second, 0)
    }

    /// The same, while the kernel holds `held` bytes.
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
        // A late check asks first.
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
            // Bytes taken count from the last check on.
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
        // The five seconds before the pause count.
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
