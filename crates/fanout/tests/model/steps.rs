//! The steps that a server may take, and runs of them.

use crate::common::PolicyFactory;
use crate::world::World;
use proptest::prelude::*;

/// One event. Connections, shards and channels are taken modulo their number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Open {
        shard: u16,
        disconnects: bool,
    },
    Subscribe {
        peer: usize,
        channel: usize,
    },
    Unsubscribe {
        peer: usize,
        channel: usize,
    },
    Publish {
        peer: usize,
        channel: usize,
        messages: usize,
        no_echo: bool,
        filler: usize,
    },
    Answer {
        peer: usize,
    },
    /// The transport takes this many bytes more.
    Room {
        peer: usize,
        bytes: usize,
    },
    /// The owner finds a full transport writable.
    Writable {
        peer: usize,
    },
    End {
        peer: usize,
    },
    Close {
        peer: usize,
    },
    Break {
        peer: usize,
    },
    /// Commands for a connection that was closed.
    Stale {
        peer: usize,
        channel: usize,
    },
    Dispatch {
        shard: u16,
    },
    Receive {
        shard: u16,
    },
    Flush {
        shard: u16,
        budget: usize,
    },
    Settle,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let peer = || 0..8_usize;
    let shard = || 0..3_u16;
    let channel = || 0..3_usize;
    prop_oneof![
        2 => (shard(), any::<bool>()).prop_map(|(shard, disconnects)| Step::Open { shard, disconnects }),
        4 => (peer(), channel()).prop_map(|(peer, channel)| Step::Subscribe { peer, channel }),
        2 => (peer(), channel()).prop_map(|(peer, channel)| Step::Unsubscribe { peer, channel }),
        10 => (peer(), channel(), 1..5_usize, any::<bool>(), 0..30_usize).prop_map(
            |(peer, channel, messages, no_echo, filler)| Step::Publish { peer, channel, messages, no_echo, filler }
        ),
        1 => peer().prop_map(|peer| Step::Answer { peer }),
        6 => (peer(), 0..80_usize).prop_map(|(peer, bytes)| Step::Room { peer, bytes }),
        4 => peer().prop_map(|peer| Step::Writable { peer }),
        1 => peer().prop_map(|peer| Step::End { peer }),
        1 => peer().prop_map(|peer| Step::Close { peer }),
        1 => peer().prop_map(|peer| Step::Break { peer }),
        1 => (peer(), channel()).prop_map(|(peer, channel)| Step::Stale { peer, channel }),
        10 => shard().prop_map(|shard| Step::Dispatch { shard }),
        10 => shard().prop_map(|shard| Step::Receive { shard }),
        8 => (shard(), 1..6_usize).prop_map(|(shard, budget)| Step::Flush { shard, budget }),
        1 => Just(Step::Settle),
    ]
}

/// Generates steps on the channel without observers only, so that interest comes and goes, among three connections.
pub(crate) fn interest_step() -> impl Strategy<Value = Step> {
    let shard = || 0..3_u16;
    let publish = |peer| Step::Publish { peer, channel: 2, messages: 1, no_echo: false, filler: 0 };
    prop_oneof![
        2 => (0..3_usize).prop_map(|peer| Step::Subscribe { peer, channel: 2 }),
        1 => (0..3_usize).prop_map(|peer| Step::Unsubscribe { peer, channel: 2 }),
        4 => (0..3_usize).prop_map(publish),
        4 => shard().prop_map(|shard| Step::Dispatch { shard }),
        4 => shard().prop_map(|shard| Step::Receive { shard }),
        4 => shard().prop_map(|shard| Step::Flush { shard, budget: 8 }),
    ]
}

pub(crate) fn holds<F: PolicyFactory>(shards: u16, mailbox_capacity: usize, steps: &[Step]) {
    let mut world = World::<F>::new(shards, mailbox_capacity);
    for step in steps {
        world.take(*step);
        world.check_streams();
    }
    world.come_to_rest();
    world.clear_away();
}
