//! The way bytes leave.

/// A connection's way out.
pub trait Outlet: Clone + Send + Sync + 'static {
    /// Hands bytes to the transport, without blocking.
    fn send(&self, bytes: &[u8]) -> Sent;
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The transport took so many bytes from the front. Fewer than offered: it is full, and
    /// [`Policy::writable`](crate::Policy::writable) must be called when it no longer is.
    Took(usize),
    /// The peer is gone; nothing will be taken again.
    Gone,
}
