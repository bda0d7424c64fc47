//! The times at which a client did what its deadlines require.
//!
//! A deadline counts only time in which the shard could have heard the client; the model knows that time.

use crate::scenario::Settings;
use corecast_wire::Code;
use std::time::Duration;

/// The times of a client's actions, in the time that counts.
#[derive(Debug)]
pub(crate) struct Deadlines {
    opened: Duration,
    heard: Duration,
    frame_began: Option<Duration>,
    /// The time at which its transport last took bytes.
    took: Duration,
}

impl Deadlines {
    pub(crate) fn new(now: Duration) -> Self {
        Self { opened: now, heard: now, frame_began: None, took: now }
    }

    /// Notes that the server has received bytes.
    pub(crate) fn hear(&mut self, now: Duration) {
        self.heard = now;
    }

    /// Notes that the server has received the end of a frame, the beginning of one, or both.
    pub(crate) fn note_frame(&mut self, now: Duration, is_mid_frame: bool, has_frames: bool) {
        let began = self.frame_began.filter(|_| !has_frames).unwrap_or(now);
        self.frame_began = is_mid_frame.then_some(began);
    }

    /// Notes that the transport has taken bytes.
    pub(crate) fn take(&mut self, now: Duration) {
        self.took = now;
    }

    /// Returns true if a connection may end with this code now.
    pub(crate) fn justify(&self, code: Code, settings: &Settings, now: Duration) -> bool {
        let (since, limit) = match code {
            Code::HelloTimeout => (Some(self.opened), settings.hello_timeout),
            Code::FrameTimeout => (self.frame_began, settings.frame_timeout),
            Code::IdleTimeout => (Some(self.heard), settings.idle_timeout),
            Code::WriteTimeout => (Some(self.took), settings.write_timeout),
            _ => return false,
        };
        !limit.is_zero() && since.is_some_and(|since| now.saturating_sub(since) >= limit)
    }

    /// Returns true if a frame has begun and not ended.
    pub(crate) fn is_mid_frame(&self) -> bool {
        self.frame_began.is_some()
    }
}
