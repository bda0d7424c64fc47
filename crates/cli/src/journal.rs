//! The journal of departures, written as JSON lines whenever SIGUSR1 comes.
//!
//! A file is replaced as a whole, by renaming one that was written beside it: who reads it never sees half a journal.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread;

use corecast_engine::{Control, Departure};
use nix::sys::signal::{SigSet, Signal};

use crate::admin::DepartureLine;

/// Keeps SIGUSR1 from ending the process, for this thread and all that it starts from now on.
pub(crate) fn block_signal() -> io::Result<()> {
    Ok(signal().thread_block()?)
}

/// Whether the journal can be written to this file, tried where it is written first: beside it.
pub(crate) fn probe(file: &Path) -> io::Result<()> {
    if file.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let beside = beside(file);
    File::create(&beside)?;
    std::fs::remove_file(beside)
}

/// Writes the journal to the file, or else to standard error, at every SIGUSR1 from now on and before.
pub(crate) fn write_on_signal(control: Control, file: Option<PathBuf>) -> io::Result<()> {
    let body = move || {
        while signal().wait().is_ok() {
            match write(&control, file.as_deref()) {
                Ok(departures) => tracing::info!(departures, "journal written"),
                Err(error) => tracing::error!(%error, "cannot write the journal"),
            }
        }
    };
    thread::Builder::new().name("journal".into()).spawn(body).map(drop)
}

fn signal() -> SigSet {
    SigSet::from(Signal::SIGUSR1)
}

/// Writes all departures; how many.
fn write(control: &Control, file: Option<&Path>) -> anyhow::Result<usize> {
    let departures = control.journal()?;
    match file {
        Some(path) => {
            let beside = beside(path);
            write_to(BufWriter::new(File::create(&beside)?), &departures)?;
            std::fs::rename(&beside, path)?;
        }
        None => write_to(BufWriter::new(io::stderr().lock()), &departures)?,
    }
    Ok(departures.len())
}

/// The file that takes the place of this one when it is complete.
fn beside(file: &Path) -> PathBuf {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".part");
    beside.into()
}

fn write_to(mut out: impl Write, departures: &[Departure]) -> io::Result<()> {
    for departure in departures {
        writeln!(out, "{}", serde_json::to_string(&DepartureLine::from(departure))?)?;
    }
    out.flush()
}
