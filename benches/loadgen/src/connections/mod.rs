//! The connections of a load: opening, greeting, reading, writing, and disturbing them.
//!
//! This module owns every socket. A [`pool`] holds all connections of a run around one epoll instance. [`connect`]
//! establishes them, up to the point at which the server knows each of them.

pub(crate) mod connect;
pub(crate) mod connection;
pub(crate) mod deadline;
pub(crate) mod hostile_clients;
pub(crate) mod membership;
pub(crate) mod pool;
pub(crate) mod reader;
pub(crate) mod sender;
