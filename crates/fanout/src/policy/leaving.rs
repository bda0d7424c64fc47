//! A subscription that was asked to end.

use crate::LagRule;

/// The remaining steps of a subscription that ends, and the later requests of its connection for the same channel.
#[derive(Debug)]
pub struct Leaving {
    /// The first message that the subscriber must not receive, once that is known.
    pub until: Option<u64>,
    /// The answer that confirms the end.
    pub answer: Box<[u8]>,
    /// The requests that follow, done in this order once the subscription has ended.
    pub behind: Vec<Request>,
}

/// A request of a connection for a channel.
#[derive(Debug)]
pub enum Request {
    /// To subscribe.
    Subscribe {
        /// The effect of lagging in the subscription.
        lag: LagRule,
        /// The answer that confirms it.
        answer: Box<[u8]>,
    },
    /// To unsubscribe.
    Unsubscribe {
        /// The answer that confirms it.
        answer: Box<[u8]>,
    },
}

impl Leaving {
    /// Creates the state of a subscription whose end this answer will confirm.
    pub fn new(answer: &[u8]) -> Self {
        Self { until: None, answer: answer.into(), behind: Vec::new() }
    }

    /// Returns true if the connection will be subscribed once all requests are done.
    pub fn comes_back(&self) -> bool {
        matches!(self.behind.last(), Some(Request::Subscribe { .. }))
    }

    /// Returns the bytes of the answers that wait.
    pub fn bytes(&self) -> usize {
        self.answer.len() + self.behind.iter().map(|request| request.answer().len()).sum::<usize>()
    }
}

impl Request {
    /// Returns the answer that confirms the request.
    pub fn answer(&self) -> &[u8] {
        match self {
            Self::Subscribe { answer, .. } | Self::Unsubscribe { answer } => answer,
        }
    }
}
