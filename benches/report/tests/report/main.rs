//! The crate's tests, through its public surface.

mod colours;
mod curve;
mod files;
mod hostile;
mod page;
mod ramp;
mod statistics;
mod support;
mod table;
mod verdicts;
