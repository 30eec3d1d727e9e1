//! What has to be done to an object's tags: an object of this resource has exactly the wanted ones, to a foreign object they are added.

use std::collections::BTreeSet;

use super::ownership::Ownership;
use crate::engine::{Added, Observed, Origin, Reconcile, Tags};

/// Tags to set, and keys to remove.
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

/// For an object that is this resource's alone. `seen` is without the tags that it neither sets nor looks at.
pub fn exclusive(wanted: &Tags, seen: &Tags) -> Change {
    Change {
        set: wanted.iter().filter(|(k, v)| seen.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        unset: seen.keys().filter(|k| !wanted.contains_key(*k)).cloned().collect(),
    }
}

/// For an object of this resource, with the ownership tags that it lacks. What was imported keeps those that it has.
pub fn own(ownership: &Ownership, reconcile: &Reconcile, instance: &str, wanted: &Tags, observed: &Observed) -> Change {
    let mut change = exclusive(wanted, observed.tags.as_ref().unwrap_or(&Tags::new()));
    if reconcile.origin == Origin::Created && observed.owner != ownership.owner(instance) {
        change.set.extend(ownership.tags(instance));
    }
    change
}

/// For a foreign object: missing tags are added, tags that this resource added before and no longer wants are removed, and what others
/// set is kept.
pub fn additive(wanted: &Tags, seen: &Tags, added: &BTreeSet<Added>) -> Change {
    let is_ours = |key: &str| added.contains(&Added::Tag(key.to_owned()));
    Change {
        set: wanted
            .iter()
            .filter(|(k, v)| seen.get(*k).is_none_or(|s| s != *v && is_ours(k)))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        unset: added_keys(added).filter(|k| seen.contains_key(*k) && !wanted.contains_key(*k)).map(str::to_owned).collect(),
    }
}

/// What the entry of an adopted object shows: the wanted tags that exist, as wanted where others set them, and what this resource added
/// before.
pub fn shown(wanted: &Tags, seen: &Tags, added: &BTreeSet<Added>) -> Tags {
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
pub fn added_after(added: &BTreeSet<Added>, change: &Change) -> BTreeSet<Added> {
    let mut after = added.clone();
    after.retain(|added| !matches!(added, Added::Tag(key) if change.unset.contains(key)));
    after.extend(change.set.keys().cloned().map(Added::Tag));
    after
}

/// The keys of the tags that an entry says were added.
pub fn added_keys(added: &BTreeSet<Added>) -> impl Iterator<Item = &str> {
    added.iter().filter_map(|added| match added {
        Added::Tag(key) => Some(key.as_str()),
        _ => None,
    })
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

    fn added(keys: &[&str]) -> BTreeSet<Added> {
        keys.iter().map(|key| Added::Tag((*key).to_owned())).collect()
    }

    #[test]
    fn an_object_of_this_resource_has_exactly_the_wanted_tags() {
        let change = exclusive(&tags(&[("a", "1"), ("b", "2"), ("c", "3")]), &tags(&[("a", "1"), ("b", "x"), ("d", "4")]));
        assert_eq!(change, Change { set: tags(&[("b", "2"), ("c", "3")]), unset: vec!["d".into()] });
        assert!(exclusive(&tags(&[("a", "1")]), &tags(&[("a", "1")])).is_none());
    }

    #[test]
    fn tags_that_others_set_are_never_rewritten_and_count() {
        let (wanted, seen) = (tags(&[("a", "1"), ("b", "2")]), tags(&[("a", "theirs"), ("z", "theirs")]));
        let change = additive(&wanted, &seen, &added(&[]));
        assert_eq!(change, Change { set: tags(&[("b", "2")]), unset: vec![] });
        assert_eq!(added_after(&added(&[]), &change), added(&["b"]));
        assert_eq!(shown(&wanted, &seen, &added(&[])), tags(&[("a", "1")]));
    }

    #[test]
    fn tags_that_this_resource_added_are_corrected_and_removed_again() {
        let (seen, ours) = (tags(&[("a", "drifted"), ("b", "2"), ("z", "theirs")]), added(&["a", "b"]));
        let change = additive(&tags(&[("a", "1")]), &seen, &ours);
        assert_eq!(change, Change { set: tags(&[("a", "1")]), unset: vec!["b".into()] });
        assert_eq!(added_after(&ours, &change), added(&["a"]));
        assert_eq!(shown(&tags(&[("a", "1")]), &seen, &ours), tags(&[("a", "drifted"), ("b", "2")]));
    }

    #[test]
    fn a_take_over_writes_the_ownership_tags_and_an_import_does_not() {
        let ownership = Ownership::new(&["mine"]);
        let observed = Observed { tags: Some(Tags::new()), owner: ownership.owner("old"), ..Observed::attached(false) };
        let change = |origin| own(&ownership, &Reconcile::unrecorded(origin), "new", &Tags::new(), &observed);
        assert_eq!(change(Origin::Created).set, ownership.tags("new"));
        assert!(change(Origin::Imported).is_none());
    }
}
