//! The assembly of a report from the parts of a run that has ended.

use crate::connections::connection::Stage;
use crate::connections::membership::Membership;
use crate::connections::pool::ConnectionPool;
use crate::connections::sender::Sender;
use crate::measure::latency::Latency;
use crate::report::evaluation::{Evidence, Observed, evaluate};
use crate::run::Measurement;
use crate::verify::delivery_verifier::DeliveryVerifier;
use crate::{Distribution, Disturbance, Stalled};

/// A run that has ended: its parts, and the records made besides them.
pub(crate) struct Outcome<'a, D> {
    pub(crate) observed: Observed<'a>,
    pub(crate) pool: ConnectionPool<D>,
    pub(crate) verifier: DeliveryVerifier<'a>,
    pub(crate) sender: Sender<'a>,
    pub(crate) lateness: Latency,
    pub(crate) membership: Membership,
}

impl<D> Outcome<'_, D> {
    /// Creates the report, with the distributions.
    pub(crate) fn into_measurement(self) -> Measurement {
        let (disconnected, stalled) = (self.disconnected(), self.stalled());
        let Self { observed, sender, mut verifier, mut lateness, membership, pool } = self;
        let is_storm = matches!(observed.settings.disturbance, Disturbance::Storm { .. });
        let checks = verifier.checks(|publisher, channel| sender.sent(publisher, channel));
        let (mut latency, intervals, phases) = verifier.timeline.finish(verifier.counts.measured_to_subscribers);
        let report = evaluate(Evidence {
            observed,
            total_messages: sender.messages,
            expected: sender.expected,
            disconnected,
            stalled,
            checks,
            last_arrival_ns: verifier.last_arrival_ns,
            counts: verifier.counts,
            latency: latency.summary(),
            latency_curve: latency.curve(),
            fairness: verifier.means.fairness(),
            completion: verifier.completion.total.summary(),
            skew: verifier.completion.skew.summary(),
            completion_overflowed: verifier.completion.overflowed,
            lateness: lateness.summary(),
            traffic: pool.traffic,
            intervals,
            phases,
            reconnections: membership.finish(is_storm),
        });
        let completion = Distribution::of(&mut verifier.completion.total);
        Measurement { report, latency: Distribution::of(&mut latency), completion }
    }

    /// Returns the number of subscribers that are not connected at the end, without those that stall.
    fn disconnected(&self) -> usize {
        let stalled = self.observed.settings.disturbance.stalled(self.observed.settings.subscribers);
        let others = &self.pool.connections[..stalled.start];
        others.iter().filter(|connection| connection.stage != Stage::Connected).count()
    }

    /// Returns the deliveries of the subscribers that stalled; none without such subscribers.
    fn stalled(&self) -> Option<Stalled> {
        let range = self.observed.settings.disturbance.stalled(self.observed.settings.subscribers);
        let subscribers = range.len() as u64;
        let mut stalled = Stalled {
            subscribers,
            delivered: self.verifier.counts.to_stalled,
            checks: self.verifier.stalled_checks().clone(),
            ..Stalled::default()
        };
        for index in range {
            let missing = self.verifier.missing(index, |publisher, channel| self.sender.sent(publisher, channel));
            if self.pool.connections[index].stage == Stage::Closed {
                stalled.disconnected += 1;
                stalled.cut_off += missing;
            } else {
                stalled.checks.lost += missing;
            }
        }
        (subscribers > 0).then_some(stalled)
    }
}
