//! Prints the messages of channels, across restarts of the server.
//!
//! ```text
//! cargo run -p corecast-client --example subscribe -- 127.0.0.1:7070 numbers letters
//! ```

use corecast_client::{Event, Options, ReconnectOptions, ReconnectingClient};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(address) = arguments.next() else { return Err("usage: subscribe HOST:PORT CHANNEL...".into()) };
    let mut client = ReconnectingClient::connect(&address, Options::default(), ReconnectOptions::default())?;
    for channel in arguments {
        client.subscribe(&channel)?;
        eprintln!("subscribed to {channel}");
    }
    loop {
        match client.next_event()? {
            Event::Message { channel, payload } => println!("{channel}: {}", String::from_utf8_lossy(&payload)),
            // This client was too slow. The server reports how many messages it missed.
            Event::Gap { channel, count } => eprintln!("{count} messages of {channel} were missed"),
            Event::ConnectionLost { reason, retry_after: Some(delay), .. } => {
                eprintln!("{reason}; connecting again in {delay:?}");
            }
            // The number of messages published in between is unknown.
            Event::Reconnected { .. } => eprintln!("connected again; messages may be missing"),
            // From here on, no message of this channel is missed.
            Event::Subscribed { channel } => eprintln!("subscribed to {channel} again"),
            _ => {}
        }
    }
}
