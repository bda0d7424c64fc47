//! Signals that do not end a server: SIGUSR1 for the journal, and those whose default effect would end it without a word.
//!
//! Absent here: SIGTERM and SIGINT, which are the engine's, and every other signal, which has its default effect.

use std::io;
use std::thread;

use corecast_engine::Control;
use nix::sys::signal::{SigSet, Signal};

use crate::journal::JournalOutput;

/// The signals that [`answer`] takes.
const ANSWERED: [Signal; 3] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP];

/// Keeps them from ending the process, for this thread and all that it starts from now on.
pub(crate) fn block() -> io::Result<()> {
    Ok(answered().thread_block()?)
}

/// Does what they ask for, in a thread of its own, for those that came since [`block`] and all to come.
pub(crate) fn answer(control: Control, journal: JournalOutput) -> io::Result<()> {
    let body = move || {
        while let Ok(signal) = answered().wait() {
            match signal {
                Signal::SIGUSR1 => journal.write(&control),
                Signal::SIGHUP => tracing::info!("SIGHUP: nothing to reload"),
                other => tracing::info!("{other}: no effect"),
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(body).map(drop)
}

fn answered() -> SigSet {
    SigSet::from_iter(ANSWERED)
}
