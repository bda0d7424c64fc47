//! The way bytes leave.

/// A connection's way out.
pub trait Outlet: Clone + Send + Sync + 'static {
    /// Hands bytes to the transport, without blocking.
    fn send(&self, bytes: &[u8]) -> Sent;

    /// Does each of these sends, in any order, and notes what became of it. All are of different outlets. A
    /// transport that can take many at once overrides this.
    fn send_each(batch: &mut [Outgoing<'_, Self>]) {
        for outgoing in batch {
            outgoing.sent = outgoing.outlet.send(outgoing.bytes);
        }
    }
}

/// One of several sends.
#[derive(Debug)]
pub struct Outgoing<'a, O> {
    /// Where to.
    pub outlet: &'a O,
    /// What; not empty.
    pub bytes: &'a [u8],
    /// What became of it.
    pub sent: Sent,
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

impl Sent {
    /// How many bytes were taken.
    pub fn taken(self) -> usize {
        match self {
            Self::Took(taken) => taken,
            Self::Gone => 0,
        }
    }
}
