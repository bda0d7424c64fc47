//! The stream that one connection was sent, checked frame by frame, and the messages that it is still owed.

use crate::common::{Frame, Peer};
use corecast_fanout::Effect;
use std::collections::{HashMap, VecDeque};

/// A published message. Its payload is its index in the list of all messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    /// The publisher's index in the list of all connections.
    pub(crate) publisher: usize,
    pub(crate) channel: usize,
    pub(crate) no_echo: bool,
}

/// One connection, from open to close.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that has happened, or not")]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    /// Its index in the list of all connections.
    number: usize,
    /// The number of bytes in whole frames, which were checked.
    parsed: usize,
    /// The number of bytes received.
    received: usize,
    /// The answers that must still come, by channel, in this order.
    answers: HashMap<String, VecDeque<String>>,
    /// The current subscription and those before it, by channel.
    pub(crate) subscriptions: [Vec<Subscription>; 3],
    pub(crate) life: Life,
    close_frame_came: bool,
    /// True if it was reported full and has not been found writable since.
    pub(crate) full: bool,
    may_drain: bool,
    lagged: bool,
    gone: bool,
    /// True if an answer did not come, which is allowed only for a connection that has lagged.
    unanswered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    Ended,
    Closed,
}

/// The time from one SUBSCRIBED to the UNSUBSCRIBED that follows.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The number of messages that the shard's observer of the channel had been sent before; they must not come.
    pub(crate) after: usize,
    /// Messages published from this one on must come. Known once the answer has come.
    pub(crate) binding_from: Option<usize>,
    /// The subscription was asked to end: messages published before this one must come.
    pub(crate) left: Option<usize>,
    /// The subscription has ended: messages published from this one on must not have come.
    until: Option<usize>,
    answered: bool,
    finished: bool,
    pub(crate) events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Message(usize),
    Gap(usize),
}

impl Connection {
    pub(crate) fn new(number: usize, peer: Peer) -> Self {
        Self {
            peer,
            number,
            parsed: 0,
            received: 0,
            answers: HashMap::new(),
            subscriptions: Default::default(),
            life: Life::Open,
            close_frame_came: false,
            full: false,
            may_drain: false,
            lagged: false,
            gone: false,
            unanswered: false,
        }
    }

    pub(crate) fn is_lossless(&self) -> bool {
        !self.gone && !self.lagged && !self.peer.outlet.is_gone()
    }

    /// Returns the subscription that commands apply to.
    pub(crate) fn current(&mut self, channel: usize) -> Option<&mut Subscription> {
        self.subscriptions[channel].last_mut().filter(|subscription| subscription.left.is_none())
    }

    /// Returns the first published message that need not have come. In the end, every earlier message of the subscription
    /// must have been delivered or counted.
    pub(crate) fn complete_until(&self, subscription: &Subscription) -> usize {
        let has_ended = subscription.finished || self.close_frame_came;
        match subscription.left {
            Some(left) if has_ended && self.is_lossless() => left,
            None if self.life == Life::Open && self.is_lossless() => usize::MAX,
            _ => 0,
        }
    }

    pub(crate) fn expect_answer(&mut self, text: &str) {
        self.answers.entry(subject(text).to_owned()).or_default().push_back(text.to_owned());
    }

    pub(crate) fn subscribe(&mut self, channel: usize, after: usize) {
        if self.current(channel).is_none() {
            let events = Vec::new();
            let subscription = Subscription {
                after,
                binding_from: None,
                left: None,
                until: None,
                answered: false,
                finished: false,
                events,
            };
            self.subscriptions[channel].push(subscription);
        }
    }

    pub(crate) fn unsubscribe(&mut self, channel: usize, published: usize) {
        if let Some(current) = self.current(channel) {
            current.left = Some(published);
        }
    }

    /// Ends the connection. No message that is published from now on is owed to it.
    pub(crate) fn end(&mut self, life: Life, published: usize) {
        (0..3).for_each(|channel| self.unsubscribe(channel, published));
        self.life = life;
        self.may_drain = true;
    }

    pub(crate) fn found_writable(&mut self) {
        self.full = false;
    }

    /// Records an effect, which must be due.
    pub(crate) fn affect(&mut self, effect: Effect, published: usize) {
        assert!(!self.gone, "{effect:?} of a connection that is gone");
        match effect {
            Effect::Full(_) => {
                assert!(!self.full, "full twice");
                (self.full, self.may_drain) = (true, true);
            }
            Effect::Drained(_) => {
                assert!(!self.full && self.may_drain, "drained without having been full or ended");
                self.may_drain = false;
                self.check_stream(published);
                assert!(self.life != Life::Ended || self.close_frame_came, "drained before the close_frame left");
            }
            Effect::Lagged(_) => {
                assert!(!self.lagged && !self.close_frame_came && self.life != Life::Closed, "lagged once");
                assert_eq!(self.peer.encoding.index(), 1, "only who is disconnected then");
                self.lagged = true;
            }
            Effect::Gone(_) => {
                assert!(self.peer.outlet.is_gone());
                self.gone = true;
            }
        }
    }

    /// Checks what has come since the last call, when `published` messages have been published. Returns true if
    /// anything has come.
    pub(crate) fn check_stream(&mut self, published: usize) -> bool {
        let taken = self.peer.outlet.taken_from(self.parsed);
        if self.parsed + taken.len() == self.received {
            return false;
        }
        assert_ne!(self.life, Life::Closed, "sent behind the close");
        let (frames, length) = Frame::parse(self.peer.encoding, &taken);
        self.received = self.parsed + taken.len();
        self.parsed += length;
        for frame in frames {
            assert!(!self.close_frame_came, "sent behind the close_frame: {frame:?}");
            match frame {
                Frame::Answer(text) => self.check_answer(&text, published),
                Frame::Message { channel, payload } => {
                    let (channel, payload): (usize, _) = (channel.parse().unwrap(), payload[..4].try_into().unwrap());
                    let message = u32::from_be_bytes(payload) as usize;
                    self.answered(channel).events.push(Event::Message(message));
                }
                Frame::Gap { channel, count } => {
                    assert_eq!(self.peer.encoding.index(), 0, "only who is told of gaps");
                    assert!(self.peer.outlet.short_sends() > 0, "who takes everything misses nothing");
                    let count = usize::try_from(count).unwrap();
                    self.answered(channel.parse().unwrap()).events.push(Event::Gap(count));
                }
            }
        }
        true
    }

    fn check_answer(&mut self, text: &str, published: usize) {
        if text == "bye" {
            assert_eq!(self.life, Life::Ended);
            self.close_frame_came = true;
            let last = self.subscriptions.iter_mut().filter_map(|subscriptions| subscriptions.last_mut());
            last.for_each(|subscription| subscription.until = subscription.until.or(Some(published)));
            return;
        }
        let expected = self.answers.get_mut(subject(text)).expect("an answer that is expected");
        while expected.pop_front().expect("an answer in its turn") != text {
            assert_eq!(self.peer.encoding.index(), 1, "an answer in its turn");
            self.unanswered = true;
        }
        let Ok(channel) = subject(text).parse::<usize>() else { return };
        let mut unfinished = self.subscriptions[channel].iter_mut().filter(|subscription| !subscription.finished);
        match (&text[..1], unfinished.next()) {
            ("+", Some(subscription)) if !subscription.answered => {
                subscription.answered = true;
                subscription.binding_from = Some(published);
            }
            ("-", Some(subscription)) if subscription.answered => {
                subscription.finished = true;
                subscription.until = Some(published);
            }
            // The client subscribed again, or unsubscribed from nothing.
            _ => {}
        }
    }

    /// Returns the subscription that a message or a gap that has just come belongs to.
    fn answered(&mut self, channel: usize) -> &mut Subscription {
        let subscription = self.subscriptions[channel].iter_mut().find(|subscription| !subscription.finished);
        subscription.filter(|subscription| subscription.answered).expect("no message without a subscription")
    }

    /// Checks the publisher, the order and the recipient of each message that came.
    pub(crate) fn check_order(&self, all: &[Published]) {
        let mut last = HashMap::new();
        for (channel, subscriptions) in self.subscriptions.iter().enumerate() {
            let events = subscriptions.iter().flat_map(|subscription| {
                let until = subscription.until.unwrap_or(usize::MAX);
                subscription.events.iter().map(move |event| (until, *event))
            });
            for (until, event) in events {
                let Event::Message(message) = event else { continue };
                let published = all[message];
                assert!(message < until, "published after the end of the subscription");
                assert_eq!(published.channel, channel, "of another channel");
                assert!(self.wants(published), "its own, without echo");
                let before = last.insert((published.publisher, channel), message);
                assert!(before.is_none_or(|before| before < message), "twice, or out of order");
            }
        }
    }

    pub(crate) fn wants(&self, message: Published) -> bool {
        !message.no_echo || message.publisher != self.number
    }

    /// Checks that everything owed has come. Nothing is in flight any more.
    pub(crate) fn check_complete(&self) {
        if !self.is_lossless() || self.life == Life::Closed {
            return;
        }
        assert!(!self.unanswered, "every answer has come");
        assert!(!self.full && self.parsed == self.received, "everything has left");
        match self.life {
            Life::Open => assert!(self.answers.values().all(VecDeque::is_empty), "every answer has come"),
            Life::Ended => {
                assert!(self.close_frame_came && !self.may_drain, "the close frame has left, and that was told");
            }
            Life::Closed => {}
        }
    }
}

/// Returns the subject of an answer: `0` of `+0 17`, which is about channel 0, and `pong` of `=pong 18`.
fn subject(text: &str) -> &str {
    text[1..].split(' ').next().unwrap()
}
