//! A client that reconnects.

use super::reader::deadline;
use super::subscriber::SHORTEST_WAIT;
use crate::protocol::{Recovery, Step};
use crate::{Client, Error, Event, Options, PublishOptions, Publisher, ReconnectOptions, Subscriber, error};
use corecast_wire::native::Lag;
use std::os::fd::BorrowedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A client for use by one thread that reconnects when its connection ends, and restores its subscriptions.
///
/// A connection ends with [`Event::ConnectionLost`], which reports the outcome of published messages. The next one
/// begins with [`Event::Reconnected`]; messages may have been missed between the two. The calls that need a connection
/// make the attempts, no earlier than the server suggested and with the delays of [`ReconnectOptions`]. Each attempt
/// looks the address up again. No further attempt is made once the server says that this side broke the protocol or has
/// too many subscriptions, or once [`ReconnectOptions::attempts`] have failed.
///
/// A message that asks for no acknowledgement is sent at most once, and nothing reports whether the server has accepted
/// it.
///
/// ```no_run
/// use corecast_client::{Event, Options, ReconnectOptions, ReconnectingClient};
///
/// let (options, reconnect) = (Options::default(), ReconnectOptions::default());
/// let mut client = ReconnectingClient::connect("chat.example.org:7070", options, reconnect)?;
/// client.subscribe("lobby")?;
/// loop {
///     match client.next_event()? {
///         Event::Message { payload, .. } => println!("{}", String::from_utf8_lossy(&payload)),
///         Event::ConnectionLost { reason, .. } => eprintln!("{reason}"),
///         Event::Reconnected { .. } => eprintln!("connected again; messages may be missing"),
///         _ => {}
///     }
/// }
/// # Ok::<(), corecast_client::Error>(())
/// ```
pub struct ReconnectingClient {
    address: String,
    options: Options,
    /// The connection; `None` between two connections.
    client: Option<Client>,
    recovery: Recovery,
}

impl ReconnectingClient {
    /// Connects in a single attempt, so that a wrong address is reported at once.
    ///
    /// # Errors
    /// The same as those of [`Client::connect`].
    pub fn connect(
        address: &(impl ToString + ?Sized),
        options: Options,
        reconnect: ReconnectOptions,
    ) -> Result<Self, Error> {
        let address = address.to_string();
        let client = Client::connect(address.as_str(), &options)?;
        let recovery = Recovery::new(reconnect, fastrand::Rng::new(), Instant::now());
        Ok(Self { address, options, client: Some(client), recovery })
    }

    /// Subscribes to a channel and waits for SUBSCRIBED. Every later connection subscribes again, in the order of the
    /// first subscriptions.
    ///
    /// # Errors
    /// The same as those of [`Subscriber::subscribe`](crate::Subscriber::subscribe). Unless it is [`Error::InvalidArgument`] or no connection
    /// could be made, the next connection requests the subscription again.
    pub fn subscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscribe_with(channel, None)
    }

    /// Subscribes as [`subscribe`](Self::subscribe) does, with the effect of falling behind that
    /// [`Subscriber::subscribe_with`](crate::Subscriber::subscribe_with) describes.
    ///
    /// # Errors
    /// The same as those of [`subscribe`](Self::subscribe).
    pub fn subscribe_with(&mut self, channel: &str, lag: Option<Lag>) -> Result<(), Error> {
        error::channel(channel)?;
        self.connect_again(None)?;
        self.recovery.subscribed(channel, lag);
        self.on_connection(|client| client.subscribe_with(channel, lag))
    }

    /// Unsubscribes from a channel and waits for UNSUBSCRIBED.
    ///
    /// # Errors
    /// The same as those of [`Subscriber::unsubscribe`](crate::Subscriber::unsubscribe). Later connections do not
    /// subscribe, whatever the error.
    pub fn unsubscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.recovery.unsubscribed(channel);
        self.on_connection(|client| client.unsubscribe(channel))
    }

    /// Publishes a message and asks for no answer. Connects first if the connection is known to have ended.
    ///
    /// # Errors
    /// The same as those of [`publish_with`](Self::publish_with).
    pub fn publish(&mut self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).map(drop)
    }

    /// Publishes a message. Returns the token of [`Event::Published`] if an acknowledgement is asked for. Tokens
    /// continue across connections. Connects first if the connection is known to have ended.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], [`Error::BufferFull`] (too many unacknowledged messages), [`Error::QueueFull`] (too many
    /// events not taken): nothing was sent. The error of the last attempt: no further attempt is made. Any other error: the
    /// connection ended before the message was written whole, so the server has not accepted it, and it is not sent again; the next
    /// call connects.
    /// With [`ReconnectOptions::resend_unacknowledged`] a message that asks for an acknowledgement is kept for the next
    /// connection instead, and this is not an error.
    pub fn publish_with(
        &mut self,
        channel: &str,
        payload: &[u8],
        options: PublishOptions,
    ) -> Result<Option<u32>, Error> {
        self.connect_again(None)?;
        let Some(client) = &mut self.client else { return Err(Error::Disconnected) };
        let (frame, token) = self.recovery.encode((channel, payload), options, client.max_frame())?;
        let sent = client.publisher.outbox.send_encoded(&frame, 1);
        let failure = sent.err().map(|error| client.subscriber.explain(error));
        let is_kept = self.recovery.sent(&frame, token, failure.as_ref());
        let Some(error) = failure else { return Ok(token) };
        self.lose(&error);
        if is_kept { Ok(token) } else { Err(error) }
    }

    /// Waits for the acknowledgement of a message. With [`ReconnectOptions::resend_unacknowledged`] it may come over a later
    /// connection.
    ///
    /// # Errors
    /// The error that ended the wait, or the connection if the message is not sent again. [`Error::TimedOut`] also if
    /// an event has already reported the outcome of the message.
    pub fn wait_published(&mut self, token: u32) -> Result<(), Error> {
        loop {
            if self.recovery.take_published(token)? {
                return Ok(());
            }
            match self.on_connection(|client| client.wait_published(token)) {
                Ok(()) => {
                    self.recovery.forget(token);
                    return Ok(());
                }
                Err(_) if self.client.is_none() && self.recovery.awaits(token) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the next event. Waits for it without limit, across any number of connections.
    ///
    /// # Errors
    /// The reason why no further attempt to connect is made.
    pub fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            // Without a deadline, the result is an event or an error.
            if let Some(event) = self.event_before(None, |subscriber| subscriber.event_before(None))? {
                return Ok(event);
            }
        }
    }

    /// Returns the next event, or none if it does not come within `timeout`. An attempt to connect that has begun is
    /// finished, and may take [`Options::connect_timeout`] and [`Options::answer_timeout`] longer.
    ///
    /// # Errors
    /// The same as those of [`next_event`](Self::next_event).
    pub fn next_event_within(&mut self, timeout: Duration) -> Result<Option<Event>, Error> {
        let deadline = deadline(timeout.max(SHORTEST_WAIT));
        self.event_before(deadline, |subscriber| subscriber.event_before(deadline))
    }

    /// The next event that is here, or none: for a program that waits for other things too, with `poll` on
    /// [`socket`](Self::socket) until [`next_attempt`](Self::next_attempt). An attempt to connect whose time has come is made
    /// and finished: it may last for [`Options::connect_timeout`] and [`Options::answer_timeout`].
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    ///
    /// ```no_run
    /// # use corecast_client::{Error, ReconnectingClient};
    /// # fn wait(client: &ReconnectingClient) {}
    /// # fn serve(mut client: ReconnectingClient) -> Result<(), Error> {
    /// loop {
    ///     while let Some(event) = client.try_next_event()? {
    ///         println!("{event:?}");
    ///     }
    ///     // Polls the socket, if there is one, and what else the program waits for.
    ///     wait(&client);
    /// }
    /// # }
    /// ```
    pub fn try_next_event(&mut self) -> Result<Option<Event>, Error> {
        self.event_before(Some(Instant::now()), Subscriber::event_now)
    }

    /// The socket of the present connection; none between two connections. Only for `poll`: take every event before, since
    /// an event that was read already does not make the socket readable.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.client.as_ref().map(|client| client.subscriber.socket())
    }

    /// The time of the next attempt to connect; none while there is a connection, and when no further attempt is made.
    pub fn next_attempt(&self) -> Option<Instant> {
        self.recovery.next_attempt()
    }

    /// Ends the connection as one that has failed, for example because the server makes no progress. The next call that
    /// needs a connection makes a new one.
    pub fn abandon(&mut self) {
        self.lose(&Error::TimedOut { awaited: "progress of the server" });
    }

    /// Returns a publisher over the current connection, for another thread; `None` between two connections. It ends
    /// with the connection, and nothing reports the outcome of its messages.
    pub fn publisher(&self) -> Option<Publisher> {
        self.client.as_ref().map(|client| client.publisher.clone())
    }

    /// Returns true if there is a connection, as far as this side knows.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// Sends CLOSE and waits for the server's, as [`Client::close`] does. Does not reconnect for that.
    ///
    /// # Errors
    /// The same as those of [`Client::close`]; [`Error::Disconnected`] between two connections.
    pub fn close(self) -> Result<(), Error> {
        self.client.map_or(Err(Error::Disconnected), Client::close)
    }

    /// The next event, which `receive` takes from the connection. An attempt to connect begins by the deadline.
    fn event_before(
        &mut self,
        deadline: Option<Instant>,
        receive: impl Fn(&mut Subscriber) -> Result<Event, Error>,
    ) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.recovery.pop() {
                return Ok(Some(event));
            }
            let connected = self.connect_again(deadline);
            if let Some(event) = self.recovery.pop() {
                return Ok(Some(event));
            }
            connected?;
            let Some(client) = &mut self.client else { return Ok(None) };
            match receive(&mut client.subscriber) {
                Ok(event) => {
                    self.recovery.observe(&event);
                    return Ok(Some(event));
                }
                Err(Error::TimedOut { .. }) => return Ok(None),
                Err(error) => self.lose(&error),
            }
        }
    }

    /// Calls the client, connecting first, and records the end of its connection.
    fn on_connection<T>(&mut self, call: impl FnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Error> {
        self.connect_again(None)?;
        let Some(client) = &mut self.client else { return Err(Error::Disconnected) };
        call(client).inspect_err(|error| {
            if error.ends_connection() {
                self.lose(error);
            }
        })
    }

    /// Waits and tries until there is a connection. There is none afterwards only if the deadline has passed.
    fn connect_again(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        loop {
            let now = Instant::now();
            match self.recovery.next_step(now, self.options.max_queued_bytes)? {
                Step::Use => return Ok(()),
                Step::WaitUntil(until) => match deadline {
                    Some(deadline) if deadline < until => {
                        sleep(deadline.saturating_duration_since(now));
                        return Ok(());
                    }
                    _ => sleep(until.saturating_duration_since(now)),
                },
                Step::Connect => {
                    if let Err(error) = self.restore() {
                        self.recovery.failed(&error, Instant::now());
                    }
                }
            }
        }
    }

    /// Makes one attempt to connect.
    fn restore(&mut self) -> Result<(), Error> {
        let mut client = Client::connect(self.address.as_str(), &self.options)?;
        let restoration = self.recovery.restoration(client.max_frame())?;
        let sent = client.publisher.outbox.send_encoded(&restoration.frames, restoration.resent);
        sent.map_err(|error| client.subscriber.explain(error))?;
        self.client = Some(client);
        self.recovery.connected(restoration, Instant::now());
        Ok(())
    }

    fn lose(&mut self, error: &Error) {
        if let Some(client) = self.client.take() {
            self.recovery.lost(error, client.subscriber.into_events(), 0, Instant::now());
        }
    }
}
