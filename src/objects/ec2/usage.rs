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
use crate::aws::ec2::PeeringConnection;
use crate::aws::{Error, Side};
use crate::engine::{Contention, Entry, Key, Made, Object, Observed, OnExisting, Origin, Owner, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::{TAG_INSTANCE, TAG_RESOURCE, tags};

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

    async fn is_there(&self, cx: &Context, link: &Link, id: &str) -> Result<bool, Error> {
        match self {
            Thing::DnsResolution(side) => dns_resolution::is_on(cx, *side, link, id).await,
            Thing::Route { side, table, destination } => {
                let found = route::find(cx, *side, &link.end(*side).region, table, destination).await?;
                Ok(found.is_some_and(|route| route.target == id))
            }
        }
    }
}

pub fn key(link: &Link) -> Key {
    Key::new(Side::Cluster, KIND, &link.name)
}

#[async_trait]
impl Object<Context> for Use {
    fn key(&self) -> Key {
        key(&self.link)
    }

    fn region(&self) -> Option<String> {
        Some(self.link.cluster.region.clone())
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![self.link.key(), acceptance::key(&self.link)]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(self.link.key())
    }

    /// The connection's own resource may be deleting it, and our note come between its last look and the call.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        if self.link.is_own(reconcile) { Contention::Exclusive } else { Contention::LastWriteWins }
    }

    /// Present where all is noted that has to be, to be rewritten where more is.
    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(reconcile) else { return Ok(None) };
        let Some(found) = self.link.see(cx, Side::Cluster, id).await? else { return Ok(None) };
        if reconcile.origin == Origin::Imported {
            return Ok(Some(Observed { owner: imported(cx, reconcile, &found.tags), ..link::seen(Some(id), false) }));
        }
        let (due, noted) = (self.due(cx, reconcile, &found).await?, Note::of(&found.tags, instance(reconcile)));
        // Notes of creates that were killed go with the next one that is written.
        let left = !note::earlier_creates(&found.tags, instance(reconcile), &cx.ownership.resource).is_empty();
        Ok((noted.holds(&due) && !left).then(|| link::seen(Some(id), noted != due.named_as(&noted))))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let id = self.link.id(reconcile).unwrap_or_default();
        let gone = || link::gone(cx, Side::Cluster, id);
        let found = self.link.see(cx, Side::Cluster, id).await?.ok_or_else(gone)?;
        let instance = instance(reconcile);
        let before = Note::of(&found.tags, instance);
        let mut noted = before.tags(instance);
        for earlier in note::earlier_creates(&found.tags, instance, &cx.ownership.resource) {
            noted.extend(Note::of(&found.tags, earlier).tags(earlier));
        }
        let tags::Change { set, unset } = tags::exclusive(&self.due(cx, reconcile, &found).await?.named_as(&before).tags(instance), &noted);
        // In this order: at no time is nothing noted.
        for change in [tags::Change { set, ..Default::default() }, tags::Change { unset, ..Default::default() }] {
            peering::retag(cx, Side::Cluster, &self.link.cluster.region, id, &change).await?;
        }
        Ok(Made { id: Some(id.to_owned()), ..Made::default() })
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        if observed.differs {
            return self.create(cx, reconcile).await;
        }
        Ok(Made { id: observed.id.clone(), ..Made::default() })
    }
}

impl Use {
    /// What the note has to say of a connection that is as it was found.
    async fn due(&self, cx: &Context, reconcile: &Reconcile, found: &PeeringConnection) -> Result<Note, Error> {
        let resource = &cx.ownership.resource;
        if self.link.is_own(reconcile) {
            let routes = self.wanted.iter().filter(|thing| matches!(thing, Thing::Route { .. }));
            return Ok(Note::new(resource, routes.map(Thing::digest)));
        }
        let looks = self.wanted.iter().map(|thing| async move {
            let digest = thing.digest();
            let ours = note::is_noted(&found.tags, &digest) || !thing.is_there(cx, &self.link, &found.id).await?;
            Ok(ours.then_some(digest))
        });
        let digests: Vec<String> = try_join_all(looks).await?.into_iter().flatten().collect();
        // One that this provider made is kept for whoever uses it, if only to let rules lead to it.
        let kept = found.tags.contains_key(TAG_RESOURCE);
        Ok(if digests.is_empty() && !kept { Note::default() } else { Note::new(resource, digests) })
    }
}

/// Whose a thing is that was found: ours where it is in no ledger and we noted it on somebody else's connection, else the connection's.
pub(super) async fn owner_of(cx: &Context, link: &Link, reconcile: &Reconcile, id: &str, thing: &Thing) -> Result<Owner, Error> {
    if reconcile.entry.is_some() || link.is_own(reconcile) {
        return Ok(Owner::Parent);
    }
    let found = link.see(cx, Side::Cluster, id).await?;
    let ours = found.is_some_and(|found| note::is_noted_by(&found.tags, instance(reconcile), &cx.ownership.resource, &thing.digest()));
    let tagged = || Owner::Tagged { resource: Some(cx.ownership.resource.clone()), instance: Some(reconcile.instance.clone()) };
    Ok(if ours { tagged() } else { Owner::Parent })
}

/// Whether anybody has noted the thing, by the tags of the cluster account's view.
pub fn is_noted(tags: &Tags, thing: &Thing) -> bool {
    note::is_noted(tags, &thing.digest())
}

/// Takes our note off.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let (Some(id), Some(instance)) = (link::id_of(cx, entry), &entry.instance) else { return Ok(()) };
    let Some(found) = link::describe(cx, key.side, entry.region.as_deref(), id).await? else { return Ok(()) };
    let change = tags::exclusive(&Tags::new(), &Note::of(&found.tags, instance).tags(instance));
    peering::retag(cx, key.side, entry.region.as_deref().unwrap_or(&cx.region), id, &change).await
}

/// Whose note is found on a connection of others by an import, or the read after it: one of this resource's, which the removal takes off.
fn imported(cx: &Context, reconcile: &Reconcile, tags: &Tags) -> Owner {
    let resource = &cx.ownership.resource;
    let open = reconcile.entry.as_ref().is_none_or(|entry| entry.instance.is_none());
    let noted = note::instance_of(tags, resource).filter(|_| open && !tags.contains_key(TAG_RESOURCE));
    noted.map_or(Owner::Parent, |instance| Owner::Tagged { resource: Some(resource.clone()), instance: Some(instance.to_owned()) })
}

/// Whether the thing stays when the entry's resource leaves: another one has noted that it wants it, or a later create of the same
/// one has taken it over.
pub(super) fn is_wanted_by_others(cx: &Context, tags: &Tags, entry: &Entry, thing: &Thing) -> bool {
    note::is_wanted_by_others(tags, entry.instance.as_deref(), &cx.ownership.resource, &thing.digest())
}

/// The same as the connection stands now; not where there is none.
pub(super) async fn is_wanted_now(cx: &Context, id: &str, entry: &Entry, thing: &Thing) -> Result<bool, Error> {
    let now = link::describe(cx, Side::Cluster, None, id).await?;
    Ok(now.is_some_and(|now| is_wanted_by_others(cx, &now.tags, entry, thing)))
}

/// Whether the connection is this composite's, by another create than the entry's.
pub(super) fn is_taken_over(cx: &Context, tags: &Tags, entry: &Entry) -> bool {
    tags.get(TAG_RESOURCE) == Some(&cx.ownership.resource) && !entry.is_of(tags.get(TAG_INSTANCE).map(String::as_str))
}

/// The instance of the ledger's entry, else the one that is being made.
pub(super) fn instance(reconcile: &Reconcile) -> &str {
    reconcile.entry.as_ref().and_then(|entry| entry.instance.as_deref()).unwrap_or(&reconcile.instance)
}
