//! The verification of deliveries: each against what was sent, and all of a subscription for order, loss and
//! duplicates.
//!
//! A [`delivery_verifier`] takes every delivery of a run. It reads the header of a [`payload`], compares bytes that are
//! equal for many subscribers with a [`reference_stream`], and accounts for the delivery in a [`delivery_tracker`].

pub(crate) mod delivery_tracker;
pub(crate) mod delivery_verifier;
pub(crate) mod payload;
pub(crate) mod receiver;
pub(crate) mod reference_stream;
