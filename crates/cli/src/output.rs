//! Where results go: standard output, and files that are opened before a measurement and written behind it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::command_line::SetupError;

/// Writes to standard output, at once. Unlike `print!` it does not panic if nobody reads it or there is no room.
///
/// # Errors
/// It was not taken.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}

/// A file that can be written. What was in it stays until [`OutputFile::write`], and one that was not there before
/// goes again if nothing is written.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    file: File,
    /// Made here, and still empty.
    unwritten: bool,
}

impl OutputFile {
    /// Opens it, or makes it.
    ///
    /// # Errors
    /// It cannot be written, which is said before minutes are spent.
    pub(crate) fn open(path: &Path) -> Result<Self, SetupError> {
        let mut options = OpenOptions::new();
        let (opened, made) = match options.write(true).create_new(true).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (options.create_new(false).open(path), false),
            opened => (opened, true),
        };
        let file = opened.map_err(|error| SetupError(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), file, unwritten: made })
    }

    /// Replaces what is in it.
    ///
    /// # Errors
    /// It was not taken.
    pub(crate) fn write(mut self, text: &str) -> anyhow::Result<()> {
        self.unwritten = false;
        let write = || {
            // Pipes and devices have nothing to cut off.
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            (&self.file).write_all(text.as_bytes())
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.unwritten {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_only_when_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        drop(OutputFile::open(&path).unwrap());
        assert!(!path.exists(), "made for nothing");
        fs::write(&path, "what was there before").unwrap();
        drop(OutputFile::open(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"what was there before");
        OutputFile::open(&path).unwrap().write("now").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"now");
        let error = OutputFile::open(&directory.path().join("absent/out")).unwrap_err().to_string();
        assert!(error.contains("absent/out: No such file"), "{error}");
    }

    #[test]
    fn a_device_is_written_too() {
        OutputFile::open(Path::new("/dev/null")).unwrap().write("text").unwrap();
        let error = OutputFile::open(Path::new("/dev/full")).unwrap().write("text").unwrap_err();
        assert_eq!(error.to_string(), "cannot write /dev/full");
        assert!(Path::new("/dev/full").exists());
    }
}
