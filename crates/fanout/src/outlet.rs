//! The interface to a connection's transport.

/// The sending side of a connection.
pub trait Outlet: Clone + Send + Sync + 'static {
    /// Hands bytes to the transport without blocking.
    fn send(&self, bytes: &[u8]) -> Sent;

    /// Performs each of these sends, in any order, and records its result. Every send is to a different outlet. A
    /// transport that can take many sends at once overrides this method.
    fn send_each(batch: &mut [Outgoing<'_, Self>]) {
        for outgoing in batch {
            outgoing.sent = outgoing.outlet.send(outgoing.bytes);
        }
    }
}

/// One of several sends.
#[derive(Debug)]
pub struct Outgoing<'a, O> {
    /// The outlet to send to.
    pub outlet: &'a O,
    /// The bytes to send; not empty.
    pub bytes: &'a [u8],
    /// The result of the send.
    pub sent: Sent,
}

/// The result of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The transport took this number of bytes from the front. If that is fewer than offered, it is full, and
    /// [`Policy::writable`](crate::Policy::writable) must be called when it no longer is.
    Took(usize),
    /// The peer is gone; the transport will take nothing more.
    Gone,
}

impl Sent {
    /// Returns the number of bytes that were taken.
    pub fn taken(self) -> usize {
        match self {
            Self::Took(taken) => taken,
            Self::Gone => 0,
        }
    }
}
