//! Many sends in one system call, as `crates/engine/src/net/batch.rs` does.

use crate::sends::FLAGS;
use io_uring::{IoUring, opcode, types};
use rustix::io::Errno;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// The most sends in one submission.
pub(crate) const ENTRIES: usize = 64;

/// A ring in which nothing is in flight between two calls.
pub(crate) struct Ring(IoUring);

impl Ring {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(IoUring::new(u32::try_from(ENTRIES).expect("a small number"))?))
    }

    /// Sends the bytes to each of these sockets, without waiting for any. `note` gets the index of each socket and the
    /// result of its send.
    ///
    /// # Panics
    /// If there are more than [`ENTRIES`], or the kernel refuses the ring.
    pub(crate) fn send_each(
        &mut self,
        sockets: &[BorrowedFd<'_>],
        bytes: &[u8],
        mut note: impl FnMut(usize, Result<usize, Errno>),
    ) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        for (index, socket) in sockets.iter().enumerate() {
            let send = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), length)
                .flags(FLAGS.bits().cast_signed())
                .build()
                .user_data(index as u64);
            #[expect(unsafe_code, reason = "a submission refers to memory")]
            // SAFETY: `sockets` and `bytes` are borrowed until this function returns, and it does not return before the
            // completion of every send.
            unsafe { self.0.submission().push(&send) }.expect("the ring has an entry for each socket");
        }
        let mut open = sockets.len();
        while open > 0 {
            if let Err(error) = self.0.submit_and_wait(open) {
                // A signal came, or memory is short at the moment. Everything in the ring must be sent before the bytes
                // are given back.
                let again = [Errno::INTR, Errno::AGAIN, Errno::BUSY, Errno::NOMEM];
                let errno = Errno::from_io_error(&error);
                assert!(errno.is_some_and(|errno| again.contains(&errno)), "a ring failed: {error}");
            }
            for completion in self.0.completion() {
                let index = usize::try_from(completion.user_data()).expect("an index");
                let taken = usize::try_from(completion.result());
                note(index, taken.map_err(|_| Errno::from_raw_os_error(-completion.result())));
                open -= 1;
            }
        }
    }
}
