//! Hostile clients beside the load: each connects, does one thing that no client should do, and leaves.

use crate::Error;
use crate::connections::connection::Connection;
use rustix::net::{SendFlags, send, sockopt};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// The number of clients that are present at a time; the first leaves when one more comes. At 100 a second each stays
/// for three seconds, which is long enough for a deadline of a second or two.
pub(crate) const PRESENT: usize = 300;

/// The bytes that they send in turn: a length over any limit, another protocol, a wrong checksum, an incomplete frame,
/// nothing.
const SAYINGS: [&[u8]; 5] = [
    &[0xFF; 256],
    b"GET / HTTP/1.1\r\nHost: example\r\n\r\n",
    &[0, 0, 0, 8, 9, 9, 9, 9, 1, 0, 0, 1],
    &[0, 0, 0, 200, 1],
    b"",
];

/// The clients that are present.
#[derive(Debug, Default)]
pub(crate) struct HostileClients {
    present: VecDeque<Connection>,
    come: usize,
}

impl HostileClients {
    /// Makes the latest client send its bytes, and connects another. Every other client leaves with a reset.
    pub(crate) fn arrive(&mut self, address: SocketAddr) -> Result<(), Error> {
        if let Some(latest) = self.present.back() {
            // It is not a failure of the load if a server has closed the connection already, or not accepted it yet.
            let _ = send(&latest.socket, SAYINGS[self.come % SAYINGS.len()], SendFlags::NOSIGNAL);
        }
        let client = Connection::open(address, 0)?;
        self.come += 1;
        if self.come.is_multiple_of(2) {
            sockopt::set_socket_linger(&client.socket, Some(Duration::ZERO)).map_err(Error::system("setsockopt"))?;
        }
        self.present.push_back(client);
        if self.present.len() > PRESENT {
            self.present.pop_front();
        }
        Ok(())
    }
}
