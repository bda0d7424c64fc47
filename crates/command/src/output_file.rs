//! Files that are opened before a measurement and written after it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::Builder;

use crate::SetupError;

/// A file that can be written. [`OutputFile::write`] changes it atomically: whatever ends the process before that
/// leaves the old content, or no file.
#[derive(Debug)]
pub struct OutputFile {
    /// The path as the user named it.
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// The file is replaced by one that is written beside it.
    Replaced {
        /// The path after resolving symbolic links, which are kept.
        path: PathBuf,
        permissions: Permissions,
    },
    /// A pipe or device, or a file in a directory in which no other can be created.
    Open(File),
}

/// The mode of a new file before the umask is applied.
const NEW_FILE_MODE: u32 = 0o666;

impl OutputFile {
    /// Checks that the file can be written, and changes nothing.
    ///
    /// # Errors
    /// The file cannot be written. This is reported before minutes are spent on a measurement.
    pub fn open(path: &Path) -> Result<Self, SetupError> {
        let target =
            Target::of(path).map_err(|error| SetupError(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), target })
    }

    /// Replaces the content of the file.
    ///
    /// # Errors
    /// The content could not be written.
    pub fn write(self, text: &str) -> anyhow::Result<()> {
        self.target.write(text.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Returns the path as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Target {
    fn of(path: &Path) -> io::Result<Self> {
        let (path, permissions) = match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if path.file_name().is_none() {
                    return Err(error);
                }
                (path.to_owned(), Permissions::from_mode(NEW_FILE_MODE))
            }
            opened => {
                let file = opened?;
                let metadata = file.metadata()?;
                let path = path.canonicalize()?;
                if !metadata.is_file() || tempfile::tempfile_in(directory(&path)).is_err() {
                    return Ok(Self::Open(file));
                }
                (path, metadata.permissions())
            }
        };
        // The file has no name, so it is gone however the process ends.
        tempfile::tempfile_in(directory(&path))?;
        Ok(Self::Replaced { path, permissions })
    }

    fn write(self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Replaced { path, permissions } => {
                let mut beside = Builder::new().permissions(permissions).tempfile_in(directory(&path))?;
                beside.write_all(bytes)?;
                beside.persist(&path)?;
                Ok(())
            }
            Self::Open(mut file) => {
                // Pipes and devices have nothing to truncate.
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                file.write_all(bytes)
            }
        }
    }
}

/// Returns the directory of a file.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_changes_only_when_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let file = OutputFile::open(&path).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "made before there is anything to write");
        drop(file);
        fs::write(&path, "what was there before").unwrap();
        drop(OutputFile::open(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"what was there before");
        OutputFile::open(&path).unwrap().write("now").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"now");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is left beside it");
        let error = OutputFile::open(&directory.path().join("absent/out")).unwrap_err().to_string();
        assert!(error.contains("absent/out: No such file"), "{error}");
    }

    #[test]
    fn permissions_and_links_stay() {
        let directory = tempfile::tempdir().unwrap();
        let [path, link] = ["out", "link"].map(|name| directory.path().join(name));
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("out", &link).unwrap();
        OutputFile::open(&link).unwrap().write("now").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"now");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_file_of_another_process_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let unwritten = OutputFile::open(&path).unwrap();
        fs::write(&path, "").unwrap();
        drop(unwritten);
        assert!(path.exists(), "another process made it meanwhile");
    }

    #[test]
    fn a_device_is_written_too() {
        OutputFile::open(Path::new("/dev/null")).unwrap().write("text").unwrap();
        let error = OutputFile::open(Path::new("/dev/full")).unwrap().write("text").unwrap_err();
        assert_eq!(error.to_string(), "cannot write /dev/full");
        assert!(Path::new("/dev/full").exists());
    }
}
