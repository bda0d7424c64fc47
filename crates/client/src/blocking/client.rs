//! Both halves of a connection in one thread.

use super::outbox::Outbox;
use super::reader::{Reader, deadline};
use crate::{Error, Event, Options, PublishOptions, Publisher, Subscriber};
use corecast_wire::native::{self, Frame, Lag};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection to a server, for use by one thread.
///
/// Dropping the client ends the connection without CLOSE, so the messages published last may be lost in transit.
/// [`close`](Self::close) ends it in order.
pub struct Client {
    pub(super) publisher: Publisher,
    pub(super) subscriber: Subscriber,
}

impl Client {
    /// Connects and agrees on the version of the protocol.
    ///
    /// # Errors
    /// [`Error::Io`] if no address can be reached, [`Error::TimedOut`] if that or the server's WELCOME takes
    /// too long, [`Error::Rejected`] or [`Error::Closed`] if the server declines, [`Error::Violation`] if it
    /// does not speak `native`.
    ///
    /// ```no_run
    /// use corecast_client::{Client, Options};
    ///
    /// let client = Client::connect("chat.example.org:7001", &Options::default())?;
    /// # Ok::<(), corecast_client::Error>(())
    /// ```
    pub fn connect(address: impl ToSocketAddrs, options: &Options) -> Result<Self, Error> {
        let mut writing = open(address, options.connect_timeout)?;
        // Each frame is one write, so there is nothing to gain from waiting for a second frame.
        writing.set_nodelay(true)?;
        writing.set_write_timeout(Some(options.write_timeout))?;
        let mut reader = Reader::new(writing.try_clone()?, options.max_frame);
        let max_frame = greet(&mut writing, &mut reader, options.answer_timeout)?;
        let outbox = Arc::new(Outbox::new(writing, max_frame));
        let publisher = Publisher { outbox: Arc::clone(&outbox) };
        Ok(Self { publisher, subscriber: Subscriber::new(reader, outbox, options) })
    }

    /// Publishes a message and asks for no answer. See [`Publisher::publish`].
    ///
    /// # Errors
    /// The same as those of [`Publisher::publish`]. If the server gave a reason for ending the connection, the error is
    /// that reason: [`Error::Closed`] or [`Error::Rejected`].
    pub fn publish(&mut self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        self.publish_with(channel, payload, PublishOptions::default()).map(drop)
    }

    /// Publishes a message. Returns the token for [`wait_published`](Self::wait_published) if an acknowledgement is
    /// asked for. Many acknowledgements may be outstanding at once.
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish).
    ///
    /// ```no_run
    /// # use corecast_client::{Client, Options, PublishOptions};
    /// # let mut client = Client::connect("127.0.0.1:7001", &Options::default())?;
    /// let options = PublishOptions { no_echo: true, acknowledge: true };
    /// let tokens = ["one", "two"].map(|text| client.publish_with("lobby", text.as_bytes(), options));
    /// for token in tokens {
    ///     if let Some(token) = token? {
    ///         client.wait_published(token)?;
    ///     }
    /// }
    /// # Ok::<(), corecast_client::Error>(())
    /// ```
    pub fn publish_with(
        &mut self,
        channel: &str,
        payload: &[u8],
        options: PublishOptions,
    ) -> Result<Option<u32>, Error> {
        self.publisher.publish_with(channel, payload, options).map_err(|error| self.subscriber.explain(error))
    }

    /// Publishes a message and waits until the server has accepted it.
    ///
    /// # Errors
    /// The same as those of [`publish`](Self::publish), and the error that ended the wait. After [`Error::TimedOut`]
    /// the message may have been accepted or not.
    pub fn publish_acknowledged(&mut self, channel: &str, payload: &[u8]) -> Result<(), Error> {
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        match self.publish_with(channel, payload, options)? {
            Some(token) => self.wait_published(token),
            None => Ok(()),
        }
    }

    /// See [`Subscriber::wait_published`].
    ///
    /// # Errors
    /// See [`Subscriber::wait_published`].
    pub fn wait_published(&mut self, token: u32) -> Result<(), Error> {
        self.subscriber.wait_published(token)
    }

    /// See [`Subscriber::subscribe`].
    ///
    /// # Errors
    /// See [`Subscriber::subscribe`].
    pub fn subscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscriber.subscribe(channel)
    }

    /// See [`Subscriber::subscribe_with`].
    ///
    /// # Errors
    /// See [`Subscriber::subscribe_with`].
    pub fn subscribe_with(&mut self, channel: &str, lag: Option<Lag>) -> Result<(), Error> {
        self.subscriber.subscribe_with(channel, lag)
    }

    /// See [`Subscriber::unsubscribe`].
    ///
    /// # Errors
    /// See [`Subscriber::unsubscribe`].
    pub fn unsubscribe(&mut self, channel: &str) -> Result<(), Error> {
        self.subscriber.unsubscribe(channel)
    }

    /// See [`Subscriber::next_event`].
    ///
    /// # Errors
    /// See [`Subscriber::next_event`].
    pub fn next_event(&mut self) -> Result<Event, Error> {
        self.subscriber.next_event()
    }

    /// See [`Subscriber::next_event_within`].
    ///
    /// # Errors
    /// See [`Subscriber::next_event_within`].
    pub fn next_event_within(&mut self, timeout: Duration) -> Result<Option<Event>, Error> {
        self.subscriber.next_event_within(timeout)
    }

    /// See [`Subscriber::ping`].
    ///
    /// # Errors
    /// See [`Subscriber::ping`].
    pub fn ping(&mut self) -> Result<Duration, Error> {
        self.subscriber.ping()
    }

    /// See [`Publisher::max_frame`].
    pub fn max_frame(&self) -> u32 {
        self.publisher.max_frame()
    }

    /// See [`Subscriber::close`].
    ///
    /// # Errors
    /// See [`Subscriber::close`].
    pub fn close(self) -> Result<(), Error> {
        self.subscriber.close()
    }

    /// Splits the client into its halves, for two threads or more.
    ///
    /// ```no_run
    /// # use corecast_client::{Client, Event, Options};
    /// let (publisher, mut subscriber) = Client::connect("127.0.0.1:7001", &Options::default())?.split();
    /// let reading = std::thread::spawn(move || {
    ///     loop {
    ///         match subscriber.next_event() {
    ///             Ok(Event::Closed { .. }) => return Ok(()),
    ///             Ok(event) => println!("{event:?}"),
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// });
    /// publisher.publish("lobby", b"hello")?;
    /// publisher.close()?;
    /// reading.join().expect("the reading thread does not panic")?;
    /// # Ok::<(), corecast_client::Error>(())
    /// ```
    pub fn split(self) -> (Publisher, Subscriber) {
        (self.publisher, self.subscriber)
    }
}

/// Sends HELLO and returns the limit in WELCOME.
fn greet(writing: &mut TcpStream, reader: &mut Reader, timeout: Duration) -> Result<u32, Error> {
    let mut hello = Vec::new();
    native::encode(&Frame::Hello { version: native::VERSION }, &mut hello);
    writing.write_all(&hello)?;
    let deadline = deadline(timeout);
    loop {
        // WELCOME comes first. The end of the connection may follow it, and is left for the first call to report.
        if let Some(max_frame) = reader.inbox.max_frame() {
            return Ok(max_frame);
        }
        reader.inbox.check_open()?;
        reader.receive(deadline, "WELCOME")?;
    }
}

/// Tries every address, in order, until the deadline.
fn open(address: impl ToSocketAddrs, timeout: Duration) -> Result<TcpStream, Error> {
    let deadline = deadline(timeout);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match open_one(&address, deadline) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Error::TimedOut { awaited: "connection" });
            }
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

fn open_one(address: &SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
    match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
        None => TcpStream::connect(address),
        Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
        Some(left) => TcpStream::connect_timeout(address, left),
    }
}
