//! The length of a socket's send queue in the kernel. While it shrinks, the server takes bytes.

use std::os::fd::{AsFd, AsRawFd as _};

/// Returns the number of bytes that the peer's host has not acknowledged; 0 if the kernel cannot tell.
pub(crate) fn unacknowledged(socket: impl AsFd) -> u32 {
    let mut bytes: libc::c_int = 0;
    #[expect(unsafe_code, reason = "no crate that we keep has SIOCOUTQ")]
    // SAFETY: SIOCOUTQ, for which libc uses another name, writes one int. The borrowed socket keeps the descriptor
    // open.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { u32::try_from(bytes).unwrap_or_default() } else { 0 }
}
