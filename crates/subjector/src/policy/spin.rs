//! Try again until the object is free.

use super::locked::locking_policy;
use crate::spinning::Spinning;

/// A spin lock that yields its task between two tries, and after a few waits to be woken.
///
/// The lightest, without any order: who tries when it is free gets in. For short calls that hardly ever meet.
/// A call that awaits keeps others out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spin;

locking_policy!(Spin, Spinning);
