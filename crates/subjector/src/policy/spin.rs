//! A policy that tries again until the object is free.

use super::locked::locking_policy;
use crate::spinning::Spinning;

/// A spin lock that yields its task between two tries, and waits to be woken after a few of them.
///
/// It is the lightest policy, and has no order: the first caller to try when the object is free gets in. It is for
/// short calls that hardly ever meet. A call that awaits excludes others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spin;

locking_policy!(Spin, Spinning);
