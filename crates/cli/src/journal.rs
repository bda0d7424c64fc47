//! The journal of disconnects, written as JSON lines.
//!
//! A regular file is replaced atomically by renaming a temporary file, so readers never see half a journal, and a full disk
//! does not destroy the previous one. FIFOs and devices are written in place; standard error gets the lines through the
//! queue of the log.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corecast_engine::Control;
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::admin::DisconnectLine;
use crate::logging::Log;
use corecast_command::printable_json;
use corecast_command::write_by;

/// The maximum time for writing a journal to a FIFO, a device or standard error.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The mode of a new file before the umask is applied.
const MODE: u32 = 0o666;

/// The destination of the journal.
#[derive(Debug)]
pub(crate) enum JournalOutput {
    /// A file, opened for each journal.
    File(PathBuf),
    /// Standard error, between the lines of the log.
    Log(Log),
}

impl JournalOutput {
    /// Uses the file if there is one, and otherwise standard error.
    ///
    /// # Errors
    /// The file is a directory, or a temporary file cannot be created in its directory.
    pub(crate) fn new(file: Option<&Path>, log: &Log) -> io::Result<Self> {
        let Some(file) = file else { return Ok(Self::Log(log.clone())) };
        if file.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if is_written_in_place(file) {
            return Ok(Self::File(file.to_owned()));
        }
        temporary_beside(&target(file)).map(|_removed| Self::File(file.to_owned()))
    }

    /// Writes all disconnects that the server keeps, and logs their number or the error.
    pub(crate) fn write(&self, control: &Control) {
        match self.try_write(control) {
            Ok(records) => tracing::info!(records, "journal written"),
            Err(error) => tracing::error!(%error, "cannot write the journal"),
        }
    }

    fn try_write(&self, control: &Control) -> anyhow::Result<usize> {
        let records = control.journal()?;
        let lines = records.iter().map(|record| line(&record.into())).collect::<Result<Vec<_>, _>>()?;
        match self {
            Self::File(path) => write_file(path, &lines.concat())?,
            Self::Log(log) => {
                let deadline = Instant::now() + WRITE_TIMEOUT;
                lines.iter().try_for_each(|line| log.push_by(deadline, line.as_bytes()))?;
            }
        }
        Ok(records.len())
    }
}

fn line(record: &DisconnectLine) -> serde_json::Result<String> {
    Ok(printable_json(&serde_json::to_string(record)?).into_owned() + "\n")
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if is_written_in_place(path) {
        // O_NONBLOCK makes `open` fail on a FIFO without a reader instead of blocking.
        let mut options = OpenOptions::new();
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let out: File = options.write(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        return write_by(out, text.as_bytes(), Instant::now() + WRITE_TIMEOUT);
    }
    let target = target(path);
    let mut file = temporary_beside(&target)?;
    file.write_all(text.as_bytes())?;
    file.persist(&target)?;
    Ok(())
}

/// Returns true if the path is a FIFO or a device, which must not be replaced.
fn is_written_in_place(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| !file.is_file())
}

/// Returns the path with symbolic links resolved, so that a link is kept and its target is replaced.
fn target(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Creates a temporary file in the same directory. It is removed when dropped unless it is persisted.
fn temporary_beside(file: &Path) -> io::Result<NamedTempFile> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".");
    tempfile::Builder::new().prefix(&name).suffix(".part").permissions(Permissions::from_mode(MODE)).tempfile_in(folder)
}
