//! A shard's channel logs.

use super::ChannelLog;
use crate::{Encoding, MAX_ENCODINGS};
use slab::Slab;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// A shard's channel logs, by key and by name.
#[derive(Debug, Default)]
pub(crate) struct ChannelLogs {
    entries: Slab<ChannelLog>,
    by_channel: HashMap<Arc<str>, Keys>,
}

/// The keys of a channel's channel logs, by encoding. A stored key is one more than the channel log's key, so that the
/// absence of one takes no memory.
type Keys = [Option<NonZeroU32>; MAX_ENCODINGS];

fn channel_log_key(key: NonZeroU32) -> u32 {
    key.get() - 1
}

impl ChannelLogs {
    /// Returns the keys of a channel's channel logs.
    pub(crate) fn of_channel(&self, channel: &str) -> impl Iterator<Item = u32> + use<> {
        self.by_channel.get(channel).copied().unwrap_or_default().into_iter().flatten().map(channel_log_key)
    }

    pub(crate) fn find(&self, channel: &str, encoding: Encoding) -> Option<u32> {
        self.by_channel.get(channel)?[encoding.index()].map(channel_log_key)
    }

    pub(crate) fn find_or_create(&mut self, channel: &str, encoding: Encoding) -> u32 {
        if let Some(key) = self.find(channel, encoding) {
            return key;
        }
        let name = match self.by_channel.get_key_value(channel) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(channel),
        };
        let key = u32::try_from(self.entries.insert(ChannelLog::new(Arc::clone(&name), encoding)))
            .expect("below 2^32 channel logs");
        self.by_channel.entry(name).or_default()[encoding.index()] = NonZeroU32::new(key + 1);
        key
    }

    /// Forgets a channel log that nothing refers to any more.
    pub(crate) fn retire(&mut self, key: u32) {
        if !self.entries[key as usize].is_unused() {
            return;
        }
        let channel_log = self.entries.remove(key as usize);
        debug_assert!(
            channel_log.log.is_empty() && !channel_log.oversize && channel_log.size == 0,
            "a channel log that is not listed holds nothing"
        );
        let keys = self.by_channel.get_mut(&channel_log.channel).expect("every channel log has its channel");
        keys[channel_log.encoding.index()] = None;
        if keys.iter().all(Option::is_none) {
            self.by_channel.remove(&channel_log.channel);
        }
    }

    pub(crate) fn get(&self, key: u32) -> Option<&ChannelLog> {
        self.entries.get(key as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl std::ops::Index<u32> for ChannelLogs {
    type Output = ChannelLog;

    fn index(&self, key: u32) -> &ChannelLog {
        &self.entries[key as usize]
    }
}

impl std::ops::IndexMut<u32> for ChannelLogs {
    fn index_mut(&mut self, key: u32) -> &mut ChannelLog {
        &mut self.entries[key as usize]
    }
}
