//! What has to be done to an object's tags: an object of this resource has exactly the wanted ones, to a foreign object they are added.

use std::collections::BTreeSet;

use super::ownership::{Ownership, digest};
use crate::engine::{Added, Entry, Observed, Origin, Owner, Reconcile, Tags};
use crate::schema::placeholder;

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

    /// This change and another one, of other keys.
    pub fn and(mut self, other: Change) -> Self {
        self.set.extend(other.set);
        self.unset.extend(other.unset);
        self
    }
}

/// When two keys are the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Exact,
    /// On IAM roles and users: a key keeps the case that was written last (IAM user guide, "Tags for IAM resources").
    IgnoringCase,
}

impl Keys {
    fn are_same(self, a: &str, b: &str) -> bool {
        a == b || self == Keys::IgnoringCase && a.to_lowercase() == b.to_lowercase()
    }

    /// The tag of that key.
    fn find<'a>(self, tags: &'a Tags, key: &str) -> Option<(&'a String, &'a String)> {
        tags.get_key_value(key).or_else(|| tags.iter().find(|(k, _)| self.are_same(k, key)))
    }

    fn lists(self, added: &BTreeSet<Added>, key: &str) -> bool {
        added_keys(added).any(|added| self.are_same(added, key))
    }
}

/// Those of an object's tags that are this resource's: the wanted ones, and those that the ledger has. What others set beside them is
/// neither drift nor removed. All of them of an object that is in no ledger, or is not the one that the ledger has.
pub fn owned(keys: Keys, wanted: &Tags, seen: Tags, reconcile: &Reconcile, owner: &Owner) -> Tags {
    let is_of = |entry: &&Entry| !matches!(owner, Owner::Tagged { instance, .. } if !entry.is_of(instance.as_deref()));
    let Some(entry) = reconcile.entry.as_ref().filter(is_of) else { return seen };
    let none = Tags::new();
    let recorded = entry.tags.as_ref().unwrap_or(&none);
    seen.into_iter().filter(|(key, _)| keys.find(wanted, key).is_some() || keys.find(recorded, key).is_some()).collect()
}

/// What makes the tags exactly the wanted ones.
pub fn exclusive(keys: Keys, wanted: &Tags, seen: &Tags) -> Change {
    Change {
        set: wanted.iter().filter(|(k, v)| seen.get(*k) != Some(v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        unset: seen.keys().filter(|k| keys.find(wanted, k).is_none()).cloned().collect(),
    }
}

/// For an object of this resource, with the ownership tags that it lacks. What was imported keeps those that it has.
pub fn own(keys: Keys, ownership: &Ownership, reconcile: &Reconcile, instance: &str, wanted: &Tags, observed: &Observed) -> Change {
    let mut change = exclusive(keys, wanted, observed.tags.as_ref().unwrap_or(&Tags::new()));
    if reconcile.origin == Origin::Created && observed.owner != ownership.owner(instance) {
        change.set.extend(ownership.tags(instance));
    }
    change
}

/// The tag with which a composite lists, on a foreign object, the keys of the tags that it added there: what a killed run added is known
/// by it. Digests, since a tag's value holds less than all keys may have.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    key: String,
    value: Option<String>,
}

impl Mark {
    const KEY: &str = "xeks:tags:";
    const DIGITS: usize = 6;
    /// A tag's value has at most 256 characters (IAM and EKS, Tag); an object at most 50 tags.
    const MAX: usize = 256 / Self::DIGITS;

    pub fn of(ownership: &Ownership, all: &Tags) -> Self {
        let key = format!("{}{}", Self::KEY, ownership.connection());
        Mark { value: all.get(&key).cloned(), key }
    }

    fn digest(key: &str) -> String {
        digest(key)[..Self::DIGITS].to_owned()
    }

    fn lists(&self, key: &str) -> bool {
        let digest = Self::digest(key);
        self.value.iter().any(|value| value.as_bytes().chunks(Self::DIGITS).any(|listed| listed == digest.as_bytes()))
    }

    /// What makes it list these keys.
    fn change<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Change {
        let value = keys.take(Self::MAX).map(Self::digest).collect::<String>();
        let is_listed = self.value.as_deref().unwrap_or_default() == value;
        match value.is_empty() {
            _ if is_listed => Change::default(),
            true => Change { set: Tags::new(), unset: vec![self.key.clone()] },
            false => Change { set: Tags::from([(self.key.clone(), value)]), unset: Vec::new() },
        }
    }
}

/// The tags of a foreign object as far as they are this resource's: missing ones are added, those that this resource added before and no
/// longer wants are removed, and what others set is kept.
pub struct Additions<'a> {
    pub keys: Keys,
    pub wanted: &'a Tags,
    pub seen: &'a Tags,
    pub mark: &'a Mark,
    /// What the ledger says was added.
    pub recorded: &'a BTreeSet<Added>,
}

impl Additions<'_> {
    /// With the tags that the mark lists.
    fn added(&self) -> BTreeSet<Added> {
        let marked = self.seen.keys().filter(|key| self.mark.lists(key)).cloned().map(Added::Tag);
        self.recorded.iter().cloned().chain(marked).collect()
    }

    fn visible_change(&self) -> Change {
        let added = self.added();
        let is_due = |key: &str, value: &str| match self.keys.find(self.seen, key) {
            None => true,
            Some((k, v)) => (k != key || v != value) && self.keys.lists(&added, k),
        };
        Change {
            set: self.wanted.iter().filter(|(k, v)| is_due(k, v)).map(|(k, v)| (k.clone(), v.clone())).collect(),
            unset: self.seen.keys().filter(|k| self.keys.lists(&added, k) && self.keys.find(self.wanted, k).is_none()).cloned().collect(),
        }
    }

    /// What has to be done, the mark included.
    pub fn change(&self) -> Change {
        self.visible_change().and(self.mark.change(added_keys(&self.after())))
    }

    /// What the entry of the object shows: the wanted tags that exist, as wanted where others set them, and what this resource added before.
    pub fn shown(&self) -> Tags {
        let added = self.added();
        let shown = |(key, value): (&String, &String)| match (self.keys.find(self.wanted, key), self.keys.lists(&added, key)) {
            (Some((key, wanted)), false) => Some((key.clone(), wanted.clone())),
            (Some(_), true) | (None, true) => Some((key.clone(), value.clone())),
            (None, false) => None,
        };
        self.seen.iter().filter_map(shown).collect()
    }

    /// What the entry says was added, once the change is made.
    pub fn after(&self) -> BTreeSet<Added> {
        let change = self.visible_change();
        let is_gone = |key: &str| change.unset.iter().any(|k| k == key) || change.set.keys().any(|k| self.keys.are_same(k, key));
        let mut after = self.added();
        after.retain(|added| !matches!(added, Added::Tag(key) if is_gone(key) || self.keys.find(self.seen, key).is_none()));
        after.extend(change.set.keys().cloned().map(Added::Tag));
        after
    }
}

/// The keys of the tags that an entry says were added.
pub fn added_keys(added: &BTreeSet<Added>) -> impl Iterator<Item = &str> {
    added.iter().filter_map(|added| match added {
        Added::Tag(key) => Some(key.as_str()),
        _ => None,
    })
}

/// Tags of an object in no ledger that a create with the wanted ones would not have written, or has not, as a message lists them. Values
/// that are unknown are not compared.
pub fn unexpected(keys: Keys, wanted: &Tags, seen: &Tags) -> Vec<String> {
    let mut change = exclusive(keys, wanted, seen);
    change.set.retain(|key, value| !placeholder::is_in(value) && !placeholder::is_in(key));
    let open = wanted.keys().any(|key| placeholder::is_in(key));
    let extra = change.unset.iter().filter(|_| !open).map(|key| format!("tag {key:?}"));
    let missing = change.set.keys().map(|key| match keys.find(seen, key) {
        Some((_, value)) => format!("value {value:?} of tag {key:?}"),
        None => format!("no tag {key:?}"),
    });
    extra.chain(missing).collect()
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
    use crate::engine::found;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn added(keys: &[&str]) -> BTreeSet<Added> {
        keys.iter().map(|key| Added::Tag((*key).to_owned())).collect()
    }

    #[test]
    fn what_others_tag_on_an_object_of_this_resource_is_theirs() {
        let (wanted, seen) = (tags(&[("a", "1")]), tags(&[("a", "x"), ("before", "2"), ("theirs", "3")]));
        let entry =
            Entry { tags: Some(tags(&[("a", "1"), ("before", "2")])), instance: Some("i1".into()), ..found("1", None, Origin::Created) };
        let reconcile = Reconcile { entry: Some(entry), ..Reconcile::unrecorded(Origin::Created) };
        let of = |instance: &str| Ownership::new(&["mine"]).owner(instance);
        assert_eq!(owned(Keys::Exact, &wanted, seen.clone(), &reconcile, &of("i1")), tags(&[("a", "x"), ("before", "2")]));
        assert_eq!(owned(Keys::Exact, &wanted, seen.clone(), &reconcile, &of("i2")), seen, "another object under its name");
        assert_eq!(owned(Keys::Exact, &wanted, seen.clone(), &Reconcile::unrecorded(Origin::Created), &of("i1")), seen);
    }

    #[test]
    fn an_object_of_this_resource_has_exactly_the_wanted_tags() {
        let change = exclusive(Keys::Exact, &tags(&[("a", "1"), ("b", "2"), ("c", "3")]), &tags(&[("a", "1"), ("b", "x"), ("d", "4")]));
        assert_eq!(change, Change { set: tags(&[("b", "2"), ("c", "3")]), unset: vec!["d".into()] });
        assert!(exclusive(Keys::Exact, &tags(&[("a", "1")]), &tags(&[("a", "1")])).is_none());
    }

    /// Change, what is shown and what was added after it, on a foreign object.
    fn foreign(keys: Keys, wanted: &Tags, seen: &Tags, recorded: &BTreeSet<Added>, mark: &Mark) -> (Change, Tags, BTreeSet<Added>) {
        let additions = Additions { keys, wanted, seen, mark, recorded };
        (additions.visible_change(), additions.shown(), additions.after())
    }

    #[test]
    fn tags_that_others_set_are_never_rewritten_and_count() {
        let (wanted, seen) = (tags(&[("a", "1"), ("b", "2")]), tags(&[("a", "theirs"), ("z", "theirs")]));
        let (change, shown, after) = foreign(Keys::Exact, &wanted, &seen, &added(&[]), &Mark::default());
        assert_eq!(change, Change { set: tags(&[("b", "2")]), unset: vec![] });
        assert_eq!((shown, after), (tags(&[("a", "1")]), added(&["b"])));
    }

    #[test]
    fn tags_that_this_resource_added_are_corrected_and_removed_again() {
        let (seen, ours) = (tags(&[("a", "drifted"), ("b", "2"), ("z", "theirs")]), added(&["a", "b"]));
        let (change, shown, after) = foreign(Keys::Exact, &tags(&[("a", "1")]), &seen, &ours, &Mark::default());
        assert_eq!(change, Change { set: tags(&[("a", "1")]), unset: vec!["b".into()] });
        assert_eq!((shown, after), (tags(&[("a", "drifted"), ("b", "2")]), added(&["a"])));
    }

    #[test]
    fn what_a_killed_run_added_is_known_by_the_mark_and_removed() {
        let ownership = Ownership::new(&["mine"]);
        let (wanted, none) = (tags(&[("a", "1"), ("b", "2")]), BTreeSet::new());
        let first = Additions {
            keys: Keys::Exact,
            wanted: &wanted,
            seen: &Tags::new(),
            mark: &Mark::of(&ownership, &Tags::new()),
            recorded: &none,
        };
        let all = first.change().set;
        assert_eq!(all.len(), 3, "one mark for both");
        let (mark, seen) = (Mark::of(&ownership, &all), &wanted);
        let left = Additions { keys: Keys::Exact, wanted: &Tags::new(), seen, mark: &mark, recorded: &none };
        assert_eq!(left.change().unset.len(), 3);
        assert!(left.after().is_empty() && left.shown() == wanted);
        let kept = Additions { keys: Keys::Exact, wanted: &wanted, seen, mark: &mark, recorded: &none };
        assert!(kept.change().is_none());
        let others = Mark::of(&Ownership::new(&["theirs"]), &all);
        assert!(Additions { keys: Keys::Exact, wanted: &Tags::new(), seen, mark: &others, recorded: &none }.change().is_none());
    }

    #[test]
    fn a_tag_that_no_create_would_have_written_is_listed_and_an_unknown_one_is_not() {
        let (wanted, seen) = (tags(&[("a", "1"), ("b", "2"), ("c", "3")]), tags(&[("a", "1"), ("b", "x"), ("d", "4")]));
        assert_eq!(unexpected(Keys::Exact, &wanted, &seen), ["tag \"d\"", "value \"x\" of tag \"b\"", "no tag \"c\""]);
        let open = Tags::from([("b".to_owned(), placeholder::unknown())]);
        assert_eq!(unexpected(Keys::Exact, &open, &tags(&[("b", "x")])), [""; 0]);
    }

    #[test]
    fn on_a_role_keys_that_differ_in_case_only_are_one_key() {
        let (wanted, seen) = (tags(&[("Owner", "x")]), tags(&[("owner", "x")]));
        let new_case = Change { set: wanted.clone(), unset: vec![] };
        assert_eq!(exclusive(Keys::IgnoringCase, &wanted, &seen), new_case);
        assert_eq!(exclusive(Keys::Exact, &wanted, &seen), Change { set: wanted.clone(), unset: vec!["owner".into()] });
        // On a foreign role, the key of others is kept as they wrote it, and one that this resource added gets the new case.
        let (change, shown, _) = foreign(Keys::IgnoringCase, &wanted, &seen, &added(&[]), &Mark::default());
        assert!(change.is_none() && shown == wanted);
        let (change, _, after) = foreign(Keys::IgnoringCase, &wanted, &seen, &added(&["owner"]), &Mark::default());
        assert_eq!((change, after), (new_case, added(&["Owner"])));
    }

    #[test]
    fn a_take_over_writes_the_ownership_tags_and_an_import_does_not() {
        let ownership = Ownership::new(&["mine"]);
        let observed = Observed { tags: Some(Tags::new()), owner: ownership.owner("old"), ..Observed::attached(false) };
        let change = |origin| own(Keys::Exact, &ownership, &Reconcile::unrecorded(origin), "new", &Tags::new(), &observed);
        assert_eq!(change(Origin::Created).set, ownership.tags("new"));
        assert!(change(Origin::Imported).is_none());
    }
}
