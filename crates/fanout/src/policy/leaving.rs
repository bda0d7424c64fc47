//! A subscription that was asked to end.

use crate::Lag;

/// The remaining steps of a subscription that ends, and the later requests of its connection for the same channel.
#[derive(Debug)]
pub(super) struct Leaving {
    /// The first message that it is not to have, when it is known.
    pub(super) until: Option<u64>,
    /// The answer that confirms the end.
    pub(super) answer: Box<[u8]>,
    /// Done in this order once it has.
    pub(super) behind: Vec<Request>,
}

/// A request of a connection for a channel.
#[derive(Debug)]
pub(super) enum Request {
    Subscribe { lag: Lag, answer: Box<[u8]> },
    Unsubscribe { answer: Box<[u8]> },
}

impl Leaving {
    pub(super) fn new(answer: &[u8]) -> Self {
        Self { until: None, answer: answer.into(), behind: Vec::new() }
    }

    /// Returns true if the connection will be subscribed once all requests are done.
    pub(super) fn comes_back(&self) -> bool {
        matches!(self.behind.last(), Some(Request::Subscribe { .. }))
    }

    /// Bytes of the answers that wait.
    pub(super) fn bytes(&self) -> usize {
        self.answer.len() + self.behind.iter().map(|request| request.answer().len()).sum::<usize>()
    }
}

impl Request {
    pub(super) fn answer(&self) -> &[u8] {
        match self {
            Self::Subscribe { answer, .. } | Self::Unsubscribe { answer } => answer,
        }
    }
}
