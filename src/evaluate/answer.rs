//! The answer, and its words.

use std::fmt;

use super::request::Known;

/// What IAM decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Allowed(Grant),
    Denied(Denial),
    /// It can't be decided from what is known; why.
    Unknown(String),
}

/// The statement that allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Such as `statement "Allow" of the trust policy`.
    pub statement: String,
    pub to: Grantee,
}

/// Whom a statement of a policy on a resource names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// Its account: the caller's own policies must allow it as well.
    Account,
    Everyone,
    /// The user or role itself, the provider, or the service.
    Principal,
    /// The role's session.
    Session,
}

/// Why a request is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A Deny statement matches.
    Explicit { statement: String },
    /// No Allow statement matches: for each that there is, what does not, those that came nearest first.
    NoMatch { layer: String, near: Vec<NearMiss> },
}

/// An Allow statement that does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    pub statement: String,
    pub miss: Miss,
}

/// What of a statement does not match. In the order in which they are reported: a later one means that the earlier elements match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    Action {
        written: Vec<String>,
    },
    /// `stale` are those written that are the unique ids of principals that are gone.
    Principal {
        written: Vec<String>,
        stale: Vec<String>,
    },
    Resource {
        written: Vec<String>,
    },
    Condition {
        operator: String,
        key: String,
        wanted: Vec<String>,
        found: Known,
    },
}

impl Answer {
    pub fn is_allowed(&self) -> bool {
        matches!(self, Answer::Allowed(_))
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Answer::Unknown(_))
    }

    /// The Allow statement that came nearest to matching, where none did.
    pub fn nearest(&self) -> Option<&NearMiss> {
        match self {
            Answer::Denied(Denial::NoMatch { near, .. }) => near.first(),
            _ => None,
        }
    }
}

impl Miss {
    /// How far the statement got: more means nearer.
    pub(super) fn progress(&self) -> u8 {
        match self {
            Miss::Action { .. } => 0,
            Miss::Principal { stale, .. } if stale.is_empty() => 1,
            Miss::Principal { .. } => 2,
            Miss::Resource { .. } => 3,
            Miss::Condition { .. } => 4,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Allowed(grant) => write!(f, "{} allows it", grant.statement),
            Answer::Denied(denial) => denial.fmt(f),
            Answer::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denial::Explicit { statement } => write!(f, "{statement} denies it"),
            Denial::NoMatch { layer, near } => match near.first() {
                Some(nearest) => write!(f, "nothing in {layer} allows it: {nearest}"),
                None => write!(f, "nothing in {layer} allows anything"),
            },
        }
    }
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.statement)?;
        match &self.miss {
            Miss::Action { written } => write!(f, "is for {}", listed(written)),
            Miss::Principal { written, stale } if stale.is_empty() => write!(f, "is for the principal {}", listed(written)),
            Miss::Principal { stale, .. } => write!(f, "is for {}, the unique ID of a deleted principal", listed(stale)),
            Miss::Resource { written } => write!(f, "is for the resource {}", listed(written)),
            Miss::Condition { operator, key, wanted, found } => {
                write!(f, "requires {operator} {key} {}, but the request ", shown(key, wanted))?;
                match found {
                    Known::Values(values) => write!(f, "has {}", shown(key, values)),
                    Known::Absent => write!(f, "has no such key"),
                    Known::Unknown => write!(f, "may have any value"),
                }
            }
        }
    }
}

/// Values of a condition's key, for people. An external ID is masked: the reader of an explanation need not know it.
pub fn shown(key: &str, values: &[String]) -> String {
    if key.eq_ignore_ascii_case("sts:ExternalId") && !values.is_empty() { "(an external ID)".to_owned() } else { listed(values) }
}

/// At most a few of them: an answer is read by people.
fn listed(values: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = values.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" or ");
    if values.len() > SHOWN {
        text.push_str(&format!(" or {} more", values.len() - SHOWN));
    }
    if values.is_empty() { "nothing".to_owned() } else { text }
}
