//! A small Redis-like server that mistreats subscribers that return or do not read, on request.
#![expect(clippy::unwrap_used, reason = "a test's server; clippy.toml excepts only functions marked as tests")]

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// The mistake that the server makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No mistake.
    Nothing,
    /// The second message of a subscriber is not sent if others subscribed before it did: one loss for each that
    /// returns.
    LoseToReturned,
    /// The same message is sent twice.
    DoubleToReturned,
    /// Connections are closed once this number has been accepted.
    RefuseFrom(usize),
    /// Frames that a socket does not take are lost.
    LoseToStalled,
    /// A subscriber that does not take a frame is disconnected.
    CloseStalled,
}

/// A server that runs until it is dropped.
pub(crate) struct RedisLike {
    pub(crate) address: SocketAddr,
    hub: Arc<Mutex<Hub>>,
}

struct Hub {
    wrong: Wrong,
    /// The number of subscribers before the first one returns.
    first: usize,
    subscribed: usize,
    accepted: usize,
    subscribers: Vec<Subscriber>,
    sockets: Vec<TcpStream>,
    closed: bool,
}

struct Subscriber {
    stream: TcpStream,
    channel: Vec<u8>,
    returned: bool,
    messages: u64,
    /// The end of a frame that was sent in part.
    rest: Vec<u8>,
}

impl RedisLike {
    /// Starts a server. `first` subscribers come before any returns.
    pub(crate) fn start(wrong: Wrong, first: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (subscribers, sockets) = (Vec::new(), Vec::new());
        let hub = Hub { wrong, first, subscribed: 0, accepted: 0, subscribers, sockets, closed: false };
        let hub = Arc::new(Mutex::new(hub));
        let shared = hub.clone();
        spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut hub = shared.lock().unwrap();
                if hub.closed {
                    return;
                }
                hub.accepted += 1;
                if matches!(hub.wrong, Wrong::RefuseFrom(most) if hub.accepted > most) {
                    continue;
                }
                stream.set_nodelay(true).unwrap();
                hub.sockets.push(stream.try_clone().unwrap());
                let shared = shared.clone();
                spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, hub }
    }
}

impl Drop for RedisLike {
    fn drop(&mut self) {
        let mut hub = self.hub.lock().unwrap();
        hub.closed = true;
        for socket in &hub.sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // This wakes the listener's thread, which then finds that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, hub: &Mutex<Hub>) {
    let mut reader = BufReader::new(stream);
    while let Some(words) = command(&mut reader) {
        let mut hub = hub.lock().unwrap();
        let answer = match words[0].as_slice() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"SUBSCRIBE" => hub.subscribe(stream, &words[1]),
            _ => {
                hub.publish(&words[1], &words[2]);
                b":0\r\n".to_vec()
            }
        };
        let mut stream = stream;
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

/// Reads an array of bulk strings.
fn command(reader: &mut impl BufRead) -> Option<Vec<Vec<u8>>> {
    let number = |reader: &mut dyn BufRead| {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    let count = number(reader)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(reader)? + 2];
        reader.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        words.push(word);
    }
    Some(words)
}

impl Hub {
    fn subscribe(&mut self, stream: &TcpStream, channel: &[u8]) -> Vec<u8> {
        let stream = stream.try_clone().unwrap();
        if matches!(self.wrong, Wrong::LoseToStalled | Wrong::CloseStalled) {
            stream.set_nonblocking(true).unwrap();
        }
        let returned = self.subscribed >= self.first;
        self.subscribed += 1;
        let (channel, rest) = (channel.to_vec(), Vec::new());
        let answer = frame(b"subscribe", &channel, b":1\r\n");
        self.subscribers.push(Subscriber { stream, channel, returned, messages: 0, rest });
        answer
    }

    fn publish(&mut self, channel: &[u8], payload: &[u8]) {
        let mut last = format!("${}\r\n", payload.len()).into_bytes();
        last.extend_from_slice(payload);
        last.extend_from_slice(b"\r\n");
        let message = frame(b"message", channel, &last);
        let wrong = self.wrong;
        self.subscribers.retain_mut(|subscriber| {
            if subscriber.channel != channel {
                return true;
            }
            subscriber.messages += 1;
            let marked = subscriber.returned && subscriber.messages == 2;
            match wrong {
                Wrong::LoseToReturned if marked => true,
                Wrong::DoubleToReturned if marked => subscriber.send(&message) && subscriber.send(&message),
                Wrong::CloseStalled => {
                    let taken = subscriber.send(&message) && subscriber.rest.is_empty();
                    if !taken {
                        let _ = subscriber.stream.shutdown(Shutdown::Both);
                    }
                    taken
                }
                _ => subscriber.send(&message),
            }
        });
    }
}

impl Subscriber {
    /// Sends a frame. Returns false if the connection is over. A frame that does not fit is lost, but never cut.
    fn send(&mut self, frame: &[u8]) -> bool {
        let mut bytes = std::mem::take(&mut self.rest);
        if bytes.is_empty() {
            bytes.extend_from_slice(frame);
        }
        match self.stream.write(&bytes) {
            Ok(count) if count == bytes.len() => true,
            Ok(count) => {
                self.rest = bytes.split_off(count);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if bytes != frame {
                    self.rest = bytes;
                }
                true
            }
            Err(_) => false,
        }
    }
}

fn frame(kind: &[u8], channel: &[u8], last: &[u8]) -> Vec<u8> {
    let mut frame = format!("*3\r\n${}\r\n", kind.len()).into_bytes();
    frame.extend_from_slice(kind);
    frame.extend_from_slice(format!("\r\n${}\r\n", channel.len()).as_bytes());
    frame.extend_from_slice(channel);
    frame.extend_from_slice(b"\r\n");
    frame.extend_from_slice(last);
    frame
}
