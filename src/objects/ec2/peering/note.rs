//! The notes on a peering connection: tags that say what uses it. `xeks:use:INSTANCE` names the resource that uses the connection, and
//! `xeks:routes:INSTANCE:N` lists the routes and options on it that belong to that resource, as digests.
//!
//! Works on tags alone and calls nothing. Knows digests, not what they are of.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Reconcile, Tags};
use crate::objects::ownership;

/// Beginnings of the tags' keys.
pub const USER: &str = "xeks:use:";
const DIGESTS: &str = "xeks:routes:";
/// Hexadecimal digits of a digest, and how many digests fit a tag's value (EC2: 255 characters).
const DIGITS: usize = 6;
const PER_TAG: usize = 42;

/// What one instance has noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// What uses the connection, as the tag `xeks:resource` would say; `None` where nothing is noted.
    user: Option<String>,
    digests: BTreeSet<String>,
}

impl Note {
    pub fn new(user: &str, digests: impl IntoIterator<Item = String>) -> Self {
        Note { user: Some(user.to_owned()), digests: digests.into_iter().collect() }
    }

    pub fn of(tags: &Tags, instance: &str) -> Self {
        let beginning = format!("{DIGESTS}{instance}:");
        let values = tags.iter().filter(|(key, _)| key.starts_with(&beginning)).map(|(_, value)| value);
        let digests = values.flat_map(|value| value.as_bytes().chunks(DIGITS)).map(|digest| String::from_utf8_lossy(digest).into_owned());
        Note { user: tags.get(&format!("{USER}{instance}")).cloned(), digests: digests.collect() }
    }

    pub fn tags(&self, instance: &str) -> Tags {
        let digests: Vec<&str> = self.digests.iter().map(String::as_str).collect();
        let values = digests.chunks(PER_TAG).enumerate().map(|(at, some)| (format!("{DIGESTS}{instance}:{at}"), some.concat()));
        let user = self.user.iter().map(|user| (format!("{USER}{instance}"), user.clone()));
        user.chain(values).collect()
    }

    /// Whether it has all that the other one has. The user's name is not compared: it changes once a connection is adopted.
    pub fn holds(&self, other: &Note) -> bool {
        self.user.is_some() == other.user.is_some() && other.digests.is_subset(&self.digests)
    }

    /// The same under the name that the user had before, if it had one.
    pub fn named_as(mut self, before: &Note) -> Self {
        self.user = self.user.map(|user| before.user.clone().unwrap_or(user));
        self
    }
}

/// The instance that this resource's notes go by: the ledger entry's, else that of the running apply; `None` where neither exists.
pub fn instance(reconcile: &Reconcile) -> Option<&str> {
    reconcile.entry.as_ref().and_then(|entry| entry.instance.as_deref()).or(reconcile.instance.as_deref())
}

pub fn digest(text: &str) -> String {
    ownership::digest(text)[..DIGITS].to_owned()
}

/// What uses the connection besides that instance: instance and resource. Notes of an earlier create of this resource, whose state was
/// lost or which was taken over, don't count.
pub fn other_users(tags: &Tags, instance: Option<&str>, resource: &str) -> BTreeMap<String, String> {
    users(tags).filter(|(of, user)| instance != Some(of) && *user != resource).map(|(of, user)| (of.to_owned(), user.clone())).collect()
}

/// Instances of this resource's earlier creates that have notes: their state was lost, or they were taken over together with their notes.
pub fn earlier_creates<'a>(tags: &'a Tags, instance: Option<&str>, resource: &str) -> Vec<&'a str> {
    users(tags).filter(|(of, user)| *user == resource && instance != Some(of)).map(|(of, _)| of).collect()
}

/// Whether any resource has noted it.
pub fn is_noted(tags: &Tags, digest: &str) -> bool {
    users(tags).any(|(of, _)| names(tags, of, digest))
}

/// A resource that uses the connection.
pub fn any_user(tags: &Tags) -> Option<&str> {
    users(tags).next().map(|(_, user)| user.as_str())
}

/// A resource that has noted it.
pub fn user_of<'a>(tags: &'a Tags, digest: &str) -> Option<&'a str> {
    users(tags).find(|(of, _)| names(tags, of, digest)).map(|(_, user)| user.as_str())
}

/// Whether that instance, or another create of this resource, has noted it.
pub fn is_noted_by(tags: &Tags, instance: Option<&str>, resource: &str, digest: &str) -> bool {
    users(tags).any(|(of, user)| (instance == Some(of) || user == resource) && names(tags, of, digest))
}

/// Whether it must be kept when that instance is destroyed: another resource has noted it, or a later create of this one, which removed
/// this instance's note.
pub fn is_wanted_elsewhere(tags: &Tags, instance: Option<&str>, resource: &str, digest: &str) -> bool {
    let in_charge = instance.is_none_or(|instance| names(tags, instance, digest));
    users(tags).any(|(of, user)| instance != Some(of) && (user != resource || !in_charge) && names(tags, of, digest))
}

/// The instance of a note of that resource, or of a resource whose name extends that one's.
pub fn instance_of<'a>(tags: &'a Tags, resource: &str) -> Option<&'a str> {
    let is_of = |user: &str| user.strip_prefix(resource).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    users(tags).find(|(_, user)| is_of(user)).map(|(of, _)| of)
}

fn users(tags: &Tags) -> impl Iterator<Item = (&str, &String)> {
    tags.iter().filter_map(|(key, user)| Some((key.strip_prefix(USER)?, user)))
}

fn names(tags: &Tags, instance: &str, digest: &str) -> bool {
    Note::of(tags, instance).digests.contains(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(resource: &str, instance: &str, count: usize) -> Tags {
        Note::new(resource, (0..count).map(|n| digest(&format!("rtb-{n}")))).tags(instance)
    }

    #[test]
    fn a_digest_is_wanted_by_the_resources_that_noted_it_and_by_no_others() {
        let mut tags = note("one", "i1", 3);
        tags.extend(note("two", "i2", 1));
        assert!(is_wanted_elsewhere(&tags, Some("i1"), "one", &digest("rtb-0")));
        assert!(!is_wanted_elsewhere(&tags, Some("i1"), "one", &digest("rtb-1")), "only its own note has it");
        assert!(is_wanted_elsewhere(&tags, Some("i2"), "two", &digest("rtb-2")));
        assert!(!is_wanted_elsewhere(&tags, Some("i2"), "two", &digest("rtb-9")));
        assert!(is_noted(&tags, &digest("rtb-2")) && !is_noted(&tags, &digest("rtb-9")));
        assert!(is_noted_by(&tags, Some("later"), "one", &digest("rtb-2")) && is_noted_by(&tags, Some("i1"), "renamed", &digest("rtb-2")));
        assert!(!is_noted_by(&tags, Some("i2"), "two", &digest("rtb-2")) && !is_noted_by(&tags, None, "two", &digest("rtb-2")));
        assert_eq!(other_users(&tags, Some("i1"), "one"), BTreeMap::from([("i2".to_owned(), "two".to_owned())]));
        assert!(other_users(&tags, Some("later"), "one").keys().eq(["i2"]), "an earlier create of the same resource is no other user");
    }

    #[test]
    fn what_a_later_create_took_over_is_kept_and_what_both_noted_is_not() {
        let (mut tags, route) = (note("one", "new", 1), digest("rtb-0"));
        assert!(is_wanted_elsewhere(&tags, Some("old"), "one", &route));
        assert!(!is_wanted_elsewhere(&tags, None, "one", &route), "an imported one has no create");
        tags.extend(note("one", "old", 1));
        assert!(!is_wanted_elsewhere(&tags, Some("old"), "one", &route), "the later one was killed before it removed the note");
        assert_eq!((instance_of(&tags, "one"), instance_of(&tags, "on")), (Some("new"), None));
        assert_eq!(instance_of(&note("one:reused", "i", 0), "one"), Some("i"));
    }

    #[test]
    fn a_note_of_an_earlier_create_of_the_same_resource_is_not_taken_for_that_of_another_resource() {
        let mut tags = note("one", "i1", 1);
        tags.extend(note("one", "killed", 1));
        tags.extend(note("two", "i2", 1));
        assert_eq!(earlier_creates(&tags, Some("i1"), "one"), ["killed"]);
        assert_eq!(earlier_creates(&tags, None, "one"), ["i1", "killed"]);
        assert_eq!(earlier_creates(&tags, Some("i2"), "two"), [""; 0]);
    }

    #[test]
    fn a_note_that_names_more_than_is_wanted_still_holds() {
        let of = |count| Note::of(&note("one", "i1", count), "i1");
        let (few, many) = (of(2), of(60));
        assert!(many.holds(&few) && few.holds(&few) && !few.holds(&many));
        assert!(!Note::default().holds(&few) && Note::default().holds(&Note::default()));
        assert!(Note::default().tags("i1").is_empty());
        let renamed = Note { user: Some("renamed".to_owned()), ..of(2) };
        assert!(few.holds(&renamed) && renamed.named_as(&few) == few && Note::default().named_as(&few) == Note::default());
    }

    #[test]
    fn many_digests_take_several_tags_of_allowed_length() {
        let note = note("one", "0123456789abcdef", 100);
        assert_eq!(note.len(), 1 + 3);
        assert!(note.values().all(|value| value.len() <= 255) && note.keys().all(|key| key.len() <= 127));
        assert!(is_wanted_elsewhere(&note, Some("other"), "other", &digest("rtb-99")));
    }
}
