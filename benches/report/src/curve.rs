//! Latency over the rate: contestants under several open loops that differ in their rate.

use crate::{Entry, Metric, Results, Verdict};

/// Contestants at several rates, in ascending order.
#[derive(Clone, Debug)]
pub(crate) struct Curve<'a> {
    results: &'a Results,
    pub(crate) steps: Vec<Step<'a>>,
    /// The contestants, in the order of their first appearance.
    pub(crate) names: Vec<&'a str>,
}

/// The contestants at one rate.
#[derive(Clone, Debug)]
pub(crate) struct Step<'a> {
    /// Messages a second.
    pub(crate) rate: f64,
    pub(crate) entries: Vec<&'a Entry>,
}

impl Results {
    /// Returns the curve, if a contestant ran at two rates or more.
    pub(crate) fn curve(&self) -> Option<Curve<'_>> {
        let mut steps: Vec<Step<'_>> = Vec::new();
        for (load, entries) in self.by_load() {
            steps.extend(load.rate().map(|rate| Step { rate, entries }));
        }
        steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let mut names: Vec<&str> = Vec::new();
        let all = || steps.iter().flat_map(|step| step.entries.iter().map(|entry| entry.name.as_str()));
        for name in all() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let is_curve = names.iter().any(|name| all().filter(|other| other == name).count() > 1);
        is_curve.then_some(Curve { results: self, steps, names })
    }
}

impl<'a> Curve<'a> {
    /// Returns each contestant at each rate.
    pub(crate) fn points(&self) -> impl Iterator<Item = (f64, &'a Entry)> + Clone {
        self.steps.iter().flat_map(|step| step.entries.iter().map(|entry| (step.rate, *entry)))
    }

    pub(crate) fn reference(&self) -> &'a str {
        &self.results.reference
    }

    /// Returns a metric of a contestant against the reference at the same rate, round by round. None for the reference
    /// itself, and if the reference did not run at that rate.
    pub(crate) fn verdict(&self, entry: &Entry, metric: Metric) -> Option<Verdict> {
        let reference = self.results.reference_under(&entry.load)?;
        (entry.name != reference.name).then(|| Verdict::of(metric, entry, reference))
    }
}
