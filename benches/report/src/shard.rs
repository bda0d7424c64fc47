//! The division of a run's connections and deliveries among the server's shards.

use serde::Deserialize;

use crate::outside::figure;
use crate::{Entry, median};

/// The part of one shard: an element of a report's `shards`, such as `{"shard": 0, "connections": 52, "deliveries":
/// 50000}`. There is none if the server does not report it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Shard {
    /// The number of the shard.
    pub shard: u64,
    /// The number of connections that it owned.
    #[serde(deserialize_with = "figure")]
    pub connections: f64,
    /// The number of deliveries that it made.
    #[serde(deserialize_with = "figure")]
    pub deliveries: f64,
}

impl Entry {
    /// Returns each shard with its part in words, medians of the rounds that are shown: `52 connections, 50 % of
    /// deliveries`.
    pub(crate) fn split(&self) -> Vec<(u64, String)> {
        let rounds: Vec<Vec<Shard>> = self.shown().filter_map(|run| run.shards().ok()).collect();
        let mut numbers: Vec<u64> = rounds.iter().flatten().map(|shard| shard.shard).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let in_words = |number: u64| {
            let parts = rounds.iter().filter_map(|shards| {
                let shard = shards.iter().find(|shard| shard.shard == number)?;
                let all: f64 = shards.iter().map(|shard| shard.deliveries).sum();
                Some((shard.connections, if all > 0.0 { 100.0 * shard.deliveries / all } else { 0.0 }))
            });
            let (connections, shares): (Vec<f64>, Vec<f64>) = parts.unzip();
            let (connections, share) = (median(&connections)?, median(&shares)?);
            let connections = format!("{connections:.0}");
            let plural = if connections == "1" { "" } else { "s" };
            Some((number, format!("{connections} connection{plural}, {share:.0} % of deliveries")))
        };
        numbers.into_iter().filter_map(in_words).collect()
    }
}
