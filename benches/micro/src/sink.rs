//! A transport without a kernel behind it.

use corecast_fanout::{Outlet, Sent};
use std::hint::black_box;

/// Takes everything at once and keeps nothing: what is left of a flush is finding out what to send to whom.
#[derive(Clone, Copy, Debug)]
pub struct Sink;

impl Outlet for Sink {
    fn send(&self, bytes: &[u8]) -> Sent {
        Sent::Took(black_box(bytes).len())
    }
}
