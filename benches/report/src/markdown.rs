//! Untrusted text in Markdown.

/// Formats a code span that may be in a table's cell.
pub(crate) fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    // A span ends with as many backticks as it begins with.
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    if longest == 0 { format!("`{text}`") } else { format!("{0} {text} {0}", "`".repeat(longest + 1)) }
}

/// Escapes text so that none of its characters are markup.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if "\\`*_{}[]<>#|!&~".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_cell_or_its_span() {
        assert_eq!(code("sharded"), "`sharded`");
        assert_eq!(code("a|b` | `c``d"), "``` a\\|b` \\| `c``d ```");
        assert_eq!(escaped("a_b <script> # |"), "a\\_b \\<script\\> \\# \\|");
    }
}
