//! The latch that callers of the locking policies wait at.

use std::future::Future;
use std::sync::Arc;

/// Admits one caller at a time.
pub trait Latch: Default + Send + Sync + 'static {
    /// A position among the waiting callers. It is ready when it is in, and given up when it is dropped.
    type Place: Future<Output = ()> + Send + Unpin + 'static;

    /// Takes a position.
    fn place(latch: &Arc<Self>) -> Self::Place;

    /// Returns true if the position is in.
    fn is_in(place: &Self::Place) -> bool;
}
