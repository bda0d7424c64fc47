//! The sockets of connections that have ended, until only this shard owns them.
//!
//! Invariant: a descriptor is closed by its own shard. Under a policy whose publishers write, another thread may be about
//! to write to a socket that its shard closes. The last owner to drop a socket closes it, and that must not be the other
//! thread.

use super::connection::ConnectionIo;
use crate::net::Socket;
use std::cell::RefCell;
use std::rc::Rc;

/// The sockets to close, whose connections the policy has forgotten.
pub(crate) struct ClosingSockets<T = ConnectionIo>(RefCell<Vec<Rc<T>>>);

impl<T: AsRef<Socket>> ClosingSockets<T> {
    /// Creates an empty list.
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// Adds a socket to close once it has no other owner.
    pub(crate) fn add(&self, socket: Rc<T>) {
        self.0.borrow_mut().push(socket);
    }

    /// Closes the sockets that have no other owner. They cannot get one again, because only an owner could pass a socket
    /// on.
    pub(crate) fn close_unshared(&self) {
        self.0.borrow_mut().retain(|socket| T::as_ref(socket).is_shared());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Received;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::thread;

    #[test]
    fn a_socket_that_a_publisher_drops_last_is_closed_by_its_own_shard() {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("two descriptors");
        let (ours, theirs) = (Socket::new(ours), Socket::new(theirs));
        let is_open = || theirs.receive(&mut [0; 8]) == Received::Nothing;
        let publishers = ours.clone();
        let closing = ClosingSockets::new();
        closing.add(Rc::new(ours));
        closing.close_unshared();
        assert!(is_open(), "a publisher may be about to write to it");
        thread::spawn(move || drop(publishers)).join().expect("it only drops a socket");
        assert!(is_open(), "the publisher's thread has not closed it");
        closing.close_unshared();
        assert_eq!(theirs.receive(&mut [0; 8]), Received::End, "its shard has");
    }
}
