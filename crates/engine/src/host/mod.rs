//! The host: the CPUs on which a shard runs, the time for which it waits for them, and the resources that the kernel must
//! allow.

mod affinity;
mod io_uring;
mod open_files;
mod schedstat;

pub(crate) use affinity::{CpuPlacement, schedule};
pub(crate) use io_uring::probe as probe_io_uring;
pub(crate) use open_files::check as check_open_files;
pub use open_files::open_files_needed;
pub(crate) use schedstat::Schedstat;
