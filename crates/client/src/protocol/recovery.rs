//! The state that outlives a connection: subscriptions, unacknowledged messages, and the time of the next attempt.

use super::backoff::Backoff;
use super::frames::{LENGTH_LEN, append, encode_publish};
use crate::{Error, Event, PublishOptions, ReconnectOptions, error};
use corecast_wire::native::{Frame, Lag, Subscribe};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The state of a client that reconnects.
///
/// Events of a connection that has ended are kept here, before those of the next.
pub(crate) struct Recovery {
    options: ReconnectOptions,
    backoff: Backoff,
    state: State,
    /// The number of attempts since the last connection that lasted.
    attempts: u32,
    /// The subscriptions, in the order of subscribing.
    subscriptions: Vec<(String, Option<Lag>)>,
    /// The unacknowledged messages, in the order of publishing.
    unacknowledged: VecDeque<Unacknowledged>,
    unacknowledged_bytes: usize,
    next_token: u32,
    events: VecDeque<Event>,
    queued_bytes: usize,
}

enum State {
    Connected { since: Instant },
    Waiting { until: Instant },
    Ended(Error),
}

/// A message whose PUBLISHED has not come.
struct Unacknowledged {
    token: u32,
    /// The frame, if it is to be sent again; otherwise empty.
    frame: Vec<u8>,
}

impl Unacknowledged {
    /// The bytes that each message counts for in addition to its frame.
    const OVERHEAD: usize = 64;

    fn weight(&self) -> usize {
        Self::OVERHEAD + self.frame.len()
    }
}

/// The next step of the client.
pub(crate) enum Step {
    /// Use the connection.
    Use,
    /// Wait until this time.
    WaitUntil(Instant),
    /// Try to connect.
    Connect,
}

/// The first frames of a new connection.
pub(crate) struct Restoration {
    pub(crate) frames: Vec<u8>,
    /// The number of PUBLISH frames among them.
    pub(crate) resent: u64,
    /// Tokens of messages that are too large for this server.
    pub(crate) too_large: Vec<u32>,
}

impl Recovery {
    /// Creates the state of a client that is connected.
    pub(crate) fn new(options: ReconnectOptions, random: fastrand::Rng, now: Instant) -> Self {
        let backoff = Backoff::new(&options, random);
        Self {
            options,
            backoff,
            state: State::Connected { since: now },
            attempts: 0,
            subscriptions: Vec::new(),
            unacknowledged: VecDeque::new(),
            unacknowledged_bytes: 0,
            next_token: 1,
            events: VecDeque::new(),
            queued_bytes: 0,
        }
    }

    /// Returns the next step.
    ///
    /// # Errors
    /// The reason why no further connection will be tried; or [`Error::QueueFull`] if the events of earlier connections
    /// are over `max_queued_bytes`, and have to be taken first.
    pub(crate) fn next_step(&self, now: Instant, max_queued_bytes: usize) -> Result<Step, Error> {
        match &self.state {
            State::Connected { .. } => Ok(Step::Use),
            State::Ended(error) => Err(error.duplicate()),
            State::Waiting { .. } if self.queued_bytes >= max_queued_bytes => {
                Err(Error::QueueFull { queued_bytes: self.queued_bytes, limit: max_queued_bytes })
            }
            State::Waiting { until } if *until > now => Ok(Step::WaitUntil(*until)),
            State::Waiting { .. } => Ok(Step::Connect),
        }
    }

    /// Returns the time of the next attempt to connect, if there will be one.
    pub(crate) fn next_attempt(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Connected { .. } | State::Ended(_) => None,
        }
    }

    /// Takes the next event of an earlier connection, or of the change from one connection to another.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.queued_bytes -= event.weight();
        Some(event)
    }

    /// Processes an event that is returned to the program.
    pub(crate) fn observe(&mut self, event: &Event) {
        if let Event::Published { token } = event {
            self.forget(*token);
        }
    }

    /// Processes the end of the connection. `rest` are the events that it brought and that were not taken, and
    /// `unwritten` is the number of messages that were not written to it.
    pub(crate) fn lost(&mut self, error: &Error, rest: impl Iterator<Item = Event>, unwritten: u64, now: Instant) {
        let State::Connected { since } = self.state else { return };
        rest.for_each(|event| self.queue(event));
        if now.saturating_duration_since(since) >= self.options.max_delay {
            self.attempts = 0;
        }
        let retry_after = self.wait_or_end(error, now);
        let keeps = retry_after.is_some() && self.options.resend_unacknowledged;
        let unacknowledged = if keeps { Vec::new() } else { self.take_unacknowledged() };
        self.queue(Event::ConnectionLost { reason: error.to_string(), retry_after, unacknowledged, unwritten });
    }

    /// Processes a failed attempt.
    pub(crate) fn failed(&mut self, error: &Error, now: Instant) {
        self.attempts = self.attempts.saturating_add(1);
        if self.wait_or_end(error, now).is_none() {
            let (reason, unacknowledged) = (error.to_string(), self.take_unacknowledged());
            self.queue(Event::ConnectionLost { reason, retry_after: None, unacknowledged, unwritten: 0 });
        }
    }

    /// Sets the time of the next attempt. Returns the time until then, or none if there will be no further attempt.
    fn wait_or_end(&mut self, error: &Error, now: Instant) -> Option<Duration> {
        let exhausted = self.options.attempts.is_some_and(|attempts| self.attempts >= attempts);
        let delay = self.backoff.delay(self.attempts, error.reconnect_delay());
        match now.checked_add(delay) {
            Some(until) if !exhausted && error.is_temporary() => {
                self.state = State::Waiting { until };
                Some(delay)
            }
            _ => {
                self.state = State::Ended(error.duplicate());
                None
            }
        }
    }

    fn take_unacknowledged(&mut self) -> Vec<u32> {
        self.unacknowledged_bytes = 0;
        self.unacknowledged.drain(..).map(|message| message.token).collect()
    }

    /// Returns the frames that restore the state on a new connection, in the order of subscribing and of publishing.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`]: the server's limit is too small for a SUBSCRIBE.
    pub(crate) fn restoration(&self, max_frame: u32) -> Result<Restoration, Error> {
        let mut restoration = Restoration { frames: Vec::new(), resent: 0, too_large: Vec::new() };
        for (channel, lag) in &self.subscriptions {
            let subscribe = Subscribe { channel: error::channel(channel)?, lag: *lag };
            append(&Frame::Subscribe(subscribe), max_frame, &mut restoration.frames)?;
        }
        for message in &self.unacknowledged {
            if message.frame.len() - LENGTH_LEN <= max_frame as usize {
                restoration.frames.extend_from_slice(&message.frame);
                restoration.resent += 1;
            } else {
                restoration.too_large.push(message.token);
            }
        }
        Ok(restoration)
    }

    /// Processes a new connection, to which the restoration was written.
    pub(crate) fn connected(&mut self, restoration: Restoration, now: Instant) {
        let Restoration { resent, too_large, .. } = restoration;
        self.attempts = self.attempts.saturating_add(1);
        self.state = State::Connected { since: now };
        for token in &too_large {
            self.forget(*token);
        }
        self.queue(Event::Reconnected { attempts: self.attempts, resent, too_large });
    }

    /// Records a subscription that the server has confirmed, or will confirm.
    pub(crate) fn subscribed(&mut self, channel: &str, lag: Option<Lag>) {
        self.unsubscribed(channel);
        self.subscriptions.push((channel.to_owned(), lag));
    }

    /// Records the end of a subscription.
    pub(crate) fn unsubscribed(&mut self, channel: &str) {
        self.subscriptions.retain(|(subscribed, _)| subscribed != channel);
    }

    /// Encodes a message, and gives it a token if it asks for an acknowledgement.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], [`Error::BufferFull`]: no message was encoded.
    pub(crate) fn encode(
        &mut self,
        (channel, payload): (&str, &[u8]),
        options: PublishOptions,
        max_frame: u32,
    ) -> Result<(Vec<u8>, Option<u32>), Error> {
        if options.acknowledge {
            self.check_room(payload.len())?;
        }
        let mut frame = Vec::new();
        let token = encode_publish((channel, payload), options, max_frame, || self.next_token(), &mut frame)?;
        Ok((frame, token))
    }

    /// Records that a message was sent, or the reason why it was not. Returns true if its acknowledgement may still
    /// come.
    pub(crate) fn sent(&mut self, frame: &[u8], token: Option<u32>, failure: Option<&Error>) -> bool {
        let kept = token.filter(|_| failure.is_none_or(|error| self.resends(error)));
        kept.inspect(|token| self.published(*token, frame)).is_some()
    }

    /// Returns the token of the next message that asks for an acknowledgement.
    fn next_token(&mut self) -> u32 {
        let token = self.next_token;
        self.next_token = token.wrapping_add(1);
        token
    }

    /// Checks that one more message may wait for its acknowledgement.
    ///
    /// # Errors
    /// [`Error::BufferFull`].
    fn check_room(&self, payload_len: usize) -> Result<(), Error> {
        let kept = if self.options.resend_unacknowledged { payload_len } else { 0 };
        let (held, limit) = (self.unacknowledged_bytes, self.options.max_unacknowledged_bytes);
        if held > 0 && held + Unacknowledged::OVERHEAD + kept > limit {
            return Err(Error::BufferFull { buffered_bytes: held, limit });
        }
        Ok(())
    }

    /// Records a message that asks for an acknowledgement.
    fn published(&mut self, token: u32, frame: &[u8]) {
        let frame = if self.options.resend_unacknowledged { frame.to_vec() } else { Vec::new() };
        let message = Unacknowledged { token, frame };
        self.unacknowledged_bytes += message.weight();
        self.unacknowledged.push_back(message);
    }

    /// Forgets a message that was acknowledged, or whose failure its caller was told of.
    pub(crate) fn forget(&mut self, token: u32) {
        // Acknowledgements come in the order of publishing, so it is nearly always the first.
        if let Some(place) = self.unacknowledged.iter().position(|message| message.token == token) {
            let message = self.unacknowledged.remove(place).expect("found there");
            self.unacknowledged_bytes -= message.weight();
        }
    }

    /// Takes the acknowledgement of a message out of the queue. Returns false if it is still to come.
    ///
    /// # Errors
    /// [`Error::TimedOut`]: the program has already received it, or was told that it will not come.
    pub(crate) fn take_published(&mut self, token: u32) -> Result<bool, Error> {
        let answer = Event::Published { token };
        if let Some(place) = self.events.iter().position(|event| *event == answer) {
            self.events.remove(place);
            self.queued_bytes -= answer.weight();
            return Ok(true);
        }
        if self.awaits(token) { Ok(false) } else { Err(Error::TimedOut { awaited: "PUBLISHED" }) }
    }

    /// Returns true if unacknowledged messages are sent again after a connection ended like this.
    fn resends(&self, error: &Error) -> bool {
        self.options.resend_unacknowledged && error.is_temporary()
    }

    /// Returns true if the acknowledgement of a message may still come.
    pub(crate) fn awaits(&self, token: u32) -> bool {
        self.unacknowledged.iter().any(|message| message.token == token)
    }

    fn queue(&mut self, event: Event) {
        self.observe(&event);
        self.queued_bytes += event.weight();
        self.events.push_back(event);
    }
}
