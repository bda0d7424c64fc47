//! Closed loop: which messages are under way, and when a publisher may send the next.
//!
//! A message is complete when every subscriber of its channel has it. A subscriber that was given a later
//! one will not wait for it any more, so a lost message does not stop the load. Messages of one publisher
//! on one channel complete in order, which is why a ring of counters is enough.

use crate::Settings;

#[derive(Debug)]
pub(crate) struct Flight {
    channels: usize,
    /// Counters per publisher and channel: a power of two, at least what one publisher has under way.
    ring: usize,
    /// By (publisher, channel, sequence modulo ring): subscribers that have the message.
    arrived: Vec<u32>,
    /// Subscribers of each channel.
    audience: Vec<u32>,
    /// Messages that each publisher may send.
    credit: Vec<usize>,
    total_credit: usize,
}

impl Flight {
    pub(crate) fn new(settings: &Settings, in_flight: usize) -> Self {
        let each = in_flight / settings.publishers;
        let ring = each.next_power_of_two();
        let audience = |channel| u32::try_from(settings.audience(channel)).expect("descriptors are fewer");
        Self {
            channels: settings.channels,
            ring,
            arrived: vec![0; settings.publishers * settings.channels * ring],
            audience: (0..settings.channels).map(audience).collect(),
            credit: vec![each; settings.publishers],
            total_credit: each * settings.publishers,
        }
    }

    /// One more subscriber is done with this message.
    #[inline]
    pub(crate) fn settle(&mut self, publisher: usize, channel: usize, sequence: u64) {
        let lane = (publisher * self.channels + channel) * self.ring;
        let slot = usize::try_from(sequence).expect("64-bit") & (self.ring - 1);
        let arrived = &mut self.arrived[lane + slot];
        *arrived += 1;
        if *arrived == self.audience[channel] {
            *arrived = 0;
            self.credit[publisher] += 1;
            self.total_credit += 1;
        }
    }

    /// Whether any publisher may send.
    pub(crate) fn has_credit(&self) -> bool {
        self.total_credit > 0
    }

    /// All that a publisher may send now.
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
    fn a_message_is_complete_when_every_subscriber_of_its_channel_has_it() {
        let load = Load::Saturate { in_flight: 5 };
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let settings =
            Settings { subscribers: 3, publishers: 2, channels: 2, ..Settings::new(address, Protocol::Native, load) };
        let mut flight = Flight::new(&settings, 5);
        assert_eq!([flight.take_credit(0), flight.take_credit(1)], [2, 2]);
        assert!(!flight.has_credit());
        flight.settle(1, 0, 0);
        assert!(!flight.has_credit());
        flight.settle(1, 0, 0);
        assert_eq!([flight.take_credit(0), flight.take_credit(1)], [0, 1]);
        flight.settle(0, 1, 7);
        assert_eq!([flight.take_credit(0), flight.take_credit(1)], [1, 0]);
    }
}
