//! Text that came from elsewhere, made fit for a terminal and for one line of a log.
//!
//! Peers, files, other servers and administrators choose some of what is printed. Where people read it, control characters
//! could move the cursor, colour the screen or begin a line of their own, and directional formatting could show another
//! order of the letters; so both are escaped. Escaping twice changes nothing more.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest text from elsewhere in a log, a table or an error, in characters.
pub(crate) const LONGEST_TEXT: usize = 1024;

/// The text on one line, with escapes such as `\n` and `\u{1b}` for what would not be seen as itself; cut behind so many
/// characters.
pub(crate) fn printable(text: &str, longest: usize) -> Cow<'_, str> {
    if !text.contains(is_hidden) && text.chars().nth(longest).is_none() {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        if index == longest {
            escaped.push('…');
            break;
        }
        push(&mut escaped, character);
    }
    Cow::Owned(escaped)
}

/// A message for a terminal: as it is, but for what is no text. Lines and tabs are text, however many.
pub(crate) fn printable_message(message: &[u8]) -> String {
    let mut escaped = String::with_capacity(message.len());
    for chunk in message.utf8_chunks() {
        for character in chunk.valid().chars() {
            if matches!(character, '\n' | '\t') {
                escaped.push(character);
            } else {
                push(&mut escaped, character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// JSON that means the same and hides nothing: the control characters that JSON allows in a string are escaped too.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    let is_hidden = |character: char| character >= ' ' && is_hidden(character);
    if !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn push(escaped: &mut String, character: char) {
    if is_hidden(character) {
        escaped.extend(character.escape_default());
    } else {
        escaped.push(character);
    }
}

/// Controls, separators of lines and paragraphs, and characters that are invisible or set the direction.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_be_seen_as_itself_is_escaped_once() {
        for (text, expected) in [
            ("plain text, Grüße, 日本, 😀 and \\n", "plain text, Grüße, 日本, 😀 and \\n"),
            ("a\nFAKE\r\n\u{1b}[31mred\u{7}", r"a\nFAKE\r\n\u{1b}[31mred\u{7}"),
            ("\u{9b}31m \u{7f}", r"\u{9b}31m \u{7f}"),
            ("\u{202e}drow\u{2066}\u{2028}", r"\u{202e}drow\u{2066}\u{2028}"),
        ] {
            let escaped = printable(text, 100);
            assert_eq!(escaped, expected);
            assert_eq!(printable(&escaped, 100), expected);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(printable("üüü", 3), "üüü");
        assert_eq!(printable("üüüü", 3), "üüü…");
        assert_eq!(printable("\n\n\n\n", 2), "\\n\\n…");
    }

    #[test]
    fn a_message_keeps_its_lines_and_shows_its_bytes() {
        assert_eq!(printable_message(b"one\n\ttwo \x1b[2J\r \xff\xfe"), "one\n\ttwo \\u{1b}[2J\\r \\xff\\xfe");
    }

    #[test]
    fn json_means_the_same() {
        let text = "a\u{9b}\u{202e}\u{7f}\u{e0041}\n";
        let json = serde_json::to_string(text).expect("a string");
        let escaped = printable_json(&json);
        assert!(!escaped.contains(is_hidden), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).expect("JSON"), text);
        assert_eq!(printable_json("{\"a\": 1}\n"), "{\"a\": 1}\n");
    }
}
