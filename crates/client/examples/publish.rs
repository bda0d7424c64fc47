//! Publishes the lines of standard input, many in each write, and waits until the server has accepted all of them.
//!
//! ```text
//! seq 1000 | cargo run -p corecast-client --example publish -- 127.0.0.1:7070 numbers
//! ```

use corecast_client::{BufferOptions, Client, Event, Options, PublishOptions};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(channel)) = (arguments.next(), arguments.next()) else {
        return Err("usage: publish HOST:PORT CHANNEL".into());
    };
    let (publisher, mut subscriber) = Client::connect(address.as_str(), &Options::default())?.split();

    // A line waits for at most 5 ms, so a slow input is published at once and a fast one 16 KiB at a time.
    let buffered = publisher.buffered(BufferOptions::default().with_flush_delay(Duration::from_millis(5)))?;
    let acknowledged = PublishOptions { acknowledge: true, ..PublishOptions::default() };
    let reading = std::thread::spawn(move || -> Result<(), corecast_client::Error> {
        for line in std::io::stdin().lines() {
            buffered.publish_with(&channel, line?.as_bytes(), acknowledged)?;
        }
        buffered.flush()?;
        // The server answers CLOSE once it has read everything before it.
        publisher.close()
    });

    // Something has to read the acknowledgements, the server's PINGs, and the reason if it ends the connection.
    let mut accepted = 0_u64;
    loop {
        match subscriber.next_event()? {
            Event::Published { .. } => accepted += 1,
            Event::Closed { code: 200, .. } => break,
            Event::Closed { code, text, .. } => return Err(format!("closed by the server: {code} {text}").into()),
            _ => {}
        }
    }
    reading.join().map_err(|_| "the reading thread panicked")??;
    println!("{accepted} messages accepted");
    Ok(())
}
