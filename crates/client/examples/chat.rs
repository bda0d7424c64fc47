//! A chat in one channel: lines of standard input go to every other subscriber of the channel.
//!
//! ```text
//! cargo run -p corecast-client --example chat -- 127.0.0.1:7070 lobby alice
//! ```

use corecast_client::{Client, Event, Options, PublishOptions};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(channel), Some(name)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: chat HOST:PORT CHANNEL NAME".into());
    };
    let mut client = Client::connect(address.as_str(), &Options::default())?;
    client.subscribe(&channel)?;
    println!("you are in {channel}; end with Ctrl-D");

    // One thread reads the keyboard and publishes; the other prints what the server sends.
    let (publisher, mut subscriber) = client.split();
    // Without this, the connection would receive its own messages.
    let no_echo = PublishOptions { no_echo: true, ..PublishOptions::default() };
    std::thread::spawn(move || -> Result<(), corecast_client::Error> {
        for line in std::io::stdin().lines() {
            publisher.publish_with(&channel, format!("{name}: {}", line?).as_bytes(), no_echo)?;
        }
        publisher.close()
    });
    loop {
        match subscriber.next_event()? {
            Event::Message { payload, .. } => println!("{}", String::from_utf8_lossy(&payload)),
            Event::Gap { count, .. } => println!("({count} messages were missed)"),
            // The answer to the CLOSE that the thread above sent.
            Event::Closed { code: 200, .. } => return Ok(()),
            Event::Closed { code, text, .. } => return Err(format!("closed by the server: {code} {text}").into()),
            _ => {}
        }
    }
}
