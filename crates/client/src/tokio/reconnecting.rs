//! A client that reconnects.

use super::Client;
use crate::protocol::{Recovery, Step};
use crate::{Error, Event, Options, PublishOptions, ReconnectOptions, error};
use ::tokio::task::JoinHandle;
use ::tokio::time::sleep_until;
use corecast_wire::native::Lag;
use std::time::Instant;

/// A client for use by one task that reconnects when its connection ends, and restores its subscriptions.
///
/// It behaves as the blocking [`ReconnectingClient`](crate::ReconnectingClient) does. An attempt to connect runs in a
/// separate task: it goes on when the call that began it is cancelled, and the next call uses its result.
pub struct ReconnectingClient {
    address: String,
    options: Options,
    /// The connection; `None` between two connections.
    client: Option<Client>,
    /// The attempt that is under way.
    attempt: Option<Attempt>,
    recovery: Recovery,
}

/// A task that connects. It is aborted when the client is dropped.
struct Attempt(JoinHandle<Result<Client, Error>>);

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ReconnectingClient {
    /// Connects in a single attempt, so that a wrong address is reported at once.
    ///
    /// # Errors
    /// The same as those of [`Client::connect`].
    ///
    /// # Panics
    /// The same as those of [`Client::connect`].
    pub async fn connect(
        address: &(impl ToString + ?Sized),
        options: Options,
        reconnect: ReconnectOptions,
    ) -> Result<Self, Error> {
        let address = address.to_string();
        let client = Client::connect(address.as_str(), &options).await?;
        let recovery = Recovery::new(reconnect, fastrand::Rng::new(), Instant::now());
        Ok(Self { address, options, client: Some(client), attempt: None, recovery })
    }

    /// Subscribes to a channel and waits for SUBSCRIBED. Every later connection subscribes again, in the order of the first
    /// subscriptions, even if the wait was cancelled.
    ///
    /// # Errors
    /// The same as those of the blocking [`subscribe`](crate::ReconnectingClient::subscribe).
    pub async fn subscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscribe_with(channel, None).await
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, with the effect of falling behind.
    ///
    /// # Errors
    /// The same as those of [`subscribe`](Self::subscribe).
    pub async fn subscribe_with(&mut self, channel: &str, lag: Option<Lag>) -> Result<(), Error> {
        error::channel(channel)?;
        self.connect_again().await?;
        let Some(client) = &mut self.client else { return Err(Error::Disconnected) };
        self.recovery.subscribed(channel, lag);
        let result = client.subscribe_with(channel, lag).await;
        self.noted(result)
    }

    /// Unsubscribes from a channel and waits for UNSUBSCRIBED. Later connections do not subscribe, even if the wait was
    /// cancelled.
    ///
    /// # Errors
    /// The same as those of the blocking [`unsubscribe`](crate::ReconnectingClient::unsubscribe).
    pub async fn unsubscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.recovery.unsubscribed(channel);
        self.connect_again().await?;
        let Some(client) = &mut self.client else { return Err(Error::Disconnected) };
        let result = client.unsubscribe(channel).await;
        self.noted(result)
    }

    /// Publishes a message and asks for no answer. Connects first if the connection is known to have ended.
    ///
    /// # Errors
    /// The same as those of [`publish_with`](Self::publish_with).
    pub async fn publish(&mut self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).await.map(drop)
    }

    /// Publishes a message. Returns the token of [`Event::Published`] if an acknowledgement is asked for. A cancelled
    /// call has published nothing.
    ///
    /// # Errors
    /// The same as those of the blocking [`publish_with`](crate::ReconnectingClient::publish_with).
    /// [`Event::ConnectionLost`] counts messages that were buffered and not written when the connection ended.
    pub async fn publish_with(
        &mut self,
        channel: &str,
        payload: &[u8],
        options: PublishOptions,
    ) -> Result<Option<u32>, Error> {
        self.connect_again().await?;
        let Some(client) = &mut self.client else { return Err(Error::Disconnected) };
        let (frame, token) = self.recovery.encode((channel, payload), options, client.max_frame())?;
        let sent = client.publisher.outbox.send_encoded(&frame, 1).await;
        let failure = match sent {
            Ok(()) => None,
            Err(error) => Some(client.subscriber.explain(error).await),
        };
        // Nothing awaits from here on, so no cancelled call leaves an unrecorded message behind.
        let is_kept = self.recovery.sent(&frame, token, failure.as_ref());
        let Some(error) = failure else { return Ok(token) };
        self.lose(&error);
        if is_kept { Ok(token) } else { Err(error) }
    }

    /// Waits for the acknowledgement of a message. With [`ReconnectOptions::resend_unacknowledged`] it may come over a later
    /// connection.
    ///
    /// # Errors
    /// The same as those of the blocking [`wait_published`](crate::ReconnectingClient::wait_published).
    pub async fn wait_published(&mut self, token: u32) -> Result<(), Error> {
        loop {
            if self.recovery.take_published(token)? {
                return Ok(());
            }
            self.connect_again().await?;
            let Some(client) = &mut self.client else { return Err(Error::Disconnected) };
            let result = client.wait_published(token).await;
            match self.noted(result) {
                Ok(()) => {
                    self.recovery.forget(token);
                    return Ok(());
                }
                Err(_) if self.client.is_none() && self.recovery.awaits(token) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the next event. Waits for it without limit, across any number of connections. A cancelled call has taken
    /// no event.
    ///
    /// # Errors
    /// The reason why no further attempt to connect is made.
    pub async fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.recovery.pop() {
                return Ok(event);
            }
            let connected = self.connect_again().await;
            if let Some(event) = self.recovery.pop() {
                return Ok(event);
            }
            connected?;
            let Some(client) = &mut self.client else { return Err(Error::Disconnected) };
            match client.next_event().await {
                Ok(event) => {
                    self.recovery.observe(&event);
                    return Ok(event);
                }
                Err(error) => self.lose(&error),
            }
        }
    }

    /// Returns true if there is a connection, as far as this side knows.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// Sends CLOSE and waits for the server's, as [`Client::close`] does. Does not reconnect for that.
    ///
    /// # Errors
    /// The same as those of [`Client::close`]; [`Error::Disconnected`] between two connections.
    pub async fn close(self) -> Result<(), Error> {
        match self.client {
            Some(client) => client.close().await,
            None => Err(Error::Disconnected),
        }
    }

    /// Waits and tries until there is a connection.
    async fn connect_again(&mut self) -> Result<(), Error> {
        loop {
            match self.recovery.next_step(Instant::now(), self.options.max_queued_bytes)? {
                Step::Use => return Ok(()),
                Step::WaitUntil(until) => sleep_until(until.into()).await,
                Step::Connect => {
                    if let Err(error) = self.restore().await {
                        self.recovery.failed(&error, Instant::now());
                    }
                }
            }
        }
    }

    /// Makes one attempt to connect.
    async fn restore(&mut self) -> Result<(), Error> {
        let attempt = self.attempt.get_or_insert_with(|| {
            let (address, options) = (self.address.clone(), self.options.clone());
            Attempt(::tokio::spawn(async move { Client::connect(address, &options).await }))
        });
        let connected = (&mut attempt.0).await;
        self.attempt = None;
        // Nothing else aborts the task, and it does not panic. It ends like this when the runtime does.
        let mut client = connected.unwrap_or(Err(Error::Disconnected))?;
        let restoration = self.recovery.restoration(client.max_frame())?;
        if let Err(error) = client.publisher.outbox.send_encoded(&restoration.frames, restoration.resent).await {
            return Err(client.subscriber.explain(error).await);
        }
        self.client = Some(client);
        self.recovery.connected(restoration, Instant::now());
        Ok(())
    }

    /// Passes on a result, and records the end of the connection.
    fn noted<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| {
            if error.ends_connection() {
                self.lose(error);
            }
        })
    }

    fn lose(&mut self, error: &Error) {
        if let Some(client) = self.client.take() {
            let unwritten = client.publisher.outbox.unwritten();
            self.recovery.lost(error, client.subscriber.into_events(), unwritten, Instant::now());
        }
    }
}
