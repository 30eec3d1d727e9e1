//! Texts that must never be shown, and their removal from what is: log lines, diagnostics, AWS's messages.
//!
//! xeks never puts a secret into those knowingly. This is for what AWS or another program puts there: AWS repeats a request whose
//! signature does not match, session token included, and a proxy's page may repeat anything. Owns both ways to recognize a secret,
//! by its value and by its shape. Must not know where texts come from.

mod shapes;

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use parking_lot::RwLock;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The replacement of a secret.
pub const HIDDEN: &str = "(secret)";

/// A shorter text is part of too many others to be replaced everywhere.
const SHORTEST: usize = 8;

/// Values to be hidden, longest first: one may be part of another.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// A text that must never be shown. It does not print itself, and is hidden where it turns up all the same.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        remember(&text);
        Secret(text)
    }

    /// A text that does not print itself, and that is too likely to stand in other texts rightly to be hidden there: an external
    /// ID, which may well be the name of a cluster too, or an access key's ID.
    pub fn unlisted(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Hides this value from now on, as it is, as encoded in URLs and forms, and in base64.
pub fn remember(value: &str) {
    let mut known = KNOWN.write();
    for form in forms(value.trim()) {
        if form.len() >= SHORTEST && !known.contains(&form) {
            known.push(form);
        }
    }
    known.sort_by_key(|value| std::cmp::Reverse(value.len()));
}

/// How a value may be written: as it is, encoded for URLs, and in base64 of both alphabets.
pub fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned(), utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()];
    for before in 0..3 {
        forms.extend([in_base64(value, before, &STANDARD_NO_PAD), in_base64(value, before, &URL_SAFE_NO_PAD)]);
    }
    forms
}

/// The characters that base64 of any text with the value in it has, where so many bytes before it don't fill a group of three.
fn in_base64(value: &str, before: usize, alphabet: &base64::engine::GeneralPurpose) -> String {
    let bytes = [&vec![0; before], value.as_bytes()].concat();
    let text = alphabet.encode(&bytes);
    // The first and the last character may depend on what is around, too.
    text[(before * 8).div_ceil(6)..(bytes.len() * 8 / 6)].to_owned()
}

/// The text without any secret that is known by its value or has the shape of one.
pub fn hidden(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for value in KNOWN.read().iter() {
        if text.contains(value.as_str()) {
            text = Cow::Owned(text.replace(value.as_str(), HIDDEN));
        }
    }
    match shapes::hidden(&text) {
        Some(without) => Cow::Owned(without),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_as_it_is_and_as_urls_have_it() {
        let secret = Secret::new("wJalr/XUtn+FEMI=first");
        assert_eq!(hidden("key wJalr/XUtn+FEMI=first, twice wJalr/XUtn+FEMI=first."), "key (secret), twice (secret).");
        assert_eq!(hidden("?k=wJalr%2FXUtn%2BFEMI%3Dfirst&x"), "?k=(secret)&x");
        assert_eq!(format!("{secret:?}"), "(secret)");
    }

    #[test]
    fn a_secret_is_hidden_in_base64_wherever_it_stands_in_the_encoded_text() {
        remember("a-bearer>token?of~some.length");
        for before in ["", "B", "Bearer ", "Authorization: Bearer "] {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let encoded = engine.encode(format!("{before}a-bearer>token?of~some.length, and more"));
                let shown = hidden(&encoded).into_owned();
                assert!(shown.contains(HIDDEN), "{shown}");
                let left = shown.split(HIDDEN).map(|rest| String::from_utf8_lossy(&engine.decode(rest).unwrap_or_default()).into_owned());
                assert!(!left.collect::<String>().contains("bearer"), "{shown}");
            }
        }
    }

    #[test]
    fn of_two_secrets_one_in_the_other_nothing_is_left() {
        remember("inner-of-two-secrets");
        remember("inner-of-two-secrets-and-more");
        assert_eq!(hidden("inner-of-two-secrets-and-more"), "(secret)");
    }

    #[test]
    fn what_is_short_or_no_secret_stays() {
        Secret::new("abc");
        Secret::unlisted("a-cluster-of-ours");
        assert!(matches!(hidden("abc of a-cluster-of-ours"), Cow::Borrowed("abc of a-cluster-of-ours")));
    }

    #[test]
    fn a_file_s_trailing_newline_does_not_save_a_secret() {
        remember("from-a-file-1\n");
        assert_eq!(hidden("it is from-a-file-1."), "it is (secret).");
    }
}
