//! One client: everything that the server owes it, and everything that it has received.

use super::MOST_COUNTED;
use super::deadlines::Deadlines;
use super::record::{Message, Record};
use super::requests::{Act, Requests, name};
use super::subscription::{Event, Subscriber, Subscription};
use crate::scenario::{Scenario, Settings};
use crate::step::Arrival;
use crate::{Promise, Transport, Violation};
use corecast_fanout::{ConnectionId, LagRule};
use corecast_shard::SWEEPS_FOR_ALL;
use corecast_wire::native::{self, Frame, Reason};
use corecast_wire::{Code, FrameLimits, Reassembly, plain};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

/// A connection, as its client sees it.
#[expect(clippy::struct_excessive_bools, reason = "each is something that has happened, or not")]
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) id: ConnectionId,
    pub(crate) transport: Transport,
    pub(crate) requests: Requests,
    plain: bool,
    greeted: bool,
    /// The code with which the server must end the connection, because of what the client has requested.
    terminal: Option<Code>,
    /// The client's messages that the server has accepted, by sequence.
    accepted: Vec<usize>,
    owed: Answers,
    pub(crate) deadlines: Deadlines,
    /// True if the last read published messages.
    pub(crate) has_published: bool,
    /// PINGs of the server that the client has not answered.
    pub(crate) pings: usize,
    subscriptions: [Vec<Subscription>; Scenario::CHANNELS.len()],
    reassembly: Reassembly,
    /// The reason with which the server ended the connection.
    pub(crate) ended: Option<Code>,
    /// The time at which the server first ended it.
    ended_at: Duration,
    /// The number of sweeps that found the connection broken but not ended.
    sweeps_while_broken: u32,
    close_frame: Option<Code>,
    /// True if the server has accounted for everything that was due to the client.
    pub(crate) accounted: bool,
    pub(crate) closed: bool,
}

/// Answers that the server still owes, in this order.
#[derive(Debug, Default)]
struct Answers {
    welcomes: usize,
    pongs: VecDeque<Vec<u8>>,
    published: VecDeque<u32>,
    /// For each channel, the answers owed: true for the answer to a SUBSCRIBE, and the subscription that it belongs to.
    channels: [VecDeque<(bool, Option<usize>)>; Scenario::CHANNELS.len()],
}

impl Client {
    pub(crate) fn new(
        number: usize,
        id: ConnectionId,
        transport: Transport,
        arrival: Arrival,
        record: &Record,
        now: Duration,
    ) -> Self {
        let plain = arrival == Arrival::Plain;
        let mut client = Self {
            number,
            id,
            transport,
            requests: Requests::new(number, plain),
            plain,
            greeted: false,
            terminal: None,
            accepted: Vec::new(),
            owed: Answers::default(),
            deadlines: Deadlines::new(now),
            has_published: false,
            pings: 0,
            subscriptions: Default::default(),
            reassembly: Reassembly::new(),
            ended: None,
            ended_at: Duration::ZERO,
            sweeps_while_broken: 0,
            close_frame: None,
            accounted: false,
            closed: false,
        };
        if plain {
            let mut subscription = Subscription::new(record.horizons(id.shard), true);
            subscription.answered = true;
            client.subscriptions[0].push(subscription);
        }
        client
    }

    /// Returns true if the client may be closed, and be denied answers, because it reads too slowly. A subscription that it
    /// has ended counts, because the client may have lagged in it before.
    pub(crate) fn may_lag(&self) -> bool {
        let disconnects = self.subscriptions.iter().flatten().any(|subscription| subscription.disconnects);
        disconnects && self.transport.was_full()
    }

    /// Applies a frame that the server has received. `refused` is true if the server ended the connection for one
    /// subscription too many.
    pub(crate) fn act(&mut self, act: Act, refused: bool, settings: &Settings, record: &mut Record) {
        if self.terminal.is_some() {
            return;
        }
        if !self.plain && !self.greeted && !matches!(act, Act::Undecodable(_) | Act::Fragment) {
            match act {
                Act::Hello => {
                    self.greeted = true;
                    self.owed.welcomes += 1;
                }
                Act::Outdated => self.terminal = Some(Code::UnsupportedVersion),
                _ => self.terminal = Some(Code::HelloExpected),
            }
            return;
        }
        match act {
            Act::Subscribe { channel, lag } => {
                let disconnects = match lag {
                    None => settings.native_lag == LagRule::Disconnect,
                    Some(lag) => lag == native::Lag::Disconnect,
                };
                self.subscribe(channel, disconnects, refused, settings.max_subscriptions, record);
            }
            Act::Unsubscribe(channel) => {
                let current = self.current(channel);
                if let Some(current) = current {
                    self.subscriptions[channel][current].left = Some(record.next());
                }
                self.owed.channels[channel].push_back((false, current));
            }
            Act::Publish { sequence, channel, filler, token, no_echo } => {
                if self.plain {
                    self.subscriptions[0][0].binding_from.get_or_insert(record.next());
                }
                self.accepted.push(record.next());
                let (publisher, shard) = (self.number, self.id.shard);
                record.messages.push(Message { publisher, sequence, shard, channel, no_echo, filler });
                self.owed.published.extend(token);
            }
            Act::Ping(body) => self.owed.pongs.push_back(body),
            Act::Close => self.terminal = Some(Code::Normal),
            Act::Undecodable(code) => self.terminal = Some(code),
            Act::Hello | Act::Outdated | Act::ServersFrame => self.terminal = Some(Code::UnexpectedKind),
            Act::Fragment | Act::Pong => {}
        }
    }

    /// Subscribes to a channel. If the client already subscribes to it, the flags of the first time count.
    fn subscribe(
        &mut self,
        channel: usize,
        disconnects: bool,
        refused: bool,
        max_subscriptions: usize,
        record: &Record,
    ) {
        let mut current = self.current(channel);
        if current.is_none() {
            let count = (0..Scenario::CHANNELS.len()).filter(|channel| self.current(*channel).is_some()).count();
            if count >= max_subscriptions {
                // A client that has lagged is not refused, because its requests are no longer read.
                if refused || !self.may_lag() {
                    self.terminal = Some(Code::TooManySubscriptions);
                }
                return;
            }
            current = Some(self.subscriptions[channel].len());
            self.subscriptions[channel].push(Subscription::new(record.horizons(self.id.shard), disconnects));
        }
        self.owed.channels[channel].push_back((true, current));
    }

    fn current(&self, channel: usize) -> Option<usize> {
        let last = self.subscriptions[channel].len().checked_sub(1)?;
        self.subscriptions[channel][last].left.is_none().then_some(last)
    }

    /// Notes that the server has found the end of the stream.
    pub(crate) fn found_end_of_stream(&mut self) {
        let code = if self.requests.is_mid_frame() { Code::Malformed } else { Code::Normal };
        self.terminal.get_or_insert(code);
    }

    /// Notes that the server ends the connection, and checks that the reason is valid.
    pub(crate) fn end(
        &mut self,
        code: Code,
        stopping: bool,
        record: &Record,
        settings: &Settings,
        now: Duration,
    ) -> Result<(), Violation> {
        let justified = match code {
            Code::HelloTimeout if self.greeted || self.plain => false,
            Code::WriteTimeout if !self.transport.was_full() => false,
            Code::HelloTimeout | Code::FrameTimeout | Code::IdleTimeout | Code::WriteTimeout => {
                self.deadlines.justify(code, settings, now)
            }
            Code::RateExceeded => settings.close_over_rate && settings.frames_per_second > 0,
            Code::Reset => self.transport.is_broken(),
            Code::Lagged => self.may_lag(),
            Code::GoingAway => stopping,
            code => self.terminal == Some(code),
        };
        let expected = self.terminal.map_or("nothing", Code::name);
        // A client that lags while it ends is told that reason instead.
        let first = self.ended.is_none() || code == Code::Lagged && self.ended != Some(Code::Lagged);
        Promise::CloseFrame.demand(justified && first && self.close_frame.is_none(), || {
            format!("client {} is ended with {}, expected {expected}", self.number, code.name())
        })?;
        if self.ended.is_none() {
            self.ended_at = now;
        }
        self.ended = Some(code);
        for channel in 0..Scenario::CHANNELS.len() {
            if let Some(current) = self.current(channel) {
                self.subscriptions[channel][current].left = Some(record.next());
            }
        }
        Ok(())
    }

    /// Notes that the server has accounted for everything that was due to the connection. `fully` is true if no other shard
    /// may still post a message for it. The server waits for the other shards for the linger time at most.
    pub(crate) fn account(&mut self, fully: bool, settings: &Settings, now: Duration) -> Result<(), Violation> {
        self.accounted = fully;
        // The shard's clock may be ahead of its last sweep by this much.
        let waited = now.saturating_sub(self.ended_at) + MOST_COUNTED;
        Promise::Accounts.demand(fully || waited >= settings.linger, || {
            format!("client {} is accounted for before the other shards have posted what they accepted", self.number)
        })
    }

    /// Notes that the shard has nothing more to flush.
    pub(crate) fn note_flush(&mut self, record: &Record) {
        for subscription in self.subscriptions.iter_mut().flatten().filter(|subscription| !subscription.finished) {
            subscription.note_flush(record.horizons(self.id.shard));
        }
    }

    /// Returns the encoded bytes of the answers that have not arrived.
    pub(crate) fn owed_bytes(&self) -> usize {
        let header = native::HEADER_LEN;
        let names = self.owed.channels.iter().enumerate();
        let names = names.map(|(channel, owed)| owed.len() * (header + 1 + Scenario::CHANNELS[channel].len()));
        let pongs = self.owed.pongs.iter().map(|body| header + body.len());
        self.owed.welcomes * (header + 6)
            + pongs.sum::<usize>()
            + self.owed.published.len() * (header + 4)
            + names.sum::<usize>()
    }

    /// Checks everything that has arrived since the last call.
    pub(crate) fn check(&mut self, record: &Record, log_bytes: usize, now: Duration) -> Result<(), Violation> {
        let bytes = self.transport.take_unchecked();
        if bytes.is_empty() {
            return Ok(());
        }
        self.deadlines.take(now);
        Promise::Crosstalk.demand(!self.closed, || format!("client {}: sent behind the close", self.number))?;
        let mut outcome = Ok(());
        let mut reassembly = std::mem::take(&mut self.reassembly);
        let limits = FrameLimits { max_frame: u32::MAX };
        let decoded = if self.plain {
            reassembly.push(&plain::Decoder { limits }, &bytes, |payload| {
                let size = plain::HEADER_LEN + payload.len();
                outcome = self.take_message(0, payload, size, record, log_bytes);
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        } else {
            reassembly.push(&native::Decoder::new(limits), &bytes, |frame| {
                outcome = self.take_frame(&frame, record, log_bytes);
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        };
        self.reassembly = reassembly;
        outcome?;
        decoded.map_err(|error| Promise::Order.broken(format!("client {}: {error}", self.number)))?;
        self.check_subscriptions(record, self.close_frame.is_some_and(|code| code != Code::Lagged))
    }

    /// Checks that everything has arrived: for the subscriptions that have ended, or for all if the connection has ended in
    /// order.
    fn check_subscriptions(&self, record: &Record, ended: bool) -> Result<(), Violation> {
        for (channel, subscriptions) in self.subscriptions.iter().enumerate() {
            let subscriber = Subscriber { client: self.number, channel };
            for subscription in subscriptions {
                let complete = subscription.finished || ended;
                let complete_until = subscription.left.filter(|_| complete).unwrap_or_default();
                subscription.check(subscriber, record, complete_until)?;
            }
        }
        Ok(())
    }

    /// Returns the least and the most messages that the counters may have for the client.
    pub(crate) fn accounts(&self, record: &Record) -> (u64, u64) {
        let fully = self.accounted && !self.may_lag();
        let (mut least, mut most) = (0, 0);
        for (channel, subscription) in
            self.subscriptions.iter().enumerate().flat_map(|(c, all)| all.iter().map(move |s| (c, s)))
        {
            let subscriber = Subscriber { client: self.number, channel };
            let (low, high) = subscription.accounts(subscriber, record, fully || subscription.finished);
            least += low;
            most += high;
        }
        (least, most)
    }

    fn take_frame(&mut self, frame: &Frame<'_>, record: &Record, log_bytes: usize) -> Result<(), Violation> {
        let number = self.number;
        Promise::CloseFrame
            .demand(self.close_frame.is_none(), || format!("client {number}: {frame:?} behind the close frame"))?;
        let expected = match *frame {
            Frame::Welcome { .. } => self.owed.welcomes.checked_sub(1).map(|left| self.owed.welcomes = left).is_some(),
            Frame::Ping(&[]) => {
                self.pings += 1;
                self.greeted
            }
            Frame::Pong(body) => self.owed.pongs.pop_front().is_some_and(|owed| owed == body),
            Frame::Published { token } => self.owed.published.pop_front() == Some(token),
            Frame::Subscribed(channel) => self.take_subscribed(channel.as_str(), record),
            Frame::Unsubscribed(channel) => self.take_unsubscribed(channel.as_str(), record),
            Frame::Message { channel, payload } => {
                let size = native::HEADER_LEN + 1 + channel.as_str().len() + payload.len();
                return self.take_message(self.channel(channel.as_str())?, payload, size, record, log_bytes);
            }
            Frame::Gap { count, channel } => return self.take_gap(self.channel(channel.as_str())?, count),
            Frame::Close(reason) => return self.take_close_frame(reason, false),
            Frame::Error(reason) => return self.take_close_frame(reason, true),
            _ => false,
        };
        Promise::Answers.demand(expected, || format!("client {number}: {frame:?} is not owed"))
    }

    fn channel(&self, channel: &str) -> Result<usize, Violation> {
        let found = Scenario::CHANNELS.iter().position(|name| *name == channel);
        found.ok_or_else(|| Promise::Crosstalk.broken(format!("client {}: channel {channel}", self.number)))
    }

    fn take_subscribed(&mut self, channel: &str, record: &Record) -> bool {
        let Ok(channel) = self.channel(channel) else { return false };
        let Some((true, Some(index))) = self.owed.channels[channel].pop_front() else { return false };
        let subscription = &mut self.subscriptions[channel][index];
        subscription.answered = true;
        subscription.binding_from.get_or_insert(record.next());
        true
    }

    fn take_unsubscribed(&mut self, channel: &str, record: &Record) -> bool {
        let Ok(channel) = self.channel(channel) else { return false };
        let mut owed = self.owed.channels[channel].pop_front();
        while owed.is_some_and(|(subscribes, _)| subscribes) && self.may_lag() {
            owed = self.owed.channels[channel].pop_front();
        }
        let Some((false, index)) = owed else { return false };
        if let Some(index) = index {
            let subscription = &mut self.subscriptions[channel][index];
            subscription.finished = true;
            subscription.until = Some(record.next());
        }
        true
    }

    /// Returns the subscription that a message or gap of this channel belongs to.
    fn open_subscription(&mut self, channel: usize) -> Result<&mut Subscription, Violation> {
        let number = self.number;
        let unfinished = self.subscriptions[channel].iter_mut().find(|subscription| !subscription.finished);
        unfinished.filter(|subscription| subscription.answered).ok_or_else(|| {
            let channel = name(channel);
            Promise::Answers.broken(format!("client {number}: a message of {channel} outside a subscription"))
        })
    }

    fn take_message(
        &mut self,
        channel: usize,
        payload: &[u8],
        encoded: usize,
        record: &Record,
        log_bytes: usize,
    ) -> Result<(), Violation> {
        let client = self.number;
        let named = Message::named_by(payload).and_then(|(publisher, sequence)| {
            let messages = record.messages.iter().enumerate();
            messages.rev().find(|(_, message)| message.publisher == publisher && message.sequence == sequence)
        });
        let Some((number, message)) = named else {
            return Err(Promise::Crosstalk.broken(format!("client {client}: a message that nobody published")));
        };
        let original = Message::payload(message.publisher, message.sequence, message.filler);
        Promise::Order.demand(payload == original, || format!("client {client}: message {number} was altered"))?;
        Promise::Crosstalk.demand(message.channel == channel, || {
            format!("client {client}: message {number} came on channel {channel}")
        })?;
        self.open_subscription(channel)?.take(number, encoded, record, log_bytes)
    }

    fn take_gap(&mut self, channel: usize, count: u64) -> Result<(), Violation> {
        let (client, was_full) = (self.number, self.transport.was_full());
        let subscription = self.open_subscription(channel)?;
        Promise::Delivery.demand(was_full, || format!("client {client}: a gap for one that does not lag"))?;
        Promise::Delivery
            .demand(!subscription.disconnects, || format!("client {client}: a gap for one that disconnects"))?;
        subscription.events.push(Event::Gap(count));
        Ok(())
    }

    fn take_close_frame(&mut self, reason: Reason<'_>, is_error: bool) -> Result<(), Violation> {
        let code = Code::from_number(reason.code);
        let expected = code.is_some() && code == self.ended && code.is_some_and(Code::is_violation) == is_error;
        self.close_frame = code;
        Promise::CloseFrame
            .demand(expected, || format!("client {}: {reason:?}, expected {:?}", self.number, self.ended))
    }

    /// Checks that the client was not broken off, unless it is excused: a client that reads, and leaves when told to, never
    /// is.
    pub(crate) fn check_given_up(&self, is_excused: bool) -> Result<(), Violation> {
        let is_given_up = !is_excused && self.transport.is_broken_off();
        Promise::CleanEnd.demand(!is_given_up, || format!("client {} is broken off", self.number))
    }

    /// Notes that a sweep of the client's shard begins, and checks that a broken connection has been noticed by now.
    pub(crate) fn note_sweep(&mut self) -> Result<(), Violation> {
        if self.ended.is_none() && self.transport.is_broken() {
            self.sweeps_while_broken += 1;
        }
        // Several sweeps together check every connection; in the sweep after them, its task has its turn.
        Promise::Deadlines.demand(self.sweeps_while_broken <= SWEEPS_FOR_ALL + 1, || {
            format!("client {} is broken, which nobody notices", self.number)
        })
    }

    /// Checks the client after every deadline has passed, while it did nothing but answer PINGs, or nothing at all if it is
    /// silent.
    pub(crate) fn check_deadlines(&self, settings: &Settings, is_silent: bool, now: Duration) -> Result<(), Violation> {
        if self.ended.is_some() {
            // Once for the client to leave, and once for the other shards to post what they accepted for it.
            let is_over = now.saturating_sub(self.ended_at) > 2 * settings.linger + MOST_COUNTED;
            return Promise::Deadlines
                .demand(self.closed || !is_over, || format!("client {} has ended and is never closed", self.number));
        }
        if self.transport.is_broken() {
            return Ok(());
        }
        let met = |limit: Duration, missed: bool, what: &str| {
            Promise::Deadlines.demand(limit.is_zero() || !missed, || format!("client {}: {what}", self.number))
        };
        met(settings.hello_timeout, !self.plain && !self.greeted, "was never told that its HELLO was late")?;
        met(settings.frame_timeout, self.deadlines.is_mid_frame(), "never had to end its frame")?;
        let is_asked = self.pings > 0 && self.transport.is_writable();
        met(settings.idle_timeout, is_silent && is_asked, "never had to answer")
    }

    /// Checks the client after the end of the server, when nothing more will arrive.
    pub(crate) fn check_end(&self, cut_off: bool, record: &Record) -> Result<(), Violation> {
        let what = |what: &str| format!("client {}: {what}", self.number);
        let Some(code) = self.ended else { return Err(Promise::CleanEnd.broken(what("never ended"))) };
        if code == Code::Reset || self.transport.is_broken() || cut_off {
            return Ok(());
        }
        Promise::CloseFrame.demand(self.plain || self.close_frame == Some(code), || {
            what(&format!("was told {:?} at its end, which was {}", self.close_frame.map(Code::name), code.name()))
        })?;
        Promise::CloseFrame.demand(self.transport.is_finished(), || what("the stream did not end"))?;
        Promise::Order.demand(!self.reassembly.is_mid_frame(), || what("the stream ended inside a frame"))?;
        let owed = &self.owed;
        let answered = owed.pongs.is_empty() && owed.published.is_empty() && owed.welcomes == 0;
        Promise::Answers.demand(answered, || what("answers are missing"))?;
        if code == Code::Lagged {
            return Ok(());
        }
        let answered = self.may_lag() || owed.channels.iter().all(VecDeque::is_empty);
        Promise::Answers.demand(answered, || what("a SUBSCRIBE or UNSUBSCRIBE was not answered"))?;
        self.check_subscriptions(record, true)
    }
}
