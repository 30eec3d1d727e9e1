//! The name of an object: which account it lives in, what kind of object it is, and what it is called.

use std::fmt;

use crate::aws::Side;

/// The key of an object in the ledger, written `account/kind/name`; the name may hold slashes itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub side: Side,
    pub kind: String,
    pub name: String,
}

impl Key {
    pub fn new(side: Side, kind: impl Into<String>, name: impl Into<String>) -> Self {
        Key { side, kind: kind.into(), name: name.into() }
    }

    /// Reads `account/kind/name`. `None` where it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let side = Side::parse(parts.next()?)?;
        let (kind, name) = (parts.next()?, parts.next()?);
        (!kind.is_empty() && !name.is_empty()).then(|| Key::new(side, kind, name))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.side, self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        let key = Key::new(Side::Workload, "iam_role_policy", "role/with/policy");
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        for text in ["", "cluster", "cluster/iam_role", "other/iam_role/x", "cluster//x", "cluster/iam_role/"] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
