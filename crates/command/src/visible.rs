//! Untrusted text, made safe for a terminal, a table or a page.

use std::borrow::Cow;

/// Escapes every character that would not appear as a character of its line: control characters, which move a
/// terminal's cursor or forge lines, and those that change the direction of text.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Matches control characters, line and paragraph separators, invisible or directional formatting characters, and the two
/// that XML forbids in addition to control characters.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_be_seen_is_escaped_and_nothing_else() {
        assert!(matches!(visible("größer <b> | ` 中"), Cow::Borrowed("größer <b> | ` 中")));
        assert_eq!(visible("a\nFAKE\x1b[31m\t\u{85}"), "a\\nFAKE\\u{1b}[31m\\t\\u{85}");
        assert_eq!(visible("\u{202e}gnp.exe\u{feff}"), "\\u{202e}gnp.exe\\u{feff}");
    }
}
