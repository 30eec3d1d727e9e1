//! What has to be done to an object's tags: on our own they are exactly the wanted ones, to others' ours are added.

use std::collections::BTreeSet;

use super::ownership::Ownership;
use crate::engine::{Observed, Origin, Owner, Reconcile, Tags};

/// Prefix of what an adopted object's entry says was added to it.
const ADDED: &str = "tag:";

/// Tags to set and keys to take off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub set: Tags,
    pub unset: Vec<String>,
}

impl Change {
    pub fn is_none(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}

/// For an object that is ours alone. `seen` is without the tags that are none of our business.
pub fn exclusive(wanted: &Tags, seen: &Tags) -> Change {
    Change {
        set: wanted.iter().filter(|(k, v)| seen.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        unset: seen.keys().filter(|k| !wanted.contains_key(*k)).cloned().collect(),
    }
}

/// For an object of ours, with the ownership tags that it lacks. What was imported keeps those that it has.
pub fn own(ownership: &Ownership, reconcile: &Reconcile, wanted: &Tags, observed: &Observed) -> Change {
    let mut change = exclusive(wanted, observed.tags.as_ref().unwrap_or(&Tags::new()));
    let ours = Owner::Tagged { resource: Some(ownership.resource.clone()), instance: Some(reconcile.instance.clone()) };
    if reconcile.origin == Origin::Created && observed.owner != ours {
        change.set.extend(ownership.tags(&reconcile.instance));
    }
    change
}

/// For an object of somebody else: what is missing is added, what we added before and want no more is taken off, what others
/// set is left.
pub fn additive(wanted: &Tags, seen: &Tags, added: &BTreeSet<String>) -> Change {
    let is_ours = |key: &str| added.contains(&format!("{ADDED}{key}"));
    Change {
        set: wanted
            .iter()
            .filter(|(k, v)| seen.get(*k).is_none_or(|s| s != *v && is_ours(k)))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        unset: added_keys(added).filter(|k| seen.contains_key(*k) && !wanted.contains_key(*k)).map(str::to_owned).collect(),
    }
}

/// What an adopted object's entry shows: the wanted tags that are there, as wanted where others set them, and what is left of ours.
pub fn shown(wanted: &Tags, seen: &Tags, added: &BTreeSet<String>) -> Tags {
    let ours: BTreeSet<&str> = added_keys(added).collect();
    seen.iter()
        .filter_map(|(k, v)| match wanted.get(k) {
            Some(want) if !ours.contains(k.as_str()) => Some((k.clone(), want.clone())),
            Some(_) => Some((k.clone(), v.clone())),
            None => ours.contains(k.as_str()).then(|| (k.clone(), v.clone())),
        })
        .collect()
}

/// What the entry says was added, after a change.
pub fn added_after(added: &BTreeSet<String>, change: &Change) -> BTreeSet<String> {
    let mut after = added.clone();
    after.retain(|a| a.strip_prefix(ADDED).is_none_or(|k| !change.unset.iter().any(|u| u == k)));
    after.extend(change.set.keys().map(|k| format!("{ADDED}{k}")));
    after
}

/// The keys of the tags that an entry says were added.
pub fn added_keys(added: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    added.iter().filter_map(|a| a.strip_prefix(ADDED))
}

/// Tags as IAM's calls take them.
pub fn to_iam(tags: &Tags) -> Vec<aws_sdk_iam::types::Tag> {
    // Building one fails only without a key or a value.
    tags.iter().filter_map(|(k, v)| aws_sdk_iam::types::Tag::builder().key(k).value(v).build().ok()).collect()
}

/// Tags as IAM's calls give them.
pub fn from_iam(tags: &[aws_sdk_iam::types::Tag]) -> impl Iterator<Item = (String, String)> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn added(items: &[&str]) -> BTreeSet<String> {
        items.iter().map(|i| (*i).to_owned()).collect()
    }

    #[test]
    fn our_own_objects_have_exactly_the_wanted_tags() {
        let change = exclusive(&tags(&[("a", "1"), ("b", "2"), ("c", "3")]), &tags(&[("a", "1"), ("b", "x"), ("d", "4")]));
        assert_eq!(change, Change { set: tags(&[("b", "2"), ("c", "3")]), unset: vec!["d".into()] });
        assert!(exclusive(&tags(&[("a", "1")]), &tags(&[("a", "1")])).is_none());
    }

    #[test]
    fn tags_of_others_are_never_rewritten_and_count_as_there() {
        let (wanted, seen) = (tags(&[("a", "1"), ("b", "2")]), tags(&[("a", "theirs"), ("z", "theirs")]));
        let change = additive(&wanted, &seen, &added(&[]));
        assert_eq!(change, Change { set: tags(&[("b", "2")]), unset: vec![] });
        assert_eq!(added_after(&added(&[]), &change), added(&["tag:b"]));
        assert_eq!(shown(&wanted, &seen, &added(&[])), tags(&[("a", "1")]));
    }

    #[test]
    fn tags_that_we_added_are_kept_right_and_taken_off_again() {
        let (seen, ours) = (tags(&[("a", "drifted"), ("b", "2"), ("z", "theirs")]), added(&["tag:a", "tag:b"]));
        let change = additive(&tags(&[("a", "1")]), &seen, &ours);
        assert_eq!(change, Change { set: tags(&[("a", "1")]), unset: vec!["b".into()] });
        assert_eq!(added_after(&ours, &change), added(&["tag:a"]));
        assert_eq!(shown(&tags(&[("a", "1")]), &seen, &ours), tags(&[("a", "drifted"), ("b", "2")]));
    }

    #[test]
    fn a_take_over_stamps_and_an_import_does_not() {
        let ownership = Ownership::new(&["mine"]);
        let owner = Owner::Tagged { resource: Some("mine".into()), instance: Some("old".into()) };
        let facts = serde_json::Value::Null;
        let observed = Observed { arn: None, id: None, document: None, tags: Some(Tags::new()), owner, differs: false, facts };
        let mut reconcile =
            Reconcile { entry: None, origin: Origin::Created, instance: "new".into(), renewed: false, dependencies: Default::default() };
        assert_eq!(own(&ownership, &reconcile, &Tags::new(), &observed).set, ownership.tags("new"));
        reconcile.origin = Origin::Imported;
        assert!(own(&ownership, &reconcile, &Tags::new(), &observed).is_none());
    }
}
