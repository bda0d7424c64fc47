//! Received events that were not yet taken, as a state machine without a socket.

use crate::event::Incoming;
use crate::{Error, Event, Violation};
use corecast_wire::native::{self, Decoder, Frame};
use corecast_wire::{DecodeError, FrameLimits, Reassembly};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

/// Turns received bytes into events.
///
/// Invariant: nothing is added after the end, and the events before it are returned first.
pub struct Inbox {
    decoder: Decoder,
    reassembly: Reassembly,
    state: State,
}

/// The state that frames change, separate from the reassembly that lends them.
#[derive(Default)]
struct State {
    max_frame: Option<u32>,
    events: VecDeque<Event>,
    queued_bytes: usize,
    /// The number of PUBLISHED frames so far.
    acknowledged: u64,
    pongs: Vec<u8>,
    end: Option<End>,
}

/// The reason why nothing more will come.
#[derive(Clone, Debug)]
enum End {
    Closed { code: u16, text: String, reconnect_delay: Option<Duration> },
    Rejected { code: u16, text: String },
    NotNative(Violation),
    TooLarge { length: u32, limit: u32 },
    Violation(Violation),
    Disconnected,
}

impl Inbox {
    /// Creates an inbox that accepts frames with a length field up to `max_frame`.
    pub fn new(max_frame: u32) -> Self {
        Self {
            decoder: Decoder::new(FrameLimits { max_frame }),
            reassembly: Reassembly::new(),
            state: State::default(),
        }
    }

    /// Processes bytes that were read.
    pub fn push(&mut self, chunk: &[u8]) {
        let Self { decoder, reassembly, state } = self;
        let pushed = reassembly.push(decoder, chunk, |frame| {
            state.take(frame);
            if state.end.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Err(error) = pushed {
            state.undecodable(error);
        }
    }

    /// Processes the end of the stream.
    pub fn disconnect(&mut self) {
        self.state.end_with(End::Disconnected);
    }

    /// Returns the limit in WELCOME, once it has come.
    pub(crate) fn max_frame(&self) -> Option<u32> {
        self.state.max_frame
    }

    /// Returns the number of PUBLISHED frames received.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.state.acknowledged
    }

    /// Takes the PONGs that are due, encoded. Empty after the end.
    pub fn take_pongs(&mut self) -> Vec<u8> {
        let pongs = std::mem::take(&mut self.state.pongs);
        if self.state.end.is_some() { Vec::new() } else { pongs }
    }

    /// Takes the next event, in the order of arrival.
    pub fn pop(&mut self) -> Option<Event> {
        let event = self.state.events.pop_front()?;
        self.state.queued_bytes -= event.weight();
        Some(event)
    }

    pub(crate) fn len(&self) -> usize {
        self.state.events.len()
    }

    /// Returns the bytes that the queued events count against
    /// [`Options::max_queued_bytes`](crate::Options::max_queued_bytes).
    pub fn queued_bytes(&self) -> usize {
        self.state.queued_bytes
    }

    /// Takes the first event from index `from` on that is `wanted` out of the queue.
    pub(crate) fn take_from(&mut self, from: usize, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        let found = self.state.events.range(from..).position(wanted)?;
        let event = self.state.events.remove(from + found)?;
        self.state.queued_bytes -= event.weight();
        Some(event)
    }

    pub(crate) fn clear(&mut self) {
        self.state.events.clear();
        self.state.queued_bytes = 0;
    }

    /// Returns without an error if more may come.
    ///
    /// # Errors
    /// The reason why nothing more will come.
    pub fn check_open(&self) -> Result<(), Error> {
        Err(match self.state.end.clone() {
            None => return Ok(()),
            Some(End::Closed { code, text, reconnect_delay }) => Error::Closed { code, text, reconnect_delay },
            Some(End::Rejected { code, text }) => Error::Rejected { code, text },
            Some(End::NotNative(violation)) => Error::NotNative(violation),
            Some(End::TooLarge { length, limit }) => Error::FrameTooLarge { length, limit },
            Some(End::Violation(violation)) => Error::Violation(violation),
            Some(End::Disconnected) => Error::Disconnected,
        })
    }
}

impl State {
    fn take(&mut self, frame: Frame<'_>) {
        match (Incoming::from(frame), self.max_frame) {
            (Incoming::Error(reason), _) => {
                self.end_with(End::Rejected { code: reason.code, text: reason.text.to_owned() });
            }
            (Incoming::Event(Event::Closed { code, text, reconnect_delay }), _) => {
                self.add(Event::Closed { code, text: text.clone(), reconnect_delay });
                self.end_with(End::Closed { code, text, reconnect_delay });
            }
            (Incoming::Welcome { version, max_frame }, None) => {
                if (1..=native::VERSION).contains(&version) {
                    self.max_frame = Some(max_frame);
                } else {
                    self.violated(Violation::Version(version));
                }
            }
            (Incoming::ClientOnly("HELLO"), None) => self.end_with(End::NotNative(Violation::Echo)),
            (_, None) => self.violated(Violation::Unexpected("frame before WELCOME")),
            (Incoming::Welcome { .. }, Some(_)) => self.violated(Violation::Unexpected("second WELCOME")),
            (Incoming::ClientOnly(kind), _) => self.violated(Violation::Unexpected(kind)),
            (Incoming::Ping(body), _) => native::encode(&Frame::Pong(body), &mut self.pongs),
            (Incoming::Event(event), _) => self.add(event),
        }
    }

    /// Ends with the reason for bytes that cannot be decoded. Before WELCOME, the peer speaks another protocol rather
    /// than breaking this one.
    fn undecodable(&mut self, error: DecodeError) {
        self.end_with(match error {
            error if self.max_frame.is_none() => End::NotNative(error.into()),
            DecodeError::TooLarge { length, limit } => End::TooLarge { length, limit },
            error => End::Violation(error.into()),
        });
    }

    fn add(&mut self, event: Event) {
        self.acknowledged += u64::from(matches!(event, Event::Published { .. }));
        self.queued_bytes += event.weight();
        self.events.push_back(event);
    }

    fn violated(&mut self, violation: Violation) {
        self.end_with(End::Violation(violation));
    }

    fn end_with(&mut self, end: End) {
        self.end.get_or_insert(end);
    }
}
