//! Both halves of a connection in one task.

use super::outbox::{Outbox, write};
use super::reader::{Reader, within};
use super::{Publisher, Subscriber};
use crate::{Error, Event, Options, PublishOptions};
use ::tokio::net::tcp::OwnedWriteHalf;
use ::tokio::net::{TcpStream, ToSocketAddrs};
use corecast_wire::native::{self, Frame, Lag};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection to a server, for use by one task.
pub struct Client {
    pub(super) publisher: Publisher,
    pub(super) subscriber: Subscriber,
}

impl Client {
    /// Connects and agrees on the version of the protocol. Cancelling the call ends the connection.
    ///
    /// # Errors
    /// The same as those of the blocking [`Client::connect`](crate::Client::connect).
    ///
    /// # Panics
    /// If it is not called on a tokio runtime with I/O and time.
    pub async fn connect(address: impl ToSocketAddrs, options: &Options) -> Result<Self, Error> {
        let deadline = Instant::now().checked_add(options.connect_timeout);
        let connecting = async { Ok(TcpStream::connect(address).await?) };
        let stream = within(deadline, "connection", connecting).await?;
        stream.set_nodelay(true)?;
        let (reading, writing) = stream.into_split();
        let mut reader = Reader::new(reading, options.max_frame);
        let max_frame = greet(&writing, &mut reader, options).await?;
        let outbox = Arc::new(Outbox::new(writing, max_frame, options));
        let publisher = Publisher { outbox: Arc::clone(&outbox) };
        Ok(Self { publisher, subscriber: Subscriber::new(reader, outbox, options) })
    }

    /// Publishes a message and asks for no answer. See [`Publisher::publish`].
    ///
    /// # Errors
    /// The same as those of [`Publisher::publish`]. If the server gave a reason for ending the connection, the error is
    /// that reason.
    pub async fn publish(&mut self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).await.map(drop)
    }

    /// Publishes a message. Returns the token for [`wait_published`](Self::wait_published) if an acknowledgement is
    /// asked for.
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish).
    pub async fn publish_with(
        &mut self,
        channel: &str,
        payload: &[u8],
        options: PublishOptions,
    ) -> Result<Option<u32>, Error> {
        match self.publisher.publish_with(channel, payload, options).await {
            Ok(token) => Ok(token),
            Err(error) => Err(self.subscriber.explain(error).await),
        }
    }

    /// Publishes a message and waits until the server has accepted it. If the call is cancelled, the message may or may
    /// not have been published.
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish), and the error that ended the wait.
    pub async fn publish_acknowledged(&mut self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        match self.publish_with(channel, payload, options).await? {
            Some(token) => self.wait_published(token).await,
            None => Ok(()),
        }
    }

    /// See [`Subscriber::wait_published`].
    ///
    /// # Errors
    /// See [`Subscriber::wait_published`].
    pub async fn wait_published(&mut self, token: u32) -> Result<(), Error> {
        self.subscriber.wait_published(token).await
    }

    /// See [`Subscriber::subscribe`].
    ///
    /// # Errors
    /// See [`Subscriber::subscribe`].
    pub async fn subscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscriber.subscribe(channel).await
    }

    /// See [`Subscriber::subscribe_with`].
    ///
    /// # Errors
    /// See [`Subscriber::subscribe_with`].
    pub async fn subscribe_with(&mut self, channel: &str, lag: Option<Lag>) -> Result<(), Error> {
        self.subscriber.subscribe_with(channel, lag).await
    }

    /// See [`Subscriber::unsubscribe`].
    ///
    /// # Errors
    /// See [`Subscriber::unsubscribe`].
    pub async fn unsubscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscriber.unsubscribe(channel).await
    }

    /// See [`Subscriber::next_event`].
    ///
    /// # Errors
    /// See [`Subscriber::next_event`].
    pub async fn next_event(&mut self) -> Result<Event, Error> {
        self.subscriber.next_event().await
    }

    /// See [`Subscriber::ping`].
    ///
    /// # Errors
    /// See [`Subscriber::ping`].
    pub async fn ping(&mut self) -> Result<Duration, Error> {
        self.subscriber.ping().await
    }

    /// See [`Publisher::max_frame`].
    pub fn max_frame(&self) -> u32 {
        self.publisher.max_frame()
    }

    /// See [`Subscriber::close`].
    ///
    /// # Errors
    /// See [`Subscriber::close`].
    pub async fn close(self) -> Result<(), Error> {
        self.subscriber.close().await
    }

    /// Splits the client into its halves, for two tasks or more.
    pub fn split(self) -> (Publisher, Subscriber) {
        (self.publisher, self.subscriber)
    }
}

/// Sends HELLO and returns the limit in WELCOME.
async fn greet(writing: &OwnedWriteHalf, reader: &mut Reader, options: &Options) -> Result<u32, Error> {
    let mut hello = Vec::new();
    native::encode(&Frame::Hello { version: native::VERSION }, &mut hello);
    write(writing, &hello, options.write_timeout).await?;
    let deadline = Instant::now().checked_add(options.answer_timeout);
    loop {
        // WELCOME comes first. The end of the connection may follow it, and is left for the first call to report.
        if let Some(max_frame) = reader.inbox.max_frame() {
            return Ok(max_frame);
        }
        reader.inbox.check_open()?;
        within(deadline, "WELCOME", reader.receive()).await?;
    }
}
