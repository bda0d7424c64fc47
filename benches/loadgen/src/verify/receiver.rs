//! The receivers: the messages of each connection, and how they count.

use crate::Settings;
use crate::verify::payload::Header;

/// The role of the connection that receives a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    Subscriber,
    /// A publisher of `plain`, where publishers receive everything too.
    Publisher,
    /// A subscriber that does not read for a while, and is counted separately.
    Stalled,
}

/// The messages that a connection receives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Receiver {
    pub(crate) role: Role,
    pub(crate) first_channel: u16,
    /// The number of channels from the first one on, going round; 0 if it receives nothing.
    pub(crate) subscriptions: u16,
}

impl Receiver {
    /// Returns the receiver for the connection at an index.
    pub(crate) fn of(settings: &Settings, publishers_receive: bool, index: usize) -> Self {
        let short = |count| u16::try_from(count).expect("settings are checked");
        let role = match index {
            _ if index >= settings.subscribers => Role::Publisher,
            _ if settings.disturbance.stalled(settings.subscribers).contains(&index) => Role::Stalled,
            _ => Role::Subscriber,
        };
        let subscriptions = if role != Role::Publisher || publishers_receive { settings.subscriptions } else { 0 };
        let first_channel = short(settings.channel_of(index * settings.subscriptions));
        Receiver { role, first_channel, subscriptions: short(subscriptions) }
    }

    /// Returns its first channel, if it receives anything.
    pub(crate) fn channel(self) -> Option<usize> {
        (self.subscriptions > 0).then_some(self.first_channel.into())
    }
}

/// The facts that the deliveries of one receive have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) connection: usize,
    pub(crate) receiver: Receiver,
    pub(crate) first_subscription: usize,
    pub(crate) channels: u16,
    pub(crate) now_ns: u64,
    /// The number of deliveries so far.
    pub(crate) deliveries: u64,
    /// The number of these to a subscriber whose message was not due in the measured window.
    pub(crate) untimed: u64,
    /// The sum of the due times of the others. It may wrap around: subtracted from the same number of times of receipt,
    /// it still gives the sum of the latencies.
    pub(crate) due_ns: u64,
    /// 1 within the measured window, otherwise 0.
    pub(crate) measured: u64,
    /// The header of the last delivery, if it was intact and arrived in its turn.
    pub(crate) verified: Option<Header>,
}

impl Batch {
    /// Returns the subscription of this connection to a channel.
    #[inline]
    pub(crate) fn subscription(&self, channel: u16) -> Option<usize> {
        if channel == self.receiver.first_channel && self.receiver.subscriptions > 0 {
            return Some(self.first_subscription);
        }
        let wrapped = if channel < self.receiver.first_channel { self.channels } else { 0 };
        let nth = channel.wrapping_add(wrapped).wrapping_sub(self.receiver.first_channel);
        (nth < self.receiver.subscriptions).then(|| self.first_subscription + usize::from(nth))
    }
}

/// The deliveries, by receiver and time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Different messages that subscribers have received, counted per subscriber, without those that stall.
    pub(crate) to_subscribers: u64,
    /// The same for publishers, if they receive.
    pub(crate) to_publishers: u64,
    /// The same for subscribers that stall.
    pub(crate) to_stalled: u64,
    /// Of the first, those that came within the measured window.
    pub(crate) measured_to_subscribers: u64,
    /// Of the second, those that came within the measured window.
    pub(crate) measured_to_publishers: u64,
    /// Of the third, those that came within the measured window.
    pub(crate) measured_to_stalled: u64,
    /// Deliveries that will not come, or not in a form that can be counted above.
    pub(crate) accounted: u64,
}

impl Counts {
    /// Returns the number of deliveries that arrived.
    pub(crate) fn arrived(&self) -> u64 {
        self.to_subscribers + self.to_publishers + self.to_stalled
    }

    /// Returns the number of deliveries that arrived within the measured window: the server's work.
    pub(crate) fn measured(&self) -> u64 {
        self.measured_to_subscribers + self.measured_to_publishers + self.measured_to_stalled
    }
}
