//! The client's side of a connection, which must accept any bytes from a server.

use crate::pieces::Pieces;
use corecast_client::{Event, Inbox};

/// The greatest length field that the client accepts.
const MAX_FRAME: u32 = 4096;

/// Checks that a server's bytes give the same events in pieces as in one piece, and that nothing follows an end.
///
/// # Panics
/// If they do not.
pub fn client(input: &[u8]) {
    let Some(pieces) = Pieces::of(input) else { return };
    assert_eq!(read(&pieces.cut()), read(&[pieces.whole()]));
}

/// Returns the events, the PONGs, and the reason why nothing more comes.
fn read(pieces: &[&[u8]]) -> (Vec<Event>, Vec<u8>, String) {
    let mut inbox = Inbox::new(MAX_FRAME);
    let mut pongs = Vec::new();
    for piece in pieces {
        // This stops at the end, as the client does.
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
