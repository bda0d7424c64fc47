//! Signals that do not stop a server: SIGUSR1 writes the journal; SIGHUP and SIGUSR2 are only logged, because their default
//! action would kill the server.
//!
//! Absent here: SIGTERM and SIGINT, which the engine handles. All other signals keep their default action.

use std::io;
use std::thread;

use corecast_engine::Control;
use nix::sys::signal::{SigSet, Signal};

use crate::journal::JournalOutput;

/// The signals that [`handle`] waits for.
const HANDLED: [Signal; 3] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP];

/// Blocks the signals in this thread and in all threads that it starts from now on. SIGTERM and SIGINT are blocked too,
/// until the engine waits for them. Otherwise one that arrives during the start would leave the administrator's socket
/// behind.
pub(crate) fn block() -> io::Result<()> {
    let stopping = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    stopping.thread_block()?;
    Ok(handled().thread_block()?)
}

/// Starts the thread that handles the signals, including those that arrived since [`block`].
pub(crate) fn handle(control: Control, journal: JournalOutput) -> io::Result<()> {
    let body = move || {
        while let Ok(signal) = handled().wait() {
            match signal {
                Signal::SIGUSR1 => journal.write(&control),
                Signal::SIGHUP => tracing::info!("SIGHUP: nothing to reload"),
                other => tracing::info!("{other}: no effect"),
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(body).map(drop)
}

fn handled() -> SigSet {
    SigSet::from_iter(HANDLED)
}
