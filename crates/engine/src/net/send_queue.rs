//! The bytes that the kernel still holds of what a socket was sent. While the socket stays full, they are the only sign
//! that its peer reads.

use super::socket::Socket;
use std::os::fd::AsRawFd as _;

/// Returns the number of bytes that the peer has not acknowledged, or if the kernel does not say, a number above any
/// possible one.
pub(crate) fn unacknowledged(socket: &Socket) -> u32 {
    let mut bytes: libc::c_int = 0;
    #[expect(unsafe_code, reason = "no crate that we keep has SIOCOUTQ")]
    // SAFETY: SIOCOUTQ, to which libc gives its other name, writes one int; the borrowed socket keeps the descriptor open.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { u32::try_from(bytes).unwrap_or(u32::MAX) } else { u32::MAX }
}
