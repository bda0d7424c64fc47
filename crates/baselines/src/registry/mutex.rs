//! The `mutex` registry: one map behind one lock, which a publisher holds for its whole fan-out.

use crate::{Directory, FanOut, Membership, Outcome, Registry};
use corecast_fanout::{ConnectionId, Encode, Outlet};
use std::sync::{Arc, Mutex};

/// A map of channels behind a [`std::sync::Mutex`].
#[derive(Debug)]
pub struct MutexDirectory<O> {
    registry: Arc<Mutex<Registry<O>>>,
}

impl<O> Clone for MutexDirectory<O> {
    fn clone(&self) -> Self {
        Self { registry: Arc::clone(&self.registry) }
    }
}

impl<O> Default for MutexDirectory<O> {
    fn default() -> Self {
        Self { registry: Arc::default() }
    }
}

impl<O: Outlet> Directory<O> for MutexDirectory<O> {
    fn join(&mut self, channel: &Arc<str>, member: &Arc<Membership<O>>, answer: &[u8]) {
        member.writer.hold(answer);
        self.registry.lock().expect("no fan-out panics").join(channel, member);
    }

    fn leave(&mut self, channel: &Arc<str>, id: ConnectionId) {
        self.registry.lock().expect("no fan-out panics").leave(channel, id);
    }

    fn fan_out<E: Encode>(&mut self, fan_out: &mut FanOut<E>, outcome: &mut Outcome) {
        let channels = fan_out.channels();
        self.registry.lock().expect("no fan-out panics").fan_out(&channels, fan_out, outcome);
        fan_out.clear();
    }
}
