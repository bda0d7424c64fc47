//! A program with a server inside: it subscribes, publishes and stops the server.
//!
//! ```text
//! cargo run -p corecast-engine --example embed
//! ```

use corecast_client::{Client, Event, Options};
use corecast_engine::{Limits, Protocol, Server};
use std::error::Error;
use std::net::Ipv4Addr;

fn main() -> Result<(), Box<dyn Error>> {
    // A shard on every CPU that the process may use, and a port that the kernel picks.
    let server = Server::builder()
        .listen(Protocol::Native, (Ipv4Addr::LOCALHOST, 0))
        .limits(Limits::default().with_max_connections(1000))
        .start()?;
    let address = server.listeners()[0].address;
    println!("{} shards listen on {address}", server.control().shards()?.len());

    let mut subscriber = Client::connect(address, &Options::default())?;
    subscriber.subscribe("lobby")?;
    let mut publisher = Client::connect(address, &Options::default())?;
    publisher.publish_acknowledged("lobby", b"hello")?;
    if let Event::Message { channel, payload } = subscriber.next_event()? {
        println!("{channel}: {}", String::from_utf8_lossy(&payload));
    }
    publisher.close()?;

    // Before `wait` returns, everything published is delivered and every client is told the reason.
    server.stop();
    if let Event::Closed { text, .. } = subscriber.next_event()? {
        println!("the server says: {text}");
    }
    let summary = server.wait()?;
    println!("{} published, {} delivered", summary.counters.published, summary.counters.deliveries);
    Ok(())
}
