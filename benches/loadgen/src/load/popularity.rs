//! The choice of the channel of the next message.

use crate::Error;
use crate::report::figures::{float, whole};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Zipf};
use serde::{Deserialize, Serialize};

/// The spread of messages over channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Popularity {
    /// Each publisher sends to all channels in turn.
    #[default]
    Even,
    /// Channel `k`, counted from 1, gets a share in proportion to `1 / k^exponent`.
    Zipf {
        /// The exponent. 0 is even in the long run; about 1 is typical of traffic by popularity.
        exponent: f64,
        /// The seed of the order of channels; the same seed gives the same order.
        seed: u64,
    },
}

impl Popularity {
    /// The greatest exponent. Above it, nearly every message goes to the first channel.
    pub const MAX_EXPONENT: f64 = 10.0;

    pub(crate) fn check(self, channels: usize) -> Result<(), Error> {
        match self {
            Self::Zipf { exponent, .. } if !(0.0..=Self::MAX_EXPONENT).contains(&exponent) => {
                Err(Error::setting("--zipf", format!("0 to {} are possible", Self::MAX_EXPONENT)))
            }
            Self::Zipf { .. } if channels == 1 => Err(Error::setting("--zipf", "it needs more than one channel")),
            _ => Ok(()),
        }
    }
}

/// Chooses channels according to a [`Popularity`].
#[derive(Debug)]
pub(crate) enum Chooser {
    /// The number of messages so far, by publisher.
    Even(Vec<usize>),
    Zipf(Zipf<f64>, Xoshiro256PlusPlus),
}

impl Chooser {
    /// # Panics
    /// If the popularity does not fit the channels. Settings are checked before.
    pub(crate) fn new(popularity: Popularity, publishers: usize, channels: usize) -> Self {
        match popularity {
            Popularity::Even => Self::Even((0..publishers).collect()),
            Popularity::Zipf { exponent, seed } => {
                let zipf = Zipf::new(float(channels as u64), exponent).expect("settings are checked");
                Self::Zipf(zipf, Xoshiro256PlusPlus::seed_from_u64(seed))
            }
        }
    }

    pub(crate) fn next(&mut self, publisher: usize, channels: usize) -> usize {
        match self {
            Self::Even(turns) => {
                let turn = turns[publisher];
                turns[publisher] += 1;
                turn % channels
            }
            // Ranks are whole numbers from 1 to the number of channels.
            Self::Zipf(zipf, random) => whole(zipf.sample(random)).clamp(1, channels) - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(popularity: Popularity, channels: usize, messages: usize) -> Vec<usize> {
        let mut chooser = Chooser::new(popularity, 2, channels);
        let mut counts = vec![0; channels];
        for message in 0..messages {
            counts[chooser.next(message % 2, channels)] += 1;
        }
        counts
    }

    #[test]
    fn even_means_that_each_publisher_goes_round() {
        assert_eq!(counts(Popularity::Even, 5, 50), [10; 5]);
    }

    #[test]
    fn zipf_gives_each_rank_its_part() {
        const MESSAGES: usize = 200_000;
        for exponent in [0.0, 0.8, 1.0, 1.2] {
            let counts = counts(Popularity::Zipf { exponent, seed: 7 }, 100, MESSAGES);
            let weight = |rank: usize| float(rank as u64).powf(-exponent);
            let sum: f64 = (1..=100).map(weight).sum();
            for rank in [1, 2, 5, 10, 50, 100] {
                let (count, expected) = (float(counts[rank - 1] as u64), float(MESSAGES as u64) * weight(rank) / sum);
                // The tolerance is five standard deviations. With a fixed seed the outcome is always the same.
                assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{exponent}: {rank} {count} {expected}");
            }
        }
    }

    #[test]
    fn a_seed_names_an_order() {
        let order = |seed| {
            let mut chooser = Chooser::new(Popularity::Zipf { exponent: 1.0, seed }, 1, 1000);
            (0..100).map(|_| chooser.next(0, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
