//! The publishing side: the channel and payload of each publisher's messages, and the counts of what was sent.

use crate::connections::pool::ConnectionPool;
use crate::load::popularity::Chooser;
use crate::protocol::dialect::Dialect;
use crate::verify::payload::{Header, Stamp};
use crate::{Error, Settings};

#[derive(Debug)]
pub(crate) struct Sender<'a> {
    stamp: &'a Stamp,
    names: &'a [String],
    first_connection: usize,
    /// The number of messages so far, and so the next sequence, by publisher and channel.
    sequences: Vec<u64>,
    chooser: Chooser,
    /// The number of deliveries that a message makes, by channel.
    deliveries: Vec<u64>,
    /// The number of messages so far.
    pub(crate) messages: u64,
    /// The number of deliveries that they make in all.
    pub(crate) expected: u64,
    /// The bytes of one message on the wire; all messages have the same length.
    frame_len: usize,
    payload: Vec<u8>,
}

impl<'a> Sender<'a> {
    /// The bytes that may wait for one publisher's socket before it makes no further message. Messages due then are
    /// made late, and the report says so.
    pub(crate) const MAX_QUEUED: usize = 16 * 1024 * 1024;

    pub(crate) fn new<D: Dialect>(settings: &Settings, names: &'a [String], stamp: &'a Stamp) -> Self {
        let echoes = if D::PUBLISHERS_RECEIVE { settings.publishers } else { 0 };
        Self {
            stamp,
            names,
            first_connection: settings.subscribers,
            sequences: vec![0; settings.publishers * settings.channels],
            chooser: Chooser::new(settings.popularity, settings.publishers, settings.channels),
            deliveries: (0..settings.channels).map(|channel| (settings.audience(channel) + echoes) as u64).collect(),
            messages: 0,
            expected: 0,
            frame_len: 1,
            payload: Vec::with_capacity(settings.payload_bytes),
        }
    }

    /// Makes the publisher's next message and queues it. Returns its channel.
    pub(crate) fn enqueue<D: Dialect>(
        &mut self,
        pool: &mut ConnectionPool<D>,
        publisher: usize,
        intended_ns: u64,
    ) -> usize {
        let channels = self.names.len();
        let channel = self.chooser.next(publisher, channels);
        let sequence = &mut self.sequences[publisher * channels + channel];
        let short = |index| u16::try_from(index).expect("settings are checked");
        let header = Header { publisher: short(publisher), channel: short(channel), sequence: *sequence, intended_ns };
        *sequence += 1;
        self.messages += 1;
        self.expected += self.deliveries[channel];
        self.payload.clear();
        self.stamp.write(header, &mut self.payload);
        let out = pool.connections[self.first_connection + publisher].outbox.buffer();
        let before = out.len();
        pool.reader.dialect.publish(&self.names[channel], &self.payload, out);
        self.frame_len = out.len() - before;
        channel
    }

    /// Returns true if the publisher's queue has room.
    pub(crate) fn has_room<D>(&self, pool: &ConnectionPool<D>, publisher: usize) -> bool {
        pool.connections[self.first_connection + publisher].outbox.len() < Self::MAX_QUEUED
    }

    /// Passes the queued bytes of a publisher to its socket.
    pub(crate) fn flush<D: Dialect>(&self, pool: &mut ConnectionPool<D>, publisher: usize) -> Result<(), Error> {
        pool.flush(self.first_connection + publisher)
    }

    /// Returns the number of messages that the sockets have taken in full.
    pub(crate) fn written<D>(&self, pool: &ConnectionPool<D>) -> u64 {
        let publishers = &pool.connections[self.first_connection..];
        let waiting: usize = publishers.iter().map(|publisher| publisher.outbox.len().div_ceil(self.frame_len)).sum();
        self.messages - waiting as u64
    }

    /// Returns the number of messages of one publisher on one channel.
    pub(crate) fn sent(&self, publisher: usize, channel: usize) -> u64 {
        self.sequences[publisher * self.names.len() + channel]
    }
}
