//! The `mutex` registry: one map behind one lock, which a publisher holds for its whole fan-out.

use super::{Directory, Members, Membership};
use crate::{ConnectionId, Outlet};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// A map of channels behind a [`std::sync::Mutex`].
#[derive(Debug)]
pub struct MutexDirectory<O> {
    channels: Arc<Mutex<HashMap<Arc<str>, Members<O>>>>,
}

impl<O> Clone for MutexDirectory<O> {
    fn clone(&self) -> Self {
        Self { channels: Arc::clone(&self.channels) }
    }
}

impl<O: Outlet> Directory<O> for MutexDirectory<O> {
    fn new() -> Self {
        Self { channels: Arc::default() }
    }

    fn join(&self, channel: &Arc<str>, member: &Arc<Membership<O>>) {
        let mut channels = self.channels.lock().expect("no fan-out panics");
        channels.entry(Arc::clone(channel)).or_default().push(Arc::clone(member));
    }

    fn leave(&self, channel: &str, id: ConnectionId) {
        let mut channels = self.channels.lock().expect("no fan-out panics");
        let Some(members) = channels.get_mut(channel) else { return };
        if let Some(index) = members.iter().position(|member| member.id() == id) {
            members.swap_remove(index);
        }
        if members.is_empty() {
            channels.remove(channel);
        }
    }

    fn visit<'a>(&self, names: impl Iterator<Item = &'a str>, mut fan_out: impl FnMut(usize, &Members<O>)) {
        let channels = self.channels.lock().expect("no fan-out panics");
        for (index, name) in names.enumerate() {
            if let Some(members) = channels.get(name) {
                fan_out(index, members);
            }
        }
    }
}
