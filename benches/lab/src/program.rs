//! The search for the server's program, which `compare` starts as a process.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use corecast_command::SetupError;

/// The name of the server's program.
const SERVER: &str = "corecast";

/// Returns the program that `--corecast` or the variable `CORECAST` names; else `corecast` beside this program; else
/// the one in `PATH`.
///
/// # Errors
/// There is none, or the named one does not exist.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, SetupError> {
    if let Some(named) = named {
        let missing = |error| SetupError(format!("--corecast: {}: {error}", named.display()));
        return is_program(named).map(|()| named.to_owned()).map_err(missing);
    }
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(|directory| directory.join(SERVER));
    if let Some(beside) = beside.as_ref().filter(|beside| beside.is_file()) {
        return Ok(beside.clone());
    }
    in_path(OsStr::new(SERVER)).ok_or_else(|| {
        let beside = beside.map_or_else(|| "beside this program".to_owned(), |beside| format!("at {}", beside.display()));
        SetupError(format!(
            "no server to start: there is no program {beside} and no '{SERVER}' in PATH; name one with --corecast FILE or \
             the variable CORECAST"
        ))
    })
}

/// Returns an error if the program does not exist. A bare name is looked up in PATH, as it is at the start.
pub(crate) fn is_program(binary: &Path) -> io::Result<()> {
    let is_bare = binary.parent().is_none_or(|parent| parent.as_os_str().is_empty());
    if !is_bare {
        return std::fs::metadata(binary).map(drop);
    }
    match in_path(binary.as_os_str()) {
        Some(_) => Ok(()),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "no such program in PATH")),
    }
}

fn in_path(name: &OsStr) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|directory| directory.join(name));
    files.find(|file| !name.is_empty() && file.is_file())
}
