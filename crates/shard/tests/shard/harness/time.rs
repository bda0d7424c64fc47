//! The time of all drivers of a test.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Goes on when the test says so; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Time(Rc<Cell<Duration>>);

impl Time {
    /// Begins somewhere: a shard must not care where.
    pub(crate) fn begin() -> Self {
        Self(Rc::new(Cell::new(Duration::from_secs(1_000))))
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.get()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.set(self.now() + by);
    }
}
