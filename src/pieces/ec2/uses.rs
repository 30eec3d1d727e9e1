//! Who uses a peering connection, written on it: `CLUSTER/VPC`. Several resources may lead traffic over one connection, and routes and
//! options have no tags: each resource notes on the connection what is its own there. So whoever leaves leaves what others want, and
//! what a killed run made is known again.
//!
//! The note is tags of the cluster account's view (`note`). On a connection of its own a resource notes every route. On others' it
//! notes what it is about to make and what another resource has noted: what was there before stays unnoted, and stays. Their Terraform
//! may take the note off: nothing is put back before there is something to make.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::future::try_join_all;

use super::link::{self, Link};
use super::note::{self, Note};
use super::{acceptance, dns_resolution, peering, route};
use crate::aws::Error;
use crate::aws::ec2::PeeringConnection;
use crate::engine::{Entry, Job, Key, Made, Observed, Origin, Owner, Piece, Side, Tags, Welcome, Writers};
use crate::pieces::cloud::Cloud;
use crate::pieces::{TAG_INSTANCE, TAG_RESOURCE, tags};

pub const KIND: &str = "ec2_vpc_peering_connection_use";

#[derive(Clone, Debug)]
pub struct Use {
    pub link: Link,
    pub wanted: BTreeSet<Thing>,
}

/// What a resource has of a connection and can't be tagged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Route { side: Side, table: String, destination: String },
    DnsResolution(Side),
}

impl Thing {
    pub fn digest(&self) -> String {
        match self {
            Thing::Route { table, destination, .. } => note::digest(&format!("{table}/{destination}")),
            Thing::DnsResolution(side) => note::digest(&format!("dns_resolution/{}", side.as_str())),
        }
    }

    async fn is_there(&self, cloud: &Cloud, link: &Link, id: &str) -> Result<bool, Error> {
        match self {
            Thing::DnsResolution(side) => dns_resolution::is_on(cloud, *side, link, id).await,
            Thing::Route { side, table, destination } => {
                let found = route::find(cloud, *side, &link.end(*side).region, table, destination).await?;
                Ok(found.is_some_and(|route| route.target == id))
            }
        }
    }
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

    /// Present where all is noted that has to be, to be rewritten where more is.
    async fn observe(&self, cloud: &Cloud, job: &Job) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(job) else { return Ok(None) };
        let Some(found) = self.link.see(cloud, Side::Cluster, id).await? else { return Ok(None) };
        if job.origin == Origin::Imported {
            return Ok(Some(Observed { owner: imported(cloud, job, &found.tags), ..link::seen(Some(id), false) }));
        }
        let (due, noted) = (self.due(cloud, job, &found).await?, Note::of(&found.tags, instance(job)));
        // Notes of creates that were killed go with the next one that is written.
        let left = !note::earlier_creates(&found.tags, instance(job), &cloud.ownership.resource).is_empty();
        Ok((noted.holds(&due) && !left).then(|| link::seen(Some(id), noted != due.named_as(&noted))))
    }

    async fn create(&self, cloud: &Cloud, job: &Job) -> Result<Made, Error> {
        let id = self.link.id(job).unwrap_or_default();
        let gone = || link::gone(cloud, Side::Cluster, id);
        let found = self.link.see(cloud, Side::Cluster, id).await?.ok_or_else(gone)?;
        let instance = instance(job);
        let before = Note::of(&found.tags, instance);
        let mut noted = before.tags(instance);
        for earlier in note::earlier_creates(&found.tags, instance, &cloud.ownership.resource) {
            noted.extend(Note::of(&found.tags, earlier).tags(earlier));
        }
        let tags::Change { set, unset } = tags::exclusive(&self.due(cloud, job, &found).await?.named_as(&before).tags(instance), &noted);
        // In this order: at no time is nothing noted.
        for change in [tags::Change { set, ..Default::default() }, tags::Change { unset, ..Default::default() }] {
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

impl Use {
    /// What the note has to say of a connection that is as it was found.
    async fn due(&self, cloud: &Cloud, job: &Job, found: &PeeringConnection) -> Result<Note, Error> {
        let resource = &cloud.ownership.resource;
        if self.link.is_own(job) {
            let routes = self.wanted.iter().filter(|thing| matches!(thing, Thing::Route { .. }));
            return Ok(Note::new(resource, routes.map(Thing::digest)));
        }
        let looks = self.wanted.iter().map(|thing| async move {
            let digest = thing.digest();
            let ours = note::is_noted(&found.tags, &digest) || !thing.is_there(cloud, &self.link, &found.id).await?;
            Ok(ours.then_some(digest))
        });
        let digests: Vec<String> = try_join_all(looks).await?.into_iter().flatten().collect();
        // One that this provider made is kept for whoever uses it, if only to let rules lead to it.
        let kept = found.tags.contains_key(TAG_RESOURCE);
        Ok(if digests.is_empty() && !kept { Note::default() } else { Note::new(resource, digests) })
    }
}

/// Whose a thing is that was found: ours where it is in no ledger and we noted it on somebody else's connection, else the connection's.
pub(super) async fn owner_of(cloud: &Cloud, link: &Link, job: &Job, id: &str, thing: &Thing) -> Result<Owner, Error> {
    if job.entry.is_some() || link.is_own(job) {
        return Ok(Owner::Parent);
    }
    let found = link.see(cloud, Side::Cluster, id).await?;
    let ours = found.is_some_and(|found| note::is_noted_by(&found.tags, instance(job), &cloud.ownership.resource, &thing.digest()));
    let tagged = || Owner::Tagged { resource: Some(cloud.ownership.resource.clone()), instance: Some(job.instance.clone()) };
    Ok(if ours { tagged() } else { Owner::Parent })
}

/// Whether anybody has noted the thing, by the tags of the cluster account's view.
pub fn is_noted(tags: &Tags, thing: &Thing) -> bool {
    note::is_noted(tags, &thing.digest())
}

/// Takes our note off.
pub(in crate::pieces) async fn remove(cloud: &Cloud, key: &Key, entry: &Entry) -> Result<(), Error> {
    let (Some(id), Some(instance)) = (link::id_of(cloud, entry), &entry.instance) else { return Ok(()) };
    let Some(found) = link::describe(cloud, key.side, entry.region.as_deref(), id).await? else { return Ok(()) };
    let change = tags::exclusive(&Tags::new(), &Note::of(&found.tags, instance).tags(instance));
    peering::retag(cloud, key.side, entry.region.as_deref().unwrap_or(&cloud.region), id, &change).await
}

/// Whose note is found on a connection of others by an import, or the read after it: one of this resource's, which the removal takes off.
fn imported(cloud: &Cloud, job: &Job, tags: &Tags) -> Owner {
    let resource = &cloud.ownership.resource;
    let open = job.entry.as_ref().is_none_or(|entry| entry.instance.is_none());
    let noted = note::instance_of(tags, resource).filter(|_| open && !tags.contains_key(TAG_RESOURCE));
    noted.map_or(Owner::Parent, |instance| Owner::Tagged { resource: Some(resource.clone()), instance: Some(instance.to_owned()) })
}

/// Whether the thing stays when the entry's resource leaves: another one has noted that it wants it, or a later create of the same
/// one has taken it over.
pub(super) fn is_wanted_by_others(cloud: &Cloud, tags: &Tags, entry: &Entry, thing: &Thing) -> bool {
    note::is_wanted_by_others(tags, entry.instance.as_deref(), &cloud.ownership.resource, &thing.digest())
}

/// The same as the connection stands now; not where there is none.
pub(super) async fn is_wanted_now(cloud: &Cloud, id: &str, entry: &Entry, thing: &Thing) -> Result<bool, Error> {
    let now = link::describe(cloud, Side::Cluster, None, id).await?;
    Ok(now.is_some_and(|now| is_wanted_by_others(cloud, &now.tags, entry, thing)))
}

/// Whether the connection is this composite's, by another create than the entry's.
pub(super) fn is_taken_over(cloud: &Cloud, tags: &Tags, entry: &Entry) -> bool {
    tags.get(TAG_RESOURCE) == Some(&cloud.ownership.resource) && !entry.is_of(tags.get(TAG_INSTANCE).map(String::as_str))
}

/// The instance of the ledger's entry, else the one that is being made.
pub(super) fn instance(job: &Job) -> &str {
    job.entry.as_ref().and_then(|entry| entry.instance.as_deref()).unwrap_or(&job.instance)
}
