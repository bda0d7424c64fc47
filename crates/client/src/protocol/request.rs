//! Requests, and the wait for the answer to one.

use super::Inbox;
use crate::{Error, Event};
use corecast_wire::ChannelName;
use corecast_wire::native::{Frame, Subscribe};

/// A request that the server answers.
#[derive(Clone, Copy)]
pub(crate) enum Request<'a> {
    Subscribe(Subscribe<'a>),
    Unsubscribe(ChannelName<'a>),
    /// A PING with this body.
    Ping(&'a [u8; 8]),
    /// A PUBLISH that was sent before, by its token.
    Published(u32),
}

impl<'a> Request<'a> {
    /// Returns the frame to send; `None` if it was sent before.
    pub(crate) fn frame(&self) -> Option<Frame<'a>> {
        match *self {
            Self::Subscribe(subscribe) => Some(Frame::Subscribe(subscribe)),
            Self::Unsubscribe(channel) => Some(Frame::Unsubscribe(channel)),
            Self::Ping(body) => Some(Frame::Ping(body)),
            Self::Published(_) => None,
        }
    }

    /// Returns the name of the answer.
    pub(crate) fn awaited(&self) -> &'static str {
        match self {
            Self::Subscribe(_) => "SUBSCRIBED",
            Self::Unsubscribe(_) => "UNSUBSCRIBED",
            Self::Ping(_) => "PONG",
            Self::Published(_) => "PUBLISHED",
        }
    }

    fn is_answered_by(&self, event: &Event) -> bool {
        match (self, event) {
            (Self::Subscribe(asked), Event::Subscribed { channel }) => asked.channel.as_str() == channel,
            (Self::Unsubscribe(asked), Event::Unsubscribed { channel }) => asked.as_str() == channel,
            (Self::Ping(asked), Event::Pong { body }) => asked[..] == body[..],
            (Self::Published(asked), Event::Published { token }) => asked == token,
            _ => false,
        }
    }
}

/// The wait for the answer to a request.
pub(crate) struct Wait<'a> {
    request: Request<'a>,
    /// The index in the queue from which to look. Earlier events cannot be the answer, or have been examined.
    from: usize,
    max_queued_bytes: usize,
}

impl<'a> Wait<'a> {
    /// Creates a wait before the request is sent. Events that are queued by then cannot answer it.
    pub(crate) fn new(request: Request<'a>, inbox: &Inbox, max_queued_bytes: usize) -> Self {
        // The PUBLISHED of an earlier PUBLISH may have come already.
        let from = if request.frame().is_some() { inbox.len() } else { 0 };
        Self { request, from, max_queued_bytes }
    }

    /// Takes the answer out of the queue. Returns false if more has to be received first.
    ///
    /// # Errors
    /// The reason why it will not come, or why no more may be received before events are taken.
    pub(crate) fn is_over(&mut self, inbox: &mut Inbox) -> Result<bool, Error> {
        if inbox.take_from(self.from, |event| self.request.is_answered_by(event)).is_some() {
            return Ok(true);
        }
        inbox.check_open()?;
        let queued_bytes = inbox.queued_bytes();
        if queued_bytes >= self.max_queued_bytes {
            return Err(Error::QueueFull { queued_bytes, limit: self.max_queued_bytes });
        }
        self.from = inbox.len();
        Ok(false)
    }
}
