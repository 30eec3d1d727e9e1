//! What a terminal shows as it is: text without a character that the terminal would obey instead.
//!
//! For texts of others: AWS, EKS, an API server, a proxy. Whatever shows them passes them through `visible`: diagnostics and errors of
//! functions (`protocol`), log lines (`plugin`), the hops of a chain and its renderings, the attributes of an access entry. Must not know
//! where a text comes from.

use std::borrow::Cow;

/// Whether a terminal obeys the character: the controls C0, DEL and C1, with which escape sequences begin (ECMA-48), Unicode's separators
/// of lines and paragraphs, and the marks, embeddings, overrides and isolates that change the direction of what follows (UAX #9).
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with each such character as an escape of JSON, such as `\u001b`. Line breaks and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_control(c) && c != '\n' && c != '\t')
}

/// The same on one line: line breaks and tabs are escaped too.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_control)
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_an_escape() {
        assert_eq!(visible("\u{1b}[2J\u{9b}31m\u{7}\u{7f}\r\0"), r"\u001b[2J\u009b31m\u0007\u007f\u000d\u0000");
        assert_eq!(visible("a\u{202e}b\u{2066}c\u{200f}d\u{61c}e\u{2028}f"), r"a\u202eb\u2066c\u200fd\u061ce\u2028f");
    }

    #[test]
    fn text_and_its_line_breaks_stay() {
        let text = "Größe 漢字 ✔\n\tarn:aws:iam::1:role/a";
        assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
        assert_eq!(visible_line("a\n\tb"), r"a\u000a\u0009b");
    }
}
