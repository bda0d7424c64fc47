//! The tools that counting needs besides cargo: valgrind, and gungraun's runner in the version of the library.

use anyhow::{Context as _, bail, ensure};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

/// The runner's crate and program.
const RUNNER: &str = "gungraun-runner";

/// Installs valgrind with apt-get as root, or reports how to install it if that is not possible.
pub(crate) fn ensure_valgrind() -> anyhow::Result<()> {
    if version_of("valgrind")?.is_some() {
        return Ok(());
    }
    let advice = "valgrind is missing; install it with your distribution's packages, as: apt-get install valgrind";
    ensure!(rustix::process::geteuid().is_root() && version_of("apt-get")?.is_some(), advice);
    eprintln!("instructions: valgrind is missing; installing it with apt-get");
    succeed(Command::new("apt-get").args(["update", "-qq"])).context(advice)?;
    succeed(Command::new("apt-get").args(["install", "-y", "-qq", "valgrind"])).context(advice)?;
    ensure!(version_of("valgrind")?.is_some(), "apt-get installed valgrind, which is still not in the path");
    Ok(())
}

/// Returns the folder of the runner, which is installed beside the build output unless it is there already. Library and
/// runner understand each other only if their versions are the same.
pub(crate) fn ensure_runner() -> anyhow::Result<PathBuf> {
    let version = locked_version(RUNNER)?;
    let root = target_directory()?.join("tools");
    let folder = root.join("bin");
    let installed = version_of(folder.join(RUNNER))?;
    if installed.is_some_and(|line| line == format!("{RUNNER} {version}")) {
        return Ok(folder);
    }
    eprintln!("instructions: installing {RUNNER} {version} into {}", root.display());
    let mut install = Command::new(cargo());
    install.args(["install", "--locked", "--force", "--version", &format!("={version}"), "--root"]);
    succeed(install.arg(&root).arg(RUNNER))
        .with_context(|| format!("cannot install the runner; by hand: cargo install --version ={version} {RUNNER}"))?;
    Ok(folder)
}

/// Returns the cargo that runs this program, or the one in the path.
pub(crate) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Returns the first line that a program prints for `--version`, or none if there is no such program.
pub(crate) fn version_of(program: impl AsRef<std::ffi::OsStr>) -> anyhow::Result<Option<String>> {
    let program = program.as_ref();
    match Command::new(program).arg("--version").output() {
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot start {}", program.display())),
    }
}

/// Runs a command that must succeed. Its output goes to standard error.
fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdout(std::io::stderr()).status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Returns the version of a dependency in the workspace's lock file.
fn locked_version(name: &str) -> anyhow::Result<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    let lock: toml::Table = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("a lock file lists packages")?;
    let package = packages.iter().find(|package| package.get("name").and_then(toml::Value::as_str) == Some(name));
    match package.and_then(|package| package.get("version")?.as_str()) {
        Some(version) => Ok(version.to_owned()),
        None => bail!("{path} has no {name}"),
    }
}

/// Returns the target directory of this build: the folder above the profile's.
fn target_directory() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("where this program is")?;
    program.ancestors().nth(2).map(PathBuf::from).context("a program that cargo built is two folders down")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_has_the_version_of_the_library() {
        assert_eq!(locked_version(RUNNER).unwrap(), locked_version("gungraun").unwrap());
        assert!(locked_version("no-such-crate").unwrap_err().to_string().ends_with("has no no-such-crate"));
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version_of("no-such-program").unwrap(), None);
        assert!(version_of(cargo()).unwrap().is_some_and(|line| line.starts_with("cargo ")));
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let error = succeed(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("\"exit 3\"") && error.contains("exit status: 3"), "{error}");
    }
}
