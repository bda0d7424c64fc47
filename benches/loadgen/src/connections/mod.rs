//! The connections of a load: how they are opened, greeted, read, written, and what is done to them.
//!
//! Owns every socket. A [`pool`] holds all connections of a run around one epoll instance; [`connect`] brings them to the
//! point where the server knows each of them.

pub(crate) mod connect;
pub(crate) mod connection;
pub(crate) mod deadline;
pub(crate) mod hostile_clients;
pub(crate) mod membership;
pub(crate) mod pool;
pub(crate) mod reader;
pub(crate) mod sender;
