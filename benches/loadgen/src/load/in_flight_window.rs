//! The in-flight window of a closed loop, which decides when a publisher may send the next message.
//!
//! Each publisher has a credit subscriber on each channel. A message is in flight until that subscriber has received
//! it, as for a publisher that waits for its own subscription. A credit subscriber that has received a later message
//! does not wait for an earlier one any more, so a lost message does not stop the load.
//!
//! Waiting for the last subscriber instead would stop publishers, server and generator in turn: each would be idle
//! while the next one works, and the rate would follow from the sum of their times.

use crate::Settings;

#[derive(Debug)]
pub(crate) struct InFlightWindow {
    channels: usize,
    /// The subscription whose delivery completes a message, by publisher and channel.
    credit_subscribers: Vec<usize>,
    /// The number of messages that each publisher may send.
    credit: Vec<usize>,
    total_credit: usize,
}

impl InFlightWindow {
    pub(crate) fn new(settings: &Settings, in_flight: usize) -> Self {
        // The first publishers get the remainder.
        let (each, rest) = (in_flight / settings.publishers, in_flight % settings.publishers);
        let credit_subscriber = |publisher: usize, channel| {
            // The credit subscribers are spread over the audience: subscription s is of channel s modulo the number of
            // channels.
            let audience = settings.audience(channel);
            (publisher * audience / settings.publishers) * settings.channels + channel
        };
        let pairs = (0..settings.publishers)
            .flat_map(|publisher| (0..settings.channels).map(move |channel| (publisher, channel)));
        Self {
            channels: settings.channels,
            credit_subscribers: pairs.map(|(publisher, channel)| credit_subscriber(publisher, channel)).collect(),
            credit: (0..settings.publishers).map(|publisher| each + usize::from(publisher < rest)).collect(),
            total_credit: in_flight,
        }
    }

    /// Records that a subscription no longer waits for this number of messages.
    #[inline]
    pub(crate) fn settle(&mut self, subscription: usize, publisher: usize, channel: usize, count: u64) {
        if self.credit_subscribers[publisher * self.channels + channel] == subscription {
            let count = usize::try_from(count).expect("below the credit that was given");
            self.credit[publisher] += count;
            self.total_credit += count;
        }
    }

    /// Returns true if any publisher may send.
    pub(crate) fn has_credit(&self) -> bool {
        self.total_credit > 0
    }

    /// Takes all the credit of a publisher.
    pub(crate) fn take_credit(&mut self, publisher: usize) -> usize {
        let credit = std::mem::take(&mut self.credit[publisher]);
        self.total_credit -= credit;
        credit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Load, Protocol};

    #[test]
    fn a_message_is_complete_when_its_credit_subscriber_has_it() {
        let load = Load::Saturate { in_flight: 5 };
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let settings =
            Settings { subscribers: 6, publishers: 2, channels: 2, ..Settings::new(address, Protocol::Native, load) };
        let mut in_flight_window = InFlightWindow::new(&settings, 5);
        assert_eq!([in_flight_window.take_credit(0), in_flight_window.take_credit(1)], [3, 2], "all five");
        // Subscribers 0, 2, 4 have channel 0, and 1, 3, 5 have channel 1. The second publisher's credit subscribers are
        // the second of each.
        in_flight_window.settle(0, 1, 0, 1);
        in_flight_window.settle(4, 1, 0, 1);
        assert!(!in_flight_window.has_credit());
        in_flight_window.settle(2, 1, 0, 1);
        assert_eq!([in_flight_window.take_credit(0), in_flight_window.take_credit(1)], [0, 1]);
        in_flight_window.settle(1, 0, 1, 1);
        assert_eq!([in_flight_window.take_credit(0), in_flight_window.take_credit(1)], [1, 0]);
    }
}
