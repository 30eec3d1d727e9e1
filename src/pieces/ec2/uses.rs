//! Who uses a peering connection that this provider made, written on it: `CLUSTER/VPC`. Several resources may lead traffic over one
//! connection, and routes have no tags: each resource notes on the connection which routes it wants, so that whoever leaves leaves
//! those that others want.
//!
//! The note is tags of the cluster account's view: `xeks:use:INSTANCE` says what uses it, `xeks:routes:INSTANCE:N` which routes, as
//! digests. A connection that this provider did not make gets none: its tags are somebody else's to manage.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::link::{self, Link};
use super::{acceptance, peering};
use crate::aws::Error;
use crate::engine::{Entry, Job, Key, Made, Observed, Origin, Piece, Side, Tags, Welcome, Writers};
use crate::pieces::cloud::Cloud;
use crate::pieces::{TAG_INSTANCE, TAG_RESOURCE, tags};

pub const KIND: &str = "ec2_vpc_peering_connection_use";

/// Beginnings of the tags' keys.
pub(super) const USER: &str = "xeks:use:";
const ROUTES: &str = "xeks:routes:";
/// Hexadecimal digits of a route's digest, and how many digests fit a tag's value (EC2: 255 characters).
const DIGITS: usize = 6;
const PER_TAG: usize = 42;

#[derive(Clone, Debug)]
pub struct Use {
    pub link: Link,
    /// Table and destination of each route that is wanted.
    pub routes: BTreeSet<(String, String)>,
}

pub fn key(link: &Link) -> Key {
    Key::new(Side::Cluster, KIND, &link.name)
}

#[async_trait]
impl Piece<Cloud> for Use {
    fn key(&self) -> Key {
        key(&self.link)
    }

    fn region(&self) -> Option<String> {
        Some(self.link.cluster.region.clone())
    }

    fn needs(&self) -> Vec<Key> {
        vec![self.link.key(), acceptance::key(&self.link)]
    }

    fn welcome(&self) -> Welcome {
        Welcome::AsParent(self.link.key())
    }

    /// The connection's own resource may be deleting it, and our note come between its last look and the call.
    fn writers(&self, job: &Job) -> Writers {
        if self.link.is_own(job) { Writers::One } else { Writers::Racing }
    }

    /// Present where all the wanted routes are noted, to be rewritten where more are; on a connection that gets no note, in any case.
    async fn observe(&self, cloud: &Cloud, job: &Job) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(job) else { return Ok(None) };
        let Some(found) = self.link.see(cloud, Side::Cluster, id).await? else { return Ok(None) };
        if job.origin == Origin::Imported || !takes_notes(&found.tags) {
            return Ok(Some(link::seen(Some(id), false)));
        }
        let (wanted, noted) = (self.note(cloud, instance(job)), of_instance(&found.tags, instance(job)));
        Ok(holds(&noted, &wanted).then(|| link::seen(Some(id), noted != wanted)))
    }

    async fn create(&self, cloud: &Cloud, job: &Job) -> Result<Made, Error> {
        let id = self.link.id(job).unwrap_or_default();
        let gone = || link::gone(cloud, Side::Cluster, id);
        let found = self.link.see(cloud, Side::Cluster, id).await?.ok_or_else(gone)?;
        if takes_notes(&found.tags) {
            let mut noted = of_instance(&found.tags, instance(job));
            for earlier in earlier_creates(&found.tags, instance(job), &cloud.ownership.resource) {
                noted.extend(of_instance(&found.tags, earlier));
            }
            let change = tags::exclusive(&self.note(cloud, instance(job)), &noted);
            peering::retag(cloud, Side::Cluster, &self.link.cluster.region, id, &change).await?;
        }
        Ok(Made { id: Some(id.to_owned()), ..Made::default() })
    }

    async fn update(&self, cloud: &Cloud, job: &Job, observed: &Observed) -> Result<Made, Error> {
        if observed.differs {
            return self.create(cloud, job).await;
        }
        Ok(Made { id: observed.id.clone(), ..Made::default() })
    }
}

/// Takes our note off.
pub(in crate::pieces) async fn remove(cloud: &Cloud, key: &Key, entry: &Entry) -> Result<(), Error> {
    let (Some(id), Some(instance)) = (link::id_of(cloud, entry), &entry.instance) else { return Ok(()) };
    let Some(found) = link::describe(cloud, key.side, entry.region.as_deref(), id).await? else { return Ok(()) };
    let change = tags::exclusive(&Tags::new(), &of_instance(&found.tags, instance));
    peering::retag(cloud, key.side, entry.region.as_deref().unwrap_or(&cloud.region), id, &change).await
}

/// What uses the connection besides the entry's own composite: instance and what it is. What an earlier create of that noted, whose
/// state was lost or which was taken over, counts no more.
pub(super) fn others(tags: &Tags, entry: &Entry, resource: &str) -> BTreeMap<String, String> {
    let used = tags.iter().filter_map(|(key, value)| Some((key.strip_prefix(USER)?.to_owned(), value.clone())));
    used.filter(|(instance, user)| entry.instance.as_deref() != Some(instance) && user != resource).collect()
}

/// Instances of this composite's earlier creates that are noted: their state was lost, or they were taken over, and their notes with them.
pub(super) fn earlier_creates<'a>(tags: &'a Tags, instance: &str, resource: &str) -> Vec<&'a str> {
    let used = tags.iter().filter(|(_, user)| *user == resource).filter_map(|(key, _)| key.strip_prefix(USER));
    used.filter(|earlier| *earlier != instance).collect()
}

/// Whether another resource has noted that it wants the route.
pub(super) fn is_wanted_by_others(tags: &Tags, entry: &Entry, resource: &str, table: &str, destination: &str) -> bool {
    let digest = digest(table, destination);
    others(tags, entry, resource).keys().any(|instance| {
        let noted = of_instance(tags, instance);
        noted.iter().any(|(key, value)| key.starts_with(ROUTES) && value.as_bytes().chunks(DIGITS).any(|d| d == digest.as_bytes()))
    })
}

/// Whether the connection is this composite's, by another create than the entry's.
pub(super) fn is_taken_over(cloud: &Cloud, tags: &Tags, entry: &Entry) -> bool {
    tags.get(TAG_RESOURCE) == Some(&cloud.ownership.resource) && !entry.is_of(tags.get(TAG_INSTANCE).map(String::as_str))
}

/// Notes are for connections that this provider made.
pub fn takes_notes(tags: &Tags) -> bool {
    tags.contains_key(TAG_RESOURCE)
}

/// The instance of the ledger's entry, else the one that is being made.
pub(super) fn instance(job: &Job) -> &str {
    job.entry.as_ref().and_then(|entry| entry.instance.as_deref()).unwrap_or(&job.instance)
}

/// The tags of one instance's note.
fn of_instance(tags: &Tags, instance: &str) -> Tags {
    let (user, routes) = (format!("{USER}{instance}"), format!("{ROUTES}{instance}:"));
    tags.iter().filter(|(key, _)| **key == user || key.starts_with(&routes)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Whether the note names its user and every wanted route.
fn holds(noted: &Tags, wanted: &Tags) -> bool {
    let digests = |tags: &Tags| -> BTreeSet<String> {
        let routes = tags.iter().filter(|(key, _)| key.starts_with(ROUTES)).flat_map(|(_, value)| value.as_bytes().chunks(DIGITS));
        routes.map(|digest| String::from_utf8_lossy(digest).into_owned()).collect()
    };
    let user = |tags: &Tags| tags.iter().find(|(key, _)| key.starts_with(USER)).map(|(k, v)| (k.clone(), v.clone()));
    user(noted) == user(wanted) && digests(wanted).is_subset(&digests(noted))
}

fn digest(table: &str, destination: &str) -> String {
    let digest = Sha256::digest(format!("{table}/{destination}"));
    digest.iter().map(|b| format!("{b:02x}")).collect::<String>()[..DIGITS].to_owned()
}

impl Use {
    fn note(&self, cloud: &Cloud, instance: &str) -> Tags {
        note(&cloud.ownership.resource, instance, &self.routes)
    }
}

fn note(resource: &str, instance: &str, routes: &BTreeSet<(String, String)>) -> Tags {
    let digests: BTreeSet<String> = routes.iter().map(|(table, destination)| digest(table, destination)).collect();
    let digests: Vec<String> = digests.into_iter().collect();
    let mut note = Tags::from([(format!("{USER}{instance}"), resource.to_owned())]);
    note.extend(digests.chunks(PER_TAG).enumerate().map(|(at, some)| (format!("{ROUTES}{instance}:{at}"), some.concat())));
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::found;

    fn routes(count: usize) -> BTreeSet<(String, String)> {
        (0..count).map(|n| (format!("rtb-{n}"), "10.30.0.0/16".to_owned())).collect()
    }

    fn entry(instance: &str) -> Entry {
        Entry { instance: Some(instance.to_owned()), ..found("1", None, Origin::Created) }
    }

    #[test]
    fn a_route_is_wanted_by_whoever_noted_it_and_by_nobody_else() {
        let mut tags = note("one", "i1", &routes(3));
        tags.extend(note("two", "i2", &routes(1)));
        assert!(is_wanted_by_others(&tags, &entry("i1"), "one", "rtb-0", "10.30.0.0/16"));
        assert!(!is_wanted_by_others(&tags, &entry("i1"), "one", "rtb-1", "10.30.0.0/16"), "only one's own");
        assert!(is_wanted_by_others(&tags, &entry("i2"), "two", "rtb-2", "10.30.0.0/16"));
        assert!(!is_wanted_by_others(&tags, &entry("i2"), "two", "rtb-2", "10.31.0.0/16"));
        assert_eq!(others(&tags, &entry("i1"), "one"), BTreeMap::from([("i2".to_owned(), "two".to_owned())]));
        assert!(others(&tags, &entry("later"), "one").keys().eq(["i2"]), "an earlier create of the same resource is no other");
    }

    #[test]
    fn what_an_earlier_create_of_the_same_resource_noted_is_told_from_what_another_did() {
        let mut tags = note("one", "i1", &routes(1));
        tags.extend(note("one", "killed", &routes(1)));
        tags.extend(note("two", "i2", &routes(1)));
        assert_eq!(earlier_creates(&tags, "i1", "one"), ["killed"]);
        assert_eq!(earlier_creates(&tags, "i2", "two"), [""; 0]);
    }

    #[test]
    fn a_note_that_names_more_than_is_wanted_still_holds() {
        let (few, many) = (note("one", "i1", &routes(2)), note("one", "i1", &routes(60)));
        assert!(holds(&many, &few) && holds(&few, &few) && !holds(&few, &many));
        assert!(!holds(&Tags::new(), &few));
    }

    #[test]
    fn many_routes_take_several_tags_of_allowed_length() {
        let note = note("one", "0123456789abcdef", &routes(100));
        assert_eq!(note.len(), 1 + 3);
        assert!(note.values().all(|value| value.len() <= 255) && note.keys().all(|key| key.len() <= 127));
        let last = format!("rtb-{}", 99);
        assert!(is_wanted_by_others(&note, &entry("other"), "other", &last, "10.30.0.0/16"));
    }
}
