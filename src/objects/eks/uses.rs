//! Which resources use the access policies of a foreign access entry, noted in tags of the entry.
//!
//! An association has no tags of its own. Several connections may want the same policy on one entry, and the one that associated it may be
//! the first to leave: each notes which policies it uses, and the last one that leaves disassociates. What is on the entry before any of
//! them is not noted, and stays.
//!
//! A note is one or more tags `xeks:policies:CONNECTION:N` with the instance and names of policies, separated by spaces. Works on tags alone and
//! calls nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Entry, Tags};
use crate::objects::tags::{self, Change, Keys};

const KEY: &str = "xeks:policies:";
/// A tag's value has at most 256 characters (EKS, Tag).
const MAX_VALUE: usize = 256;

/// What one connection has noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Which create of the connection: another one of the same connection may have taken the note over.
    pub instance: String,
    /// Names of access policies.
    pub policies: BTreeSet<String>,
}

impl Use {
    /// Whether the create that the entry is of noted it. An entry of an old state may not say which create that was.
    pub fn is_of(&self, entry: &Entry) -> bool {
        entry.instance.is_none() || entry.is_of(Some(&self.instance))
    }

    /// The tags that say so; none where no policy is used.
    fn tags(&self, connection: &str) -> Tags {
        let mut values: Vec<String> = Vec::new();
        for policy in &self.policies {
            match values.last_mut() {
                Some(value) if value.len() + 1 + policy.len() <= MAX_VALUE => *value = format!("{value} {policy}"),
                _ => values.push(format!("{} {policy}", self.instance)),
            }
        }
        values.into_iter().enumerate().map(|(n, value)| (format!("{KEY}{connection}:{n}"), value)).collect()
    }
}

/// The notes of an entry, by connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses(BTreeMap<String, Use>);

impl Uses {
    pub fn of<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let mut uses = BTreeMap::<String, Use>::new();
        for (key, value) in tags {
            let Some((connection, _)) = key.strip_prefix(KEY).and_then(|rest| rest.split_once(':')) else { continue };
            let mut words = value.split(' ').map(str::to_owned);
            let noted = uses.entry(connection.to_owned()).or_default();
            noted.instance = words.next().unwrap_or_default();
            noted.policies.extend(words);
        }
        Uses(uses)
    }

    pub fn by(&self, connection: &str) -> Option<&Use> {
        self.0.get(connection)
    }

    /// Whether a connection other than this one uses the policy.
    pub fn others_use(&self, connection: &str, policy: &str) -> bool {
        self.0.iter().any(|(other, noted)| other != connection && noted.policies.contains(policy))
    }

    /// What makes the note of the connection this one.
    pub fn change(&self, connection: &str, wanted: &Use) -> Change {
        let (before, after) = (self.by(connection).map(|noted| noted.tags(connection)).unwrap_or_default(), wanted.tags(connection));
        tags::exclusive(Keys::Exact, &after, &before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(instance: &str, policies: &[&str]) -> Use {
        Use { instance: instance.into(), policies: policies.iter().map(|p| (*p).to_owned()).collect() }
    }

    #[test]
    fn a_policy_is_used_by_others_until_the_last_of_them_leaves() {
        let mut tags = noted("i1", &["View", "Edit"]).tags("a");
        tags.extend(noted("i2", &["View"]).tags("b"));
        let uses = Uses::of(&tags);
        assert_eq!(uses.by("a"), Some(&noted("i1", &["View", "Edit"])));
        assert!(uses.others_use("a", "View") && !uses.others_use("a", "Edit") && uses.others_use("c", "Edit"));
        let gone = Change { set: Tags::new(), unset: vec!["xeks:policies:a:0".to_owned()] };
        assert_eq!(uses.change("a", &Use::default()), gone);
        assert!(uses.change("b", &noted("i2", &["View"])).is_none());
    }

    #[test]
    fn many_policies_take_several_tags_of_allowed_length() {
        let names: Vec<String> = (0..40).map(|n| format!("AmazonEKSVeryLongAccessPolicyName{n}")).collect();
        let all = noted("0123456789abcdef", &names.iter().map(String::as_str).collect::<Vec<_>>());
        let tags = all.tags("0a1b2c3d4e5f");
        assert!(tags.len() > 1 && tags.values().all(|value| value.len() <= MAX_VALUE) && tags.keys().all(|key| key.len() <= 128));
        assert_eq!(Uses::of(&tags).by("0a1b2c3d4e5f"), Some(&all));
    }
}
