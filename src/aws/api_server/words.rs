//! What an API server says, before it becomes text or state: one line, of bounded length, without what controls a terminal or does not show,
//! and without the token that the server was given.
//!
//! A server that is hostile may write the token in a form of its own, and nothing here can recognize all of those. What is known is the token as
//! it is, in base64 and URL-encoded, whole or in parts, however other characters split it.

use std::collections::HashSet;
use std::str::Chars;

use percent_encoding::percent_decode_str;

use crate::secrets::{self, HIDDEN};

/// How much of a text is shown, in characters.
const LONGEST: usize = 1024;
/// So many letters and digits of the token in a row are no accident.
const PART: usize = 20;

/// Makes the texts of an answer presentable.
pub(super) struct Words(HashSet<[u8; PART]>);

impl Words {
    /// For the answers to a request with this token.
    pub fn without(token: &str) -> Self {
        let forms = secrets::forms(token);
        let parts = forms.iter().flat_map(|form| parts(&letters(form)).collect::<Vec<_>>());
        Words(parts.collect())
    }

    pub fn text(&self, said: &str) -> String {
        let plain = plain(said);
        if parts(&letters(&unescaped(&plain))).any(|part| self.0.contains(&part)) {
            return HIDDEN.to_owned();
        }
        secrets::hidden(&plain).into_owned()
    }
}

/// The text in one line of bounded length, without escape sequences of terminals and characters that control or don't show.
pub(super) fn plain(text: &str) -> String {
    let (mut out, mut length, mut rest) = (String::new(), 0, text.chars());
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => continue,
            c => out.push(c),
        }
        length += 1;
        if length == LONGEST {
            out.push('…');
            break;
        }
    }
    out
}

/// Passes over what follows ESC (ECMA-48): up to the end of a control sequence or of a string, or one character.
fn skip_sequence(rest: &mut Chars<'_>) {
    let end: fn(&char) -> bool = match rest.next() {
        Some('[') => |c| ('@'..='~').contains(c),
        Some(']' | 'P' | 'X' | '^' | '_') => |c| matches!(c, '\u{7}' | '\u{1b}' | '\u{9c}'),
        _ => return,
    };
    // A string ends in ESC and a backslash, too.
    if rest.find(end) == Some('\u{1b}') {
        rest.next();
    }
}

/// Unicode's format characters, which reorder or hide text, and its separators and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// URL encoding and JSON's escapes undone, once each: both can stand for letters of a token.
fn unescaped(text: &str) -> String {
    let text = percent_decode_str(text).decode_utf8_lossy();
    let (mut out, mut rest) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        // RFC 8259, section 7.
        if rest.next() == Some('u') {
            let digits: String = rest.by_ref().take(4).collect();
            out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
        }
    }
    out
}

/// Letters and digits alone: whatever else is between them, they read as one.
fn letters(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_alphanumeric).collect()
}

fn parts(letters: &[u8]) -> impl Iterator<Item = [u8; PART]> {
    letters.windows(PART).filter_map(|window| window.try_into().ok())
}
