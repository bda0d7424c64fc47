//! The journal of departures, written as JSON lines.
//!
//! A file is replaced as a whole, by renaming one that was written beside it: who reads it never sees half a journal, and a
//! disk that is full costs no older one. Pipes, devices and standard error get the lines one behind the other.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corecast_engine::Control;
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::admin::DepartureLine;
use crate::logging::Log;
use crate::output::write_by;
use crate::printable::printable_json;

/// How long a pipe, a device or standard error may take to take a journal.
const PATIENCE: Duration = Duration::from_secs(5);

/// The mode of a new file, of which the process's umask takes its part.
const MODE: u32 = 0o666;

/// Where the journal goes.
#[derive(Debug)]
pub(crate) enum JournalOutput {
    /// This file, opened each time.
    File(PathBuf),
    /// Standard error, between the lines of the log.
    Log(Log),
}

impl JournalOutput {
    /// Goes to the file, if there is one.
    ///
    /// # Errors
    /// No file can be made beside it, which was tried.
    pub(crate) fn new(file: Option<&Path>, log: &Log) -> io::Result<Self> {
        let Some(file) = file else { return Ok(Self::Log(log.clone())) };
        if file.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if is_written_in_place(file) {
            return Ok(Self::File(file.to_owned()));
        }
        beside(&target(file)).map(|_made| Self::File(file.to_owned()))
    }

    /// Writes all departures that the server knows, and logs how many.
    pub(crate) fn write(&self, control: &Control) {
        match self.try_write(control) {
            Ok(departures) => tracing::info!(departures, "journal written"),
            Err(error) => tracing::error!(%error, "cannot write the journal"),
        }
    }

    fn try_write(&self, control: &Control) -> anyhow::Result<usize> {
        let departures = control.journal()?;
        let lines = departures.iter().map(|departure| line(&departure.into())).collect::<Result<Vec<_>, _>>()?;
        match self {
            Self::File(path) => write_file(path, &lines.concat())?,
            Self::Log(log) => {
                let deadline = Instant::now() + PATIENCE;
                lines.iter().try_for_each(|line| log.push_by(deadline, line.as_bytes()))?;
            }
        }
        Ok(departures.len())
    }
}

fn line(departure: &DepartureLine) -> serde_json::Result<String> {
    Ok(printable_json(&serde_json::to_string(departure)?).into_owned() + "\n")
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if is_written_in_place(path) {
        // Without a reader, a FIFO refuses to be opened so; with one that does not read, it is given up.
        let mut options = OpenOptions::new();
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let out: File = options.write(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        return write_by(out, text.as_bytes(), Instant::now() + PATIENCE);
    }
    let target = target(path);
    let mut file = beside(&target)?;
    file.write_all(text.as_bytes())?;
    file.persist(&target)?;
    Ok(())
}

/// Whether there is something that must not be replaced: a FIFO or a device.
fn is_written_in_place(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| !file.is_file())
}

/// The file itself, where the path is a link to it.
fn target(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A new file that takes the place of this one when it is complete, and else goes again.
fn beside(file: &Path) -> io::Result<NamedTempFile> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    tempfile::Builder::new().prefix(&name).suffix(".part").permissions(Permissions::from_mode(MODE)).tempfile_in(folder)
}
