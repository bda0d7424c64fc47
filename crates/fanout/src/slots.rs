//! A slot map with generation-checked IDs.

use crate::{ConnectionId, ShardId};
use slab::Slab;

/// A shard's connections, by [`ConnectionId`].
#[derive(Debug)]
pub struct Slots<T> {
    shard: ShardId,
    next_generation: u32,
    entries: Slab<(ConnectionId, T)>,
}

impl<T> Slots<T> {
    /// Creates an empty table for this shard.
    pub fn new(shard: ShardId) -> Self {
        Self::with_capacity(shard, 0)
    }

    /// Creates an empty table for this shard that does not grow, and so moves nothing, up to `capacity` connections.
    /// Reserved but unused room costs addresses, not memory: the kernel backs it with pages when it is first written.
    pub fn with_capacity(shard: ShardId, capacity: usize) -> Self {
        Self { shard, next_generation: 0, entries: Slab::with_capacity(capacity) }
    }

    /// Returns the number of connections that fit without the table growing.
    pub fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Adds a connection under a new identity.
    ///
    /// # Panics
    /// If the table has 2^32 entries.
    pub fn insert(&mut self, value: T) -> ConnectionId {
        self.insert_with(|_| value)
    }

    /// Adds a connection that is built from its identity.
    ///
    /// # Panics
    /// If the table has 2^32 entries.
    pub fn insert_with(&mut self, value: impl FnOnce(ConnectionId) -> T) -> ConnectionId {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let entry = self.entries.vacant_entry();
        let slot = u32::try_from(entry.key()).expect("fewer than 2^32 connections");
        let id = ConnectionId { shard: self.shard, slot, generation };
        entry.insert((id, value(id)));
        id
    }

    /// Returns the connection with this identity, unless it is gone.
    pub fn get(&self, id: ConnectionId) -> Option<&T> {
        match self.entries.get(id.slot as usize) {
            Some((name, value)) if *name == id => Some(value),
            _ => None,
        }
    }

    /// Returns the connection with this identity, unless it is gone.
    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        match self.entries.get_mut(id.slot as usize) {
            Some((name, value)) if *name == id => Some(value),
            _ => None,
        }
    }

    /// Removes the connection with this identity, unless it is gone.
    pub fn remove(&mut self, id: ConnectionId) -> Option<T> {
        self.get(id)?;
        Some(self.entries.remove(id.slot as usize).1)
    }

    /// Returns the connection in an occupied slot, with its identity.
    ///
    /// # Panics
    /// If the slot is empty. The caller keeps only slots of connections that it has not removed.
    pub fn at(&mut self, slot: u32) -> (ConnectionId, &mut T) {
        let (id, value) = &mut self.entries[slot as usize];
        (*id, value)
    }

    /// Returns the connection in an occupied slot.
    ///
    /// # Panics
    /// If the slot is empty.
    pub fn peek(&self, slot: u32) -> &T {
        &self.entries[slot as usize].1
    }

    /// Returns the number of connections.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if there are no connections.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns all connections, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.entries.iter().map(|(_, (id, value))| (*id, value))
    }
}
