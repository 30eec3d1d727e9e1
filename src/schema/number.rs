//! Terraform's number: a decimal of any size. It is kept as canonical text, so that nothing is lost beyond 64 bits.

use std::fmt;

/// A decimal number as canonical text: no exponent, no leading or trailing zeros, `-` only before a value other than zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(String);

/// More digits than this are refused. Terraform's own precision is 512 bits, about 155 digits; the smallest float has 1074.
const MAX_DIGITS: usize = 1100;

impl Number {
    /// Parses decimal text with an optional fraction and exponent. `None` where it is no number or has over 1100 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: String = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() > MAX_DIGITS {
            return None;
        }
        let point = (whole.len() as i64).checked_add(exponent)?;
        if point.unsigned_abs() > MAX_DIGITS as u64 {
            return if digits.bytes().all(|b| b == b'0') { Some(Number("0".into())) } else { None };
        }
        let (whole, fraction) = split_at_point(&digits, point);
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        // What is accepted is accepted again as it is written here.
        if whole.len().max(1) + fraction.len() > MAX_DIGITS {
            return None;
        }
        let mut out = String::new();
        if negative && !(whole.is_empty() && fraction.is_empty()) {
            out.push('-');
        }
        out.push_str(if whole.is_empty() { "0" } else { whole });
        if !fraction.is_empty() {
            out.push('.');
            out.push_str(fraction);
        }
        Some(Number(out))
    }

    /// Every digit of it: a float that is near a tenth is not a tenth. `None` for infinities and NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self::parse(&exact(value)))?
    }

    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The value as a 64-bit float, if that loses nothing.
    pub fn as_exact_f64(&self) -> Option<f64> {
        let float: f64 = self.0.parse().ok()?;
        (float.is_finite() && exact(float) == self.0).then_some(float)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number(value.to_string())
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Number(value.to_string())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A finite float in full, without zeros at its end.
fn exact(value: f64) -> String {
    let text = format!("{value:.1074}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn split_at_point(digits: &str, point: i64) -> (String, String) {
    let length = digits.len() as i64;
    if point <= 0 {
        (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)))
    } else if point >= length {
        (format!("{digits}{}", "0".repeat((point - length) as usize)), String::new())
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        (whole.to_owned(), fraction.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<String> {
        Number::parse(text).map(|n| n.to_string())
    }

    #[test]
    fn one_value_has_one_text() {
        for (text, expected) in [("1e3", "1000"), ("-0", "0"), ("-0.0e9", "0"), ("1.50", "1.5"), ("15e-1", "1.5"), ("+007", "7")] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_keep_every_digit() {
        let text = "123456789012345678901234567890.125";
        assert_eq!(canonical(text).as_deref(), Some(text));
        assert_eq!(Number::parse(text).unwrap().as_exact_f64(), None);
    }

    #[test]
    fn what_is_no_number_or_would_fill_memory_is_refused() {
        for text in ["", "-", "1.2.3", "0x10", "NaN", "1e999999999", "1e-999999999", "e5"] {
            assert_eq!(canonical(text), None, "{text}");
        }
        assert_eq!(canonical("0e999999999").as_deref(), Some("0"));
    }

    #[test]
    fn what_is_accepted_is_accepted_as_it_is_written() {
        let long = format!("{}e-1000", "1".repeat(1000));
        for text in ["1e1099", "1e-1099", "1e-1098", "1e1100", &long, "5e-324", "1.7976931348623157e308"] {
            if let Some(number) = Number::parse(text) {
                assert_eq!(Number::parse(number.as_str()).as_ref(), Some(&number), "{text}");
            }
        }
        for float in [5e-324, f64::MAX, f64::MIN_POSITIVE, 0.1, -0.0, -2.5] {
            assert_eq!(Number::from_f64(float).unwrap().as_exact_f64(), Some(float), "{float:e}");
        }
    }
}
