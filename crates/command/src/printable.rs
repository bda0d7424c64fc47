//! Escaping of untrusted text for terminals and log lines.
//!
//! Peers, files, other servers and administrators supply some of the text that is printed. Control characters in it could
//! move the cursor, change colours or forge a line; directional formatting characters could reorder the text. Both are
//! escaped. Escaping is idempotent.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::{is_hidden, visible};

/// The maximum length of an untrusted text in a table or a message, in characters.
pub const MAX_TEXT: usize = 1024;

/// Escapes control and formatting characters as `\n` or `\u{1b}`, and truncates the text after `max` characters.
pub fn printable(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => visible(text),
        Some((end, _)) => Cow::Owned(visible(&text[..end]).into_owned() + "…"),
    }
}

/// Escapes a message for a terminal. Line feeds and tabs are kept; bytes that are not UTF-8 are shown as `\xff`.
pub fn printable_message(message: &[u8]) -> String {
    let mut escaped = String::with_capacity(message.len());
    for chunk in message.utf8_chunks() {
        for character in chunk.valid().chars() {
            if matches!(character, '\n' | '\t') {
                escaped.push(character);
            } else {
                escaped.push_str(&visible(character.encode_utf8(&mut [0; 4])));
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// Escapes the control and formatting characters that JSON allows unescaped in strings. The result is equivalent JSON.
pub fn printable_json(json: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_formatting_characters_are_escaped_once() {
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
    fn long_text_is_truncated_between_characters() {
        assert_eq!(printable("üüü", 3), "üüü");
        assert_eq!(printable("üüüü", 3), "üüü…");
        assert_eq!(printable("\n\n\n\n", 2), "\\n\\n…");
    }

    #[test]
    fn a_message_keeps_line_feeds_and_tabs() {
        assert_eq!(printable_message(b"one\n\ttwo \x1b[2J\r \xff\xfe"), "one\n\ttwo \\u{1b}[2J\\r \\xff\\xfe");
    }

    #[test]
    fn escaped_json_is_equivalent() {
        let text = "a\u{9b}\u{202e}\u{7f}\u{e0041}\n";
        let json = serde_json::to_string(text).expect("a string");
        let escaped = printable_json(&json);
        assert!(!escaped.contains(is_hidden), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).expect("JSON"), text);
        assert_eq!(printable_json("{\"a\": 1}\n"), "{\"a\": 1}\n");
    }
}
