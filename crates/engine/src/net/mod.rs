//! Sockets: listeners, connections, and many sends in one system call. Nothing here waits.

mod batch;
mod listener;
mod send_queue;
mod socket;

pub(crate) use listener::{BACKLOG, bind};
pub(crate) use send_queue::unacknowledged;
pub(crate) use socket::{Received, Socket};
