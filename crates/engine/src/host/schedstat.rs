//! The scheduler's statistics of one thread, from `/proc/thread-self/schedstat`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// The scheduler's statistics of one thread. Reading them is one system call of about a microsecond.
#[derive(Debug)]
pub(crate) struct Schedstat(File);

impl Schedstat {
    /// Opens the statistics of the calling thread. An error means that the kernel keeps none (`CONFIG_SCHED_INFO`).
    pub(crate) fn of_this_thread() -> io::Result<Self> {
        File::open("/proc/thread-self/schedstat").map(Self)
    }

    /// Returns the sums since the thread started.
    pub(crate) fn read(&self) -> io::Result<Usage> {
        let mut buffer = [0; 64];
        let length = self.0.read_at(&mut buffer, 0)?;
        let text = str::from_utf8(&buffer[..length]).map_err(io::Error::other)?;
        let mut numbers = text.split_whitespace().map(|number| number.parse().map_err(io::Error::other));
        let mut next = || numbers.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
        Ok(Usage { ran: next()?, waited: next()?, turns: next()? })
    }
}

/// A thread's use of CPUs over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Nanoseconds on a CPU.
    pub(crate) ran: u64,
    /// Nanoseconds for which the thread was ready to run and did not run.
    pub(crate) waited: u64,
    /// The number of times that the thread got a CPU.
    pub(crate) turns: u64,
}

impl std::ops::Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { ran: self.ran - before.ran, waited: self.waited - before.waited, turns: self.turns - before.turns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_has_statistics() {
        let statistics = Schedstat::of_this_thread().expect("the kernel keeps them");
        let before = statistics.read().expect("three numbers");
        while statistics.read().expect("three numbers").ran == before.ran {}
    }
}
