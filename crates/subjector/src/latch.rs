//! What the locking policies wait at.

use std::future::Future;
use std::sync::Arc;

/// Lets one in at a time.
pub trait Latch: Default + Send + Sync + 'static {
    /// A place among those who want in: ready when it is in, given up when it is dropped.
    type Place: Future<Output = ()> + Send + Unpin + 'static;

    /// Takes a place.
    fn place(latch: &Arc<Self>) -> Self::Place;

    /// Whether that place is in.
    fn is_in(place: &Self::Place) -> bool;
}
