//! How one value of the request compares with one value of a condition, operator by operator.
//!
//! IAM user guide, "IAM JSON policy elements: Condition operators".

use std::cmp::Ordering;
use std::net::IpAddr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::pattern::Pattern;
use super::request::Context;
use super::tri::Tri;

/// An operator without its negation, its set prefix and its IfExists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    String,
    StringIgnoreCase,
    StringLike,
    /// ArnEquals and ArnLike, which behave the same.
    Arn,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    IpAddress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The comparison of an operator such as `StringNotLike`, and whether it is negated. Operators are compared without regard to case.
    pub fn of(operator: &str) -> Option<(Self, bool)> {
        let found = match operator.to_ascii_lowercase().as_str() {
            "stringequals" => (Comparison::String, false),
            "stringnotequals" => (Comparison::String, true),
            "stringequalsignorecase" => (Comparison::StringIgnoreCase, false),
            "stringnotequalsignorecase" => (Comparison::StringIgnoreCase, true),
            "stringlike" => (Comparison::StringLike, false),
            "stringnotlike" => (Comparison::StringLike, true),
            "arnequals" | "arnlike" => (Comparison::Arn, false),
            "arnnotequals" | "arnnotlike" => (Comparison::Arn, true),
            "bool" => (Comparison::Bool, false),
            "binaryequals" => (Comparison::Binary, false),
            "ipaddress" => (Comparison::IpAddress, false),
            "notipaddress" => (Comparison::IpAddress, true),
            other => {
                let (order, negated) = order(other.strip_prefix("numeric").or_else(|| other.strip_prefix("date"))?)?;
                (if other.starts_with("numeric") { Comparison::Numeric(order) } else { Comparison::Date(order) }, negated)
            }
        };
        Some(found)
    }

    /// `context` is given where variables are to be replaced: strings and ARNs may hold some.
    pub fn compare(self, found: &str, wanted: &str, context: Option<&Context>) -> Tri {
        match self {
            Comparison::String => Pattern::plain(wanted, context).matches(found),
            Comparison::StringIgnoreCase => Pattern::plain(wanted, context).matches_ignoring_case(found),
            Comparison::StringLike => Pattern::wild(wanted, context).matches(found),
            Comparison::Arn => arn(found, &Pattern::wild(wanted, context), wanted),
            Comparison::Numeric(order) => ordered(number(found), number(wanted), order, wanted),
            Comparison::Date(order) => ordered(date(found), date(wanted), order, wanted),
            Comparison::Bool => found.eq_ignore_ascii_case(wanted).into(),
            Comparison::Binary => (found == wanted).into(),
            Comparison::IpAddress => address(found, wanted),
        }
    }
}

fn order(word: &str) -> Option<(Order, bool)> {
    Some(match word {
        "equals" => (Order::Equal, false),
        "notequals" => (Order::Equal, true),
        "lessthan" => (Order::Less, false),
        "lessthanequals" => (Order::LessOrEqual, false),
        "greaterthan" => (Order::Greater, false),
        "greaterthanequals" => (Order::GreaterOrEqual, false),
        _ => return None,
    })
}

/// Each of the six parts is compared by itself: a `*` reaches no further than its part.
fn arn(found: &str, pattern: &Pattern, wanted: &str) -> Tri {
    let parts: Vec<&str> = found.splitn(6, ':').collect();
    if parts.len() != 6 || parts[0] != "arn" {
        return Tri::No;
    }
    match pattern.segments(6) {
        Some(wanted) => Tri::all(wanted.iter().zip(parts).map(|(pattern, part)| pattern.matches(part))),
        None => Tri::Unknown(format!("{wanted} is not an ARN, and AWS does not document how ARN operators treat it")),
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|n| n.is_finite())
}

/// W3C's profile of ISO 8601, or seconds since 1970.
fn date(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>()
        && text.len() != 4
    {
        return OffsetDateTime::from_unix_timestamp(seconds).ok();
    }
    let whole = match text.len() {
        4 => format!("{text}-01-01T00:00:00Z"),
        7 => format!("{text}-01T00:00:00Z"),
        10 => format!("{text}T00:00:00Z"),
        17 if text.ends_with('Z') => format!("{}:00Z", &text[..16]),
        _ => text.to_owned(),
    };
    OffsetDateTime::parse(&whole, &Rfc3339).ok()
}

fn ordered<T: PartialOrd>(found: Option<T>, wanted: Option<T>, order: Order, text: &str) -> Tri {
    let (Some(found), Some(wanted)) = (found, wanted) else {
        return Tri::Unknown(format!("{text} and the value in the request can't be compared as numbers or dates"));
    };
    let is = found.partial_cmp(&wanted);
    match order {
        Order::Equal => is == Some(Ordering::Equal),
        Order::Less => is == Some(Ordering::Less),
        Order::LessOrEqual => matches!(is, Some(Ordering::Less | Ordering::Equal)),
        Order::Greater => is == Some(Ordering::Greater),
        Order::GreaterOrEqual => matches!(is, Some(Ordering::Greater | Ordering::Equal)),
    }
    .into()
}

/// An address within a range in CIDR form; a range without a length is one address.
fn address(found: &str, wanted: &str) -> Tri {
    let (base, length) = match wanted.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (wanted, Some(u32::MAX)),
    };
    match (found.parse::<IpAddr>(), base.parse::<IpAddr>(), length) {
        (Ok(IpAddr::V4(found)), Ok(IpAddr::V4(base)), Some(length)) => {
            let shift = 32 - length.min(32);
            ((u32::from(found) as u64) >> shift == (u32::from(base) as u64) >> shift).into()
        }
        (Ok(IpAddr::V6(found)), Ok(IpAddr::V6(base)), Some(length)) => {
            let shift = 128 - length.min(128);
            let top = |address: std::net::Ipv6Addr| u128::from(address).checked_shr(shift).unwrap_or(0);
            (top(found) == top(base)).into()
        }
        (Ok(_), Ok(_), Some(_)) => Tri::No,
        _ => Tri::Unknown(format!("{wanted} and the value in the request can't be compared as addresses")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(operator: &str, found: &str, wanted: &str) -> Tri {
        Comparison::of(operator).unwrap().0.compare(found, wanted, Some(&Context::default()))
    }

    #[test]
    fn strings_compare_by_case_and_only_like_knows_wildcards() {
        assert_eq!(is("StringEquals", "a", "a"), Tri::Yes);
        assert_eq!(is("StringEquals", "A", "a"), Tri::No);
        assert_eq!(is("StringEquals", "abc", "a*"), Tri::No);
        assert_eq!(is("StringEqualsIgnoreCase", "A", "a"), Tri::Yes);
        assert_eq!(is("StringLike", "abc", "a*"), Tri::Yes);
        assert_eq!(is("StringLike", "Abc", "a*"), Tri::No);
    }

    #[test]
    fn arns_compare_part_by_part() {
        let role = "arn:aws:iam::185863138492:role/teams/app";
        assert_eq!(is("ArnEquals", role, "arn:aws:iam::185863138492:role/*"), Tri::Yes);
        assert_eq!(is("ArnLike", role, "arn:aws:iam::*:role/teams/ap?"), Tri::Yes);
        assert_eq!(is("ArnLike", role, "arn:aws:iam::185863138492:user/*"), Tri::No);
        assert_eq!(is("ArnLike", "system:serviceaccount:a:b", "arn:aws:iam::1:role/*"), Tri::No);
        assert!(matches!(is("ArnLike", role, "*"), Tri::Unknown(_)));
    }

    #[test]
    fn numbers_and_dates_are_ordered() {
        assert_eq!(is("NumericLessThan", "9", "10"), Tri::Yes);
        assert_eq!(is("NumericGreaterThanEquals", "10", "10.0"), Tri::Yes);
        assert_eq!(is("NumericEquals", "9", "10"), Tri::No);
        assert!(matches!(is("NumericEquals", "x", "10"), Tri::Unknown(_)));
        assert_eq!(is("DateLessThan", "2026-01-01T00:00:00Z", "2026-06-30"), Tri::Yes);
        assert_eq!(is("DateGreaterThan", "1767225600", "2026-01-01T00:00:00Z"), Tri::No);
        assert_eq!(is("DateEquals", "1767225600", "2026-01-01T01:00:00+01:00"), Tri::Yes);
    }

    #[test]
    fn addresses_lie_in_ranges_of_their_own_family() {
        assert_eq!(is("IpAddress", "203.0.113.9", "203.0.113.0/24"), Tri::Yes);
        assert_eq!(is("IpAddress", "203.0.114.9", "203.0.113.0/24"), Tri::No);
        assert_eq!(is("IpAddress", "203.0.113.9", "203.0.113.9"), Tri::Yes);
        assert_eq!(is("IpAddress", "203.0.113.9", "0.0.0.0/0"), Tri::Yes);
        assert_eq!(is("IpAddress", "2001:db8::1", "2001:db8::/32"), Tri::Yes);
        assert_eq!(is("IpAddress", "2001:db8::1", "::/0"), Tri::Yes);
        assert_eq!(is("IpAddress", "203.0.113.9", "2001:db8::/32"), Tri::No);
    }

    #[test]
    fn an_unsupported_operator_is_none() {
        assert_eq!(Comparison::of("StringMatches"), None);
        assert_eq!(Comparison::of("stringNOTlike"), Some((Comparison::StringLike, true)));
        assert_eq!(Comparison::of("DateNotEquals"), Some((Comparison::Date(Order::Equal), true)));
    }
}
