//! Batches of sends in one system call.
//!
//! Each thread that sends has a ring of its own, in addition to the executor's. With `MSG_DONTWAIT`, every send is complete
//! when the submission returns, so nothing is in flight between two calls. To the caller it is a loop of `send(2)` that
//! enters the kernel once.

use super::socket::Socket;
use corecast_fanout::{Outgoing, Outlet, Sent};
use io_uring::{IoUring, opcode, types};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::cell::RefCell;
use std::os::fd::AsRawFd as _;

/// The number of sends in one submission; a longer batch takes several submissions.
const ENTRIES: u32 = 64;

/// The smallest batch for the ring: below it, a system call for each send costs less than filling a ring.
const LEAST: usize = 2;

thread_local! {
    /// `None` where no ring is available; then each send is a call.
    static RING: RefCell<Option<IoUring>> = RefCell::new(IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(ENTRIES).ok());
}

/// Does each of these sends without waiting for any socket.
pub(crate) fn send_each(batch: &mut [Outgoing<'_, Socket>]) {
    RING.with_borrow_mut(|ring| match ring {
        Some(ring) if batch.len() >= LEAST => {
            for part in batch.chunks_mut(ENTRIES as usize) {
                submit(ring, part);
            }
        }
        _ => send_singly(batch),
    });
}

fn send_singly(batch: &mut [Outgoing<'_, Socket>]) {
    for outgoing in batch {
        outgoing.sent = outgoing.outlet.send(outgoing.bytes);
    }
}

fn submit(ring: &mut IoUring, part: &mut [Outgoing<'_, Socket>]) {
    let flags = (SendFlags::DONTWAIT | SendFlags::NOSIGNAL).bits().cast_signed();
    for (index, outgoing) in part.iter().enumerate() {
        let length = u32::try_from(outgoing.bytes.len()).unwrap_or(u32::MAX);
        let send = opcode::Send::new(types::Fd(outgoing.outlet.as_raw_fd()), outgoing.bytes.as_ptr(), length)
            .flags(flags)
            .build()
            .user_data(index as u64);
        #[expect(unsafe_code, reason = "a submission refers to memory")]
        // SAFETY: descriptor and bytes are borrowed by `part`, and this function does not return before
        // the completion of every send is here.
        unsafe { ring.submission().push(&send) }.expect("the ring has an entry for each send of a part");
    }
    let mut open = part.len();
    while open > 0 {
        if let Err(error) = ring.submit_and_wait(open) {
            // A signal, or no memory for now. The kernel must be done with everything in the ring before the bytes are
            // given back.
            let again = [Errno::INTR, Errno::AGAIN, Errno::BUSY, Errno::NOMEM];
            assert!(Errno::from_io_error(&error).is_some_and(|errno| again.contains(&errno)), "a ring failed: {error}");
        }
        for completion in ring.completion() {
            let index = usize::try_from(completion.user_data()).expect("an index");
            let outgoing = &mut part[index];
            outgoing.sent = match usize::try_from(completion.result()) {
                Ok(taken) => Sent::Took(taken),
                Err(_) => match Errno::from_raw_os_error(-completion.result()) {
                    Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM | Errno::INTR => Sent::Took(0),
                    _ => Sent::Gone,
                },
            };
            open -= 1;
        }
    }
}
