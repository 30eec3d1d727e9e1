//! Durations as Go writes them (`90s`, `10m`, `1h30m`): the form of Terraform's timeouts.

use std::time::Duration;

/// Units in falling order, with their length in nanoseconds.
const UNITS: [(&str, u64); 7] =
    [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("µs", 1_000), ("ns", 1)];

/// Reads a duration such as `1h30m` or `1.5h`. Negative ones, which Go allows, are refused.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: use numbers with units, such as \"90s\", \"10m\" or \"1h30m\".");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        nanos = count(number, *length).and_then(|n| nanos.checked_add(n)).ok_or_else(wrong)?;
        rest = tail;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_nanos(nanos)) }
}

/// Writes a duration the way a user would: `1h30m`, `90s` as `1m30s`, without units that are zero. Below a second: `250ms`.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match duration.as_millis() {
            0 => "0s".into(),
            millis => format!("{millis}ms"),
        };
    }
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

/// A duration longer than zero. A rule for attributes.
pub fn is_timeout(text: &str) -> Result<(), String> {
    match parse(text)? {
        Duration::ZERO => Err("It must be greater than zero, such as \"10m\".".into()),
        _ => Ok(()),
    }
}

/// `number` units of `length` nanoseconds; the number may have a fraction.
fn count(number: &str, length: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut nanos = whole.checked_mul(length)?;
    let mut unit = length;
    for digit in fraction.bytes() {
        unit /= 10;
        nanos = nanos.checked_add(u64::from(digit - b'0') * unit)?;
    }
    Some(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        let seconds = |text: &str| parse(text).unwrap().as_secs_f64();
        assert_eq!(["10m", "1h30m", "90s", "1.5h", ".5s", "0", "2h0m1s"].map(seconds), [600.0, 5400.0, 90.0, 5400.0, 0.5, 0.0, 7201.0]);
        assert_eq!(parse("250ms1us"), Ok(Duration::from_micros(250_001)));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "10", "m", "-5m", "1x", "1..5s", "5 m", ".s", "99999999999999h", "1h-"] {
            assert!(parse(text).unwrap_err().contains("10m"), "{text}");
        }
        assert!(is_timeout("0s").is_err() && is_timeout("1s").is_ok());
    }

    #[test]
    fn durations_are_written_without_empty_units() {
        let text = |seconds| format(Duration::from_secs(seconds));
        assert_eq!([600, 5400, 90, 7201, 0, 3600].map(text), ["10m", "1h30m", "1m30s", "2h1s", "0s", "1h"]);
        assert_eq!(format(Duration::from_millis(250)), "250ms");
    }

    #[test]
    fn what_is_written_reads_back() {
        for seconds in (1..100_000).step_by(37) {
            let duration = Duration::from_secs(seconds);
            assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
