//! The client's side of a connection: whatever a server sends.

use crate::pieces::Pieces;
use corecast_client::{Event, Inbox};

/// Greatest length field that the client accepts.
const MAX_FRAME: u32 = 4096;

/// What a server sends in pieces gives the events that it gives whole, and nothing comes behind an end.
///
/// # Panics
/// If that is not so.
pub fn client(input: &[u8]) {
    let Some(pieces) = Pieces::of(input) else { return };
    assert_eq!(read(&pieces.cut()), read(&[pieces.whole()]));
}

/// The events, the PONGs, and why nothing more comes.
fn read(pieces: &[&[u8]]) -> (Vec<Event>, Vec<u8>, String) {
    let mut inbox = Inbox::new(MAX_FRAME);
    let mut pongs = Vec::new();
    for piece in pieces {
        // As the client does, which stops reading at the end.
        if inbox.check_open().is_err() {
            break;
        }
        inbox.push(piece);
    }
    pongs.extend(inbox.take_pongs());
    inbox.disconnect();
    let end = inbox.check_open().expect_err("it was disconnected").to_string();
    let events: Vec<Event> = std::iter::from_fn(|| inbox.pop()).collect();
    assert_eq!(inbox.queued_bytes(), 0, "nothing is queued in an empty queue");
    (events, pongs, end)
}
