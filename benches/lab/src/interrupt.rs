//! Signals that end a measurement. The first one ends it early, with the results so far; a second one ends the process
//! at once.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use corecast_command::say;

use crate::PROGRAM;

/// The base of the exit code after a signal: a shell adds the signal's number to it.
const SIGNALLED: usize = 128;

/// Records whether one of these signals has come.
pub(crate) struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Watches for SIGINT, SIGTERM and SIGHUP, except those that this process was started to ignore.
    pub(crate) fn watch() -> anyhow::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        register(&signal).context("cannot watch for signals")?;
        Ok(Self { signal })
    }

    /// Returns the exit code of a measurement: 128 plus the number of the signal if one has come, otherwise by whether
    /// everything held.
    pub(crate) fn exit_code_of(&self, held: anyhow::Result<bool>) -> anyhow::Result<ExitCode> {
        match (self.signal.load(Ordering::Relaxed), held) {
            (0, Ok(true)) => Ok(ExitCode::SUCCESS),
            (0, Ok(false)) => Ok(ExitCode::FAILURE),
            (0, Err(error)) => Err(error),
            (signal, held) => {
                if let Err(error) = held {
                    say(PROGRAM, &error);
                }
                Ok(u8::try_from(signal + SIGNALLED).map_or(ExitCode::FAILURE, ExitCode::from))
            }
        }
    }
}

fn register(signal: &Arc<AtomicUsize>) -> io::Result<()> {
    let interruption = corecast_loadgen::interruption();
    let ignored = ignored();
    for number in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|number| ignored >> (number - 1) & 1 == 0) {
        let shown = usize::try_from(number).expect("a small number");
        // The handlers are registered in this order, so that only a second signal finds the flag set.
        flag::register_conditional_shutdown(
            number,
            i32::try_from(SIGNALLED).expect("128") + number,
            Arc::clone(&interruption),
        )?;
        flag::register_usize(number, Arc::clone(signal), shown)?;
        flag::register(number, Arc::clone(&interruption))?;
    }
    Ok(())
}

/// Returns the ignored signals, one bit each, as nohup and shells set them for programs in the background.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
