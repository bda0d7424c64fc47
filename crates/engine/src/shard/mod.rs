//! One shard on glommio: its driver and its tasks.
//!
//! `corecast_shard` decides what a shard does; this module carries out its steps and effects. The tasks are the tick, one
//! task for each listener, and one for each connection. They share the [`Driver`].

mod accept;
mod closing;
mod connection;
mod driver;
mod pause;
mod requests;
mod tick;

pub(crate) use accept::BoundListener;
pub(crate) use driver::{Driver, Engine, run};
pub use pause::PauseReport;
