//! The `snapshot` registry: copy-on-write, so that a publisher holds the lock only to clone an `Arc`.
//!
//! This is the technique of muduo's threaded chat server (`asio_chat_server` in *Linux multithreaded server
//! programming*, Chen Shuo, 2013): `make_mut` copies the map only while a fan-out holds the old one. The members of
//! each channel are behind a separate `Arc`, so that a join copies one channel's members and the map's pointers, not
//! every channel's members.

use crate::{Directory, FanOut, Members, Membership, Outcome};
use corecast_fanout::{ConnectionId, Encode, Outlet};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

type Channels<O> = HashMap<Arc<str>, Arc<Members<O>>>;

/// A copy-on-write map of channels: `Mutex<Arc<…>>`.
#[derive(Debug)]
pub struct SnapshotDirectory<O> {
    channels: Arc<Mutex<Arc<Channels<O>>>>,
}

impl<O> Clone for SnapshotDirectory<O> {
    fn clone(&self) -> Self {
        Self { channels: Arc::clone(&self.channels) }
    }
}

impl<O> Default for SnapshotDirectory<O> {
    fn default() -> Self {
        Self { channels: Arc::default() }
    }
}

impl<O: Outlet> Directory<O> for SnapshotDirectory<O> {
    fn join(&mut self, channel: &Arc<str>, member: &Arc<Membership<O>>, answer: &[u8]) {
        member.writer.hold(answer);
        let mut snapshot = self.channels.lock().expect("no update panics");
        let members = Arc::make_mut(&mut snapshot).entry(Arc::clone(channel)).or_default();
        Arc::make_mut(members).push(Arc::clone(member));
    }

    fn leave(&mut self, channel: &Arc<str>, id: ConnectionId) {
        let mut snapshot = self.channels.lock().expect("no update panics");
        let channels = Arc::make_mut(&mut snapshot);
        let Some(members) = channels.get_mut(channel) else { return };
        if let Some(index) = members.iter().position(|member| member.id() == id) {
            Arc::make_mut(members).swap_remove(index);
        }
        if members.is_empty() {
            channels.remove(channel);
        }
    }

    fn fan_out<E: Encode>(&mut self, fan_out: &mut FanOut<E>, outcome: &mut Outcome) {
        let channels = Arc::clone(&self.channels.lock().expect("no update panics"));
        for (index, channel) in fan_out.channels().iter().enumerate() {
            if let Some(members) = channels.get(channel) {
                fan_out.bring_to(index, channel, members, outcome);
            }
        }
        fan_out.clear();
    }
}
