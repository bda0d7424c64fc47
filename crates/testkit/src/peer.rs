//! A socket and the bytes on it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use corecast_wire::{ChannelName, Code, Decode, FrameLimits, Step, native, plain};

use crate::{DEADLINE, Deadline};

/// The other end of a connection, which sends exactly the bytes it is told to.
///
/// Each call has its own [`DEADLINE`].
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    /// The bytes received after those or the frame that was last asked for.
    ahead: Vec<u8>,
}

impl Peer {
    /// Connects with `TCP_NODELAY`, so that each [`send`](Self::send) is a separate segment, if it fits.
    ///
    /// # Panics
    /// If there is no connection by the deadline.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)
            .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        Self::over(stream)
    }

    /// Takes a connected socket, and sets `TCP_NODELAY` as [`connect`](Self::connect) does.
    ///
    /// # Panics
    /// If the socket is not connected.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_write_timeout(Some(DEADLINE)).expect("a write timeout");
        Self { stream, ahead: Vec::new() }
    }

    /// Connects to a `native` listener and exchanges HELLO and WELCOME.
    ///
    /// # Panics
    /// If the answer is not WELCOME.
    pub fn connect_native(address: SocketAddr) -> Self {
        let mut peer = Self::connect(address);
        peer.greet();
        peer
    }

    /// Exchanges HELLO and WELCOME.
    ///
    /// # Panics
    /// If the answer is not WELCOME.
    pub fn greet(&mut self) {
        self.send_native(&native::Frame::Hello { version: native::VERSION });
        self.read_native(|frame| assert!(matches!(frame, native::Frame::Welcome { .. }), "{frame:?} is no WELCOME"));
    }

    /// Returns the socket, for its options.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// If the server does not take them by the deadline.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the server takes the bytes");
    }

    /// Sends these bytes to a server that may have closed the connection.
    ///
    /// # Errors
    /// The error of the socket.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a `native` frame.
    ///
    /// # Panics
    /// The same as those of [`send`](Self::send).
    pub fn send_native(&mut self, frame: &native::Frame<'_>) {
        let mut bytes = Vec::new();
        native::encode(frame, &mut bytes);
        self.send(&bytes);
    }

    /// Sends a `plain` frame.
    ///
    /// # Panics
    /// The same as those of [`send`](Self::send).
    pub fn send_plain(&mut self, payload: &[u8]) {
        let mut bytes = Vec::new();
        plain::encode(payload, &mut bytes);
        self.send(&bytes);
    }

    /// Subscribes over `native`, and returns once the server has answered.
    ///
    /// # Panics
    /// If the next frame is not the answer, or the name is invalid.
    pub fn subscribe(&mut self, channel: &str) {
        let channel = ChannelName::new(channel).expect("a valid channel name");
        self.send_native(&native::Frame::Subscribe(channel.into()));
        self.expect_native(&native::Frame::Subscribed(channel));
    }

    /// Reads as many bytes as `expected` has.
    ///
    /// # Panics
    /// If other bytes come, or not all of them by the deadline.
    pub fn expect(&mut self, expected: &[u8]) {
        let deadline = Deadline::start();
        while self.ahead.len() < expected.len() {
            assert!(
                expected.starts_with(&self.ahead),
                "got {:?}, the start of which is not that of {expected:?}",
                self.ahead
            );
            assert!(self.receive(deadline, "bytes"), "the connection ended after {:?} of {expected:?}", self.ahead);
        }
        let got: Vec<u8> = self.ahead.drain(..expected.len()).collect();
        assert_eq!(got, expected);
    }

    /// Reads this `native` frame, byte for byte as this crate's codec encodes it.
    ///
    /// # Panics
    /// If the next frame is another, or does not come by the deadline.
    pub fn expect_native(&mut self, expected: &native::Frame<'_>) {
        self.read_native(|frame| assert_eq!(frame, expected));
    }

    /// Reads this `plain` frame.
    ///
    /// # Panics
    /// If the next frame is another, or does not come by the deadline.
    pub fn expect_plain(&mut self, expected: &[u8]) {
        assert_eq!(self.read_plain(), expected);
    }

    /// Returns the payload of the next `plain` frame.
    ///
    /// # Panics
    /// If none comes by the deadline.
    pub fn read_plain(&mut self) -> Vec<u8> {
        self.read_frame(&plain::Decoder { limits: PERMISSIVE }, <[u8]>::to_vec)
    }

    /// Hands the next `native` frame to `look`.
    ///
    /// # Panics
    /// If none comes by the deadline, or the bytes are not a frame.
    pub fn read_native<R>(&mut self, look: impl FnOnce(&native::Frame<'_>) -> R) -> R {
        self.read_frame(&native::Decoder::new(PERMISSIVE), |frame| look(&frame))
    }

    /// Reads an ERROR or CLOSE frame with this code, and then the end of the connection.
    ///
    /// # Panics
    /// If something else comes, or not all by the deadline.
    pub fn expect_refusal(&mut self, code: Code) {
        let number = self.read_native(|frame| match frame {
            native::Frame::Error(reason) | native::Frame::Close(reason) => reason.code,
            other => panic!("{other:?} came instead of code {}", code.name()),
        });
        assert_eq!(Code::from_number(number), Some(code), "code {number} came");
        self.expect_end();
    }

    /// Reads the end of the connection, and nothing before it. A reset counts as an end, because a server that closes
    /// with unread bytes sends one.
    ///
    /// # Panics
    /// If bytes come, or no end by the deadline.
    pub fn expect_end(&mut self) {
        let ended = self.ahead.is_empty() && !self.receive(Deadline::start(), "the end of the connection");
        assert!(ended, "{:?} came instead of the end of the connection", self.ahead);
    }

    /// Checks that nothing comes for this long. There is no event to wait for when nothing happens.
    ///
    /// # Panics
    /// If bytes come, or the connection ends.
    pub fn expect_silence(&mut self, duration: Duration) {
        assert!(self.ahead.is_empty(), "{:?} had come already", self.ahead);
        self.stream.set_read_timeout(Some(duration)).expect("a read timeout");
        match self.stream.read(&mut [0; 64]) {
            Err(error) if timed_out(&error) => {}
            other => panic!("{other:?} came instead of silence"),
        }
    }

    /// Ends the sending half, so that the server reads the end of the stream.
    ///
    /// # Panics
    /// If the connection has ended.
    pub fn shutdown(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection stands");
    }

    /// Ends the connection with a reset, as a crashed or hostile peer does.
    ///
    /// # Panics
    /// If the socket does not accept the option.
    pub fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).expect("SO_LINGER");
    }

    fn read_frame<D: Decode, R>(&mut self, decoder: &D, look: impl FnOnce(D::Frame<'_>) -> R) -> R {
        let deadline = Deadline::start();
        loop {
            match decoder.decode(&self.ahead) {
                Err(error) => panic!("{error}: {:?}", self.ahead),
                Ok(Step::Incomplete { .. }) => {}
                Ok(Step::Frame { .. }) => break,
            }
            let more = self.receive(deadline, "a frame");
            let begin = &self.ahead[..self.ahead.len().min(32)];
            assert!(more, "the connection ended in a frame, after {} bytes: {begin:?}…", self.ahead.len());
        }
        let ahead = std::mem::take(&mut self.ahead);
        let Ok(Step::Frame { frame, consumed }) = decoder.decode(&ahead) else { unreachable!("decoded above") };
        let result = look(frame);
        self.ahead = ahead[consumed..].to_vec();
        result
    }

    /// Appends the next bytes. Returns false at the end of the connection.
    fn receive(&mut self, deadline: Deadline, what: &str) -> bool {
        let mut chunk = [0; 16 * 1024];
        self.stream.set_read_timeout(Some(deadline.remaining_for(what))).expect("a read timeout");
        let read = loop {
            match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(0) => false,
            Ok(len) => {
                self.ahead.extend_from_slice(&chunk[..len]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) if timed_out(&error) => panic!("the deadline passed waiting for {what}; had {:?}", self.ahead),
            Err(error) => panic!("cannot read: {error}"),
        }
    }
}

/// The test's own limits on what a server may send it.
const PERMISSIVE: FrameLimits = FrameLimits { max_frame: u32::MAX };

fn timed_out(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair() -> (Peer, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Peer::connect(listener.local_addr().unwrap());
        (peer, listener.accept().unwrap().0)
    }

    #[test]
    fn bytes_frames_and_the_end_are_told_apart() {
        let (mut peer, mut server) = pair();
        let mut bytes = b"raw".to_vec();
        plain::encode(b"payload", &mut bytes);
        native::encode(&native::Frame::Ping(b"x"), &mut bytes);
        server.write_all(&bytes).unwrap();
        drop(server);
        peer.expect(b"raw");
        peer.expect_plain(b"payload");
        peer.expect_native(&native::Frame::Ping(b"x"));
        peer.expect_end();
    }

    #[test]
    fn a_reset_is_an_end() {
        let (mut peer, server) = pair();
        Peer { stream: server, ahead: Vec::new() }.reset();
        peer.expect_end();
    }

    #[test]
    #[should_panic(expected = "instead of silence")]
    fn silence_is_broken_by_a_byte() {
        let (mut peer, mut server) = pair();
        server.write_all(b"x").unwrap();
        peer.expect_silence(DEADLINE);
    }
}
