//! The tests of the crate, through its public interface.

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
