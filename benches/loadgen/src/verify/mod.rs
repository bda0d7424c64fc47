//! The verification of deliveries: each against what was sent, and all of a subscription for order, loss and repeats.
//!
//! A [`delivery_verifier`] takes every delivery of a run. It reads the header of a [`payload`], compares what is equal for
//! many subscribers with a [`reference_stream`], and accounts for it in a [`delivery_tracker`].

pub(crate) mod delivery_tracker;
pub(crate) mod delivery_verifier;
pub(crate) mod payload;
pub(crate) mod receiver;
pub(crate) mod reference_stream;
