//! The fan-out of one batch to the members of its channels, and its outcome.

pub(crate) mod batch;
pub(crate) mod delivery;

pub use delivery::Delivery;

use crate::Members;
use crate::Notice;
use batch::{Batch, EncodedMessages};
use corecast_fanout::{
    ConnectionId, Counters, Encode, Encoding, FanoutLimits, MAX_ENCODINGS, Outlet, Publication, ShardId,
};
use delivery::Recipient;
use std::sync::Arc;

corecast_fanout::named! {
    /// The thread that writes to the sockets of a channel's members.
    #[derive(Default)]
    Handoff, "handoff" {
        /// The thread of the fan-out: the publisher's thread, or the thread on which the registry lives.
        #[default]
        Direct = "direct",
        /// The shard that owns the member. The fan-out only names the members to it.
        Owner = "owner",
    }
}

/// The messages that the current read of a publisher has brought so far, and the state that their fan-out needs.
#[derive(Debug)]
pub struct FanOut<E> {
    batch: Batch,
    /// The connection that was read; without one, there is no batch.
    pub(crate) from: Option<ConnectionId>,
    pub(crate) encode: E,
    pub(crate) limits: FanoutLimits,
    pub(crate) handoff: Handoff,
}

/// The outcome of a request to the registry.
#[derive(Debug, Default)]
pub struct Outcome {
    pub(crate) counters: Counters,
    /// The events of connections that were written to.
    pub(crate) notices: Vec<(ConnectionId, Notice)>,
    /// The messages that shards must write to their connections.
    pub(crate) deliveries: Vec<(ShardId, Delivery)>,
    /// The connections whose answer waited for this request.
    pub(crate) joined: Vec<ConnectionId>,
}

impl Outcome {
    /// Adds a later outcome.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.counters += later.counters;
        self.notices.append(&mut later.notices);
        self.deliveries.append(&mut later.deliveries);
        self.joined.append(&mut later.joined);
    }
}

impl<E: Encode> FanOut<E> {
    pub(crate) fn new(limits: FanoutLimits, encode: E) -> Self {
        Self { batch: Batch::default(), from: None, encode, limits, handoff: Handoff::default() }
    }

    /// Adds a message of the connection that is being read.
    pub(crate) fn add(&mut self, publication: &Publication<'_>, encoding: Encoding) {
        self.batch.add(publication, encoding, &self.encode);
    }

    /// Takes the batch, so that it can be fanned out elsewhere and the next one can begin here.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            batch: std::mem::take(&mut self.batch),
            from: self.from.take(),
            encode: self.encode.clone(),
            limits: self.limits.clone(),
            handoff: self.handoff,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.from = None;
    }

    /// Returns the channels, in the order of their indices.
    pub(crate) fn channels(&self) -> Vec<Arc<str>> {
        self.batch.channels().cloned().collect()
    }

    /// Delivers the batch's messages of one channel to its members.
    pub(crate) fn bring_to<O: Outlet>(
        &mut self,
        index: usize,
        channel: &Arc<str>,
        members: &Members<O>,
        outcome: &mut Outcome,
    ) {
        match self.handoff {
            Handoff::Direct => self.write(index, channel, members, outcome),
            Handoff::Owner => self.hand_off(index, channel, members, outcome),
        }
    }

    fn write<O: Outlet>(&mut self, index: usize, channel: &Arc<str>, members: &Members<O>, outcome: &mut Outcome) {
        for member in members {
            let own = Some(member.id()) == self.from;
            let encoded = self.batch.encoded(index, member.writer.encoding(), own, &self.encode);
            if let Err(notice) = member.write(channel, encoded, &self.limits, &mut outcome.counters) {
                outcome.notices.push((member.id(), notice));
            }
        }
    }

    /// Names the members to their shards: one delivery for each shard and encoding, of messages that they share.
    fn hand_off<O: Outlet>(&mut self, index: usize, channel: &Arc<str>, members: &Members<O>, outcome: &mut Outcome) {
        let spared = self.from.filter(|_| self.batch.spares_publisher(index));
        let mut named: Vec<Vec<Recipient>> = Vec::new();
        let deliver = |shard, encoded: Arc<EncodedMessages>, recipients| {
            let channel = Arc::clone(channel);
            (shard, Delivery { channel, encoded, recipients })
        };
        for member in members {
            let (id, encoding) = (member.id(), member.writer.encoding());
            let recipient = Recipient { id, subscription: member.number };
            if Some(id) == spared {
                let encoded = self.batch.take_encoded(index, encoding, true, &self.encode);
                outcome.deliveries.push(deliver(id.shard, Arc::new(encoded), vec![recipient]));
                continue;
            }
            let place = usize::from(id.shard) * MAX_ENCODINGS + encoding.index();
            if named.len() <= place {
                named.resize_with(place + 1, Vec::new);
            }
            named[place].push(recipient);
        }
        let mut batches: [Option<Arc<EncodedMessages>>; MAX_ENCODINGS] = [const { None }; MAX_ENCODINGS];
        for (place, recipients) in named.into_iter().enumerate().filter(|(_, recipients)| !recipients.is_empty()) {
            let shard = recipients[0].id.shard;
            let encoding = Encoding::new(u8::try_from(place % MAX_ENCODINGS).expect("below MAX_ENCODINGS"));
            let encoded = batches[encoding.index()]
                .get_or_insert_with(|| Arc::new(self.batch.take_encoded(index, encoding, false, &self.encode)));
            outcome.deliveries.push(deliver(shard, Arc::clone(encoded), recipients));
        }
    }
}
