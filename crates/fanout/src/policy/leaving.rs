//! A subscription that was asked to end.

use crate::Lag;

/// What a subscription that ends is still to do, and what its connection asked of the channel behind that.
#[derive(Debug)]
pub(super) struct Leaving {
    /// The first message that it is not to have, when it is known.
    pub(super) until: Option<u64>,
    /// What says that it has ended.
    pub(super) answer: Box<[u8]>,
    /// Done in this order once it has.
    pub(super) behind: Vec<Request>,
}

/// What a connection asks of a channel.
#[derive(Debug)]
pub(super) enum Request {
    Subscribe { lag: Lag, answer: Box<[u8]> },
    Unsubscribe { answer: Box<[u8]> },
}

impl Leaving {
    pub(super) fn new(answer: &[u8]) -> Self {
        Self { until: None, answer: answer.into(), behind: Vec::new() }
    }

    /// Whether the connection will be subscribed when all is done.
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
