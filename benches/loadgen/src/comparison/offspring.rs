//! Child processes that end with this one, whatever ends it.

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Makes the kernel send SIGTERM to the command's process when the thread that spawns it ends. That covers the case
/// that this process is killed, which leaves it no time to do so itself.
pub(crate) fn end_with_this_thread(command: &mut Command) {
    let parent = getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // The parent may already have ended.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
    };
    #[expect(unsafe_code, reason = "what runs between fork and exec has no safe form")]
    // SAFETY: the closure makes two system calls. It allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(in_child);
    }
}
