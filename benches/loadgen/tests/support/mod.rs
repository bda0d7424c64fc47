//! A small `plain` broadcast server that makes one mistake on request.
#![expect(clippy::unwrap_used, reason = "a test's server; clippy.toml excepts only functions marked as tests")]

use corecast_loadgen::{Load, Protocol, Settings};
use corecast_wire::{FrameLimits, Reassembly, plain};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// The fault. Deliveries and messages are counted from 1, over all connections, without probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each test file uses some")]
pub(crate) enum Fault {
    /// No fault.
    None,
    /// Nothing is sent to anybody, not even probes.
    Mute,
    /// The delivery is not made.
    Lose(u64),
    /// The delivery is made twice.
    Duplicate(u64),
    /// The delivery is made after the next one of the same publisher to the same connection.
    Reorder(u64),
    /// One bit of this byte of the delivery's payload is changed.
    Alter(u64, usize),
    /// Every n-th delivery is not made.
    LoseEvery(u64),
    /// The connection is closed instead of the delivery.
    Disconnect(u64),
    /// This delivery, and so all after it, are this much later.
    Delay(u64, Duration),
    /// Nothing is sent for this time, from this message on.
    Stall(u64, Duration),
}

/// A server that runs until it is dropped.
pub(crate) struct Broadcaster {
    pub(crate) address: SocketAddr,
    hub: Arc<Mutex<Hub>>,
}

struct Hub {
    fault: Fault,
    connections: Vec<TcpStream>,
    messages: u64,
    deliveries: u64,
    /// A delivery that is delayed past its turn: its connection, and its bytes.
    held: Option<(usize, Vec<u8>)>,
    closed: bool,
}

impl Broadcaster {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let hub = Hub { fault, connections: Vec::new(), messages: 0, deliveries: 0, held: None, closed: false };
        let hub = Arc::new(Mutex::new(hub));
        let shared = hub.clone();
        spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut hub = shared.lock().unwrap();
                if hub.closed {
                    return;
                }
                stream.set_nodelay(true).unwrap();
                hub.connections.push(stream.try_clone().unwrap());
                let shared = shared.clone();
                spawn(move || serve(stream, &shared));
            }
        });
        Self { address, hub }
    }

    /// Returns the settings of a run against it: 5 subscribers, 2 publishers, 100 messages, evenly over 200 ms.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            subscribers: 5,
            publishers: 2,
            warmup: Duration::ZERO,
            duration: Duration::from_millis(200),
            drain_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(10),
            ..Settings::new(self.address, Protocol::Plain, Load::Paced { rate: 500 })
        }
    }
}

impl Drop for Broadcaster {
    fn drop(&mut self) {
        let mut hub = self.hub.lock().unwrap();
        hub.closed = true;
        for connection in &hub.connections {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // This wakes the listener's thread, which then finds that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, hub: &Mutex<Hub>) {
    let decoder = plain::Decoder { limits: FrameLimits::PLAIN };
    let mut reassembly = Reassembly::new();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let broadcast = |payload: &[u8]| {
            hub.lock().unwrap().broadcast(payload);
            ControlFlow::Continue(())
        };
        reassembly.push(&decoder, &buffer[..count], broadcast).unwrap();
    }
}

impl Hub {
    fn broadcast(&mut self, payload: &[u8]) {
        // Bytes 6 and 7 are the channel, which is the greatest number for probes.
        let probe = payload[6..8] == [0xFF, 0xFF];
        self.messages += u64::from(!probe);
        if let Fault::Stall(message, pause) = self.fault
            && !probe
            && self.messages == message
        {
            sleep(pause);
        }
        for connection in 0..self.connections.len() {
            if probe && self.fault != Fault::Mute {
                self.send(connection, payload);
            } else if !probe {
                self.deliveries += 1;
                self.deliver(connection, payload);
            }
        }
    }

    fn deliver(&mut self, connection: usize, payload: &[u8]) {
        let delivery = self.deliveries;
        match self.fault {
            Fault::Lose(nth) if nth == delivery => {}
            Fault::Disconnect(nth) if nth == delivery => {
                // The client sees the end in any case.
                let _ = self.connections[connection].shutdown(Shutdown::Both);
            }
            Fault::LoseEvery(nth) if delivery.is_multiple_of(nth) => {}
            Fault::Duplicate(nth) if nth == delivery => {
                self.send(connection, payload);
                self.send(connection, payload);
            }
            Fault::Delay(nth, pause) if nth == delivery => {
                sleep(pause);
                self.send(connection, payload);
            }
            Fault::Reorder(nth) if nth == delivery => self.held = Some((connection, payload.to_vec())),
            Fault::Alter(nth, byte) if nth == delivery => {
                let mut altered = payload.to_vec();
                altered[byte] ^= 0x10;
                self.send(connection, &altered);
            }
            _ => {
                self.send(connection, payload);
                // Bytes 4 and 5 are the publisher.
                let held = self.held.take_if(|(to, held)| *to == connection && held[4..6] == payload[4..6]);
                if let Some((_, held)) = held {
                    self.send(connection, &held);
                }
            }
        }
    }

    fn send(&mut self, connection: usize, payload: &[u8]) {
        let mut frame = Vec::new();
        plain::encode(payload, &mut frame);
        // A client that has gone does not concern the test.
        let _ = self.connections[connection].write_all(&frame);
    }
}
