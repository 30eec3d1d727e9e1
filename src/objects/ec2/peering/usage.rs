//! What uses a peering connection, noted on it: `CLUSTER/VPC`. Several resources may route traffic over one connection, and routes and
//! options have no tags: each resource notes on the connection which of them are its own. So a resource that is destroyed keeps what
//! another one uses, and what an interrupted run created is recognized.
//!
//! The note is tags of the cluster account's view (`note`). On a connection of its own a resource notes every route. On a foreign one it
//! notes what it is about to create and what another resource has noted: what existed before is not noted, and is kept. The Terraform
//! configuration of the connection's owner may remove the note: it is written again only when there is something to create.
//!
//! Ledger: `id` (the connection's).

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::future::try_join_all;

use super::accepter;
use super::link::{self, FORM, Link};
use super::note::{self, Note};
use super::untagged::{self, Untagged};
use crate::aws::ec2::PeeringConnection;
use crate::aws::{Error, Side};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Contention, Deleted, Entry, Key, Kind, Object, Observed, OnExisting, Origin, Owner, Planned, Reconcile, Tags, Written, parts,
};
use crate::objects::tags::Keys;
use crate::objects::{Context, Env, TAG_INSTANCE, TAG_RESOURCE, tags};

pub const KIND: &str = "ec2_vpc_peering_connection_use";

#[derive(Clone, Debug)]
pub struct Usage {
    pub link: Link,
    pub wanted: BTreeSet<Untagged>,
}

pub fn key(link: &Link) -> Key {
    Key::new(Side::Cluster, KIND, &link.name)
}

#[async_trait]
impl Object<Context> for Usage {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &UsageKind
    }

    fn key(&self) -> Key {
        key(&self.link)
    }

    fn attribute(&self) -> Path {
        self.link.attribute.clone()
    }

    fn region(&self) -> Option<String> {
        Some(self.link.cluster.region.clone())
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![self.link.key(), accepter::key(&self.link)]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(self.link.key())
    }

    /// The resource that owns the connection may be deleting it, and this note may come between its last read and the call.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        if self.link.is_own(reconcile) { Contention::Exclusive } else { Contention::LastWriteWins }
    }

    fn planned(&self, _: &Env) -> Planned {
        self.link.planned()
    }

    /// Present where everything is noted that has to be; it differs where more than that is.
    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(reconcile) else { return Ok(None) };
        let Some(found) = self.link.describe_live(cx, Side::Cluster, id).await? else { return Ok(None) };
        let attached = |differs| Observed { id: Some(id.to_owned()), ..Observed::attached(differs) };
        if reconcile.origin == Origin::Imported {
            return Ok(Some(Observed { owner: imported(cx, reconcile, &found.tags), ..attached(false) }));
        }
        let instance = note::instance(reconcile);
        let due = self.due(cx, reconcile, &found).await?;
        let noted = instance.map(|instance| Note::of(&found.tags, instance)).unwrap_or_default();
        // Notes of creates that were killed are removed when the next note is written.
        let left_over = !note::earlier_creates(&found.tags, instance, &cx.ownership.resource).is_empty();
        Ok((noted.holds(&due) && !left_over).then(|| attached(noted != due.named_as(&noted))))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let id = self.link.required_id(cx, reconcile)?;
        if reconcile.renewed && self.link.is_own(reconcile) {
            // The accepter has written the note with its own tags.
            return Ok(Written { id: Some(id.to_owned()), ..Written::default() });
        }
        let gone = || self.link.gone(cx, Side::Cluster, id);
        let found = self.link.describe_live(cx, Side::Cluster, id).await?.ok_or_else(gone)?;
        let before = Note::of(&found.tags, instance);
        let mut noted = before.tags(instance);
        for earlier in note::earlier_creates(&found.tags, Some(instance), &cx.ownership.resource) {
            noted.extend(Note::of(&found.tags, earlier).tags(earlier));
        }
        let due = self.due(cx, reconcile, &found).await?.named_as(&before);
        let tags::Change { set, unset } = tags::exclusive(Keys::Exact, &due.tags(instance), &noted);
        // In this order, so that there is a note at any time.
        for change in [tags::Change { set, ..Default::default() }, tags::Change { unset, ..Default::default() }] {
            link::retag(cx, Side::Cluster, &self.link.cluster.region, id, &change).await?;
        }
        Ok(Written { id: Some(id.to_owned()), ..Written::default() })
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, Error> {
        if observed.differs {
            return self.create(cx, reconcile, instance).await;
        }
        Ok(Written { id: observed.id.clone(), ..Written::default() })
    }
}

pub struct UsageKind;

#[async_trait]
impl Kind<Context> for UsageKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// After the routes and options, whose deletion reads the note, and before the connection.
    fn delete_order(&self, _: Origin) -> u8 {
        2
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<2>(name, FORM).map(drop)
    }

    fn parents(&self, key: &Key) -> Vec<Key> {
        vec![link::key(&key.name)]
    }

    fn goes_with_parent(&self) -> bool {
        true
    }

    /// Removes this resource's note.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        if let Some(id) = link::id_of(cx, entry) {
            remove_note(cx, &key.name, entry, id).await?;
        }
        Ok(Deleted::Now)
    }

    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        // Resources that rely on a note being absent read the connection again after their calls.
        Ok(false)
    }
}

/// Removes this resource's note from a live connection. `name` is the note's; `entry` that of the note or of the connection.
pub async fn remove_note(cx: &Context, name: &str, entry: &Entry, id: &str) -> Result<(), Error> {
    let entry = cx.recorded.get(&Key::new(Side::Cluster, KIND, name)).unwrap_or(entry);
    let found = link::describe_live(cx, Side::Cluster, None, id).await?;
    let (Some(found), Some(instance)) = (found, &entry.instance) else { return Ok(()) };
    let change = tags::exclusive(Keys::Exact, &Tags::new(), &Note::of(&found.tags, instance).tags(instance));
    link::retag(cx, Side::Cluster, &cx.region, id, &change).await
}

impl Usage {
    /// What the note has to say of the connection as it was found.
    async fn due(&self, cx: &Context, reconcile: &Reconcile, found: &PeeringConnection) -> Result<Note, Error> {
        let resource = &cx.ownership.resource;
        if self.link.is_own(reconcile) {
            return Ok(untagged::note_on_own(cx, &self.wanted));
        }
        let reads = self.wanted.iter().map(|untagged| async move {
            let digest = untagged.digest();
            let due = note::is_noted(&found.tags, &digest) || !untagged.exists(cx, &self.link, &found.id).await?;
            Ok::<_, Error>(due.then_some(digest))
        });
        let digests: Vec<String> = try_join_all(reads).await?.into_iter().flatten().collect();
        // A connection that this provider created is kept as long as a resource uses it, if only for security group rules.
        let of_provider = found.tags.contains_key(TAG_RESOURCE);
        Ok(if digests.is_empty() && !of_provider { Note::default() } else { Note::new(resource, digests) })
    }
}

/// Whose a route or option that was found is: this resource's where it is in no ledger and this resource noted it on a foreign
/// connection, else the connection's.
pub async fn owner_of(cx: &Context, link: &Link, reconcile: &Reconcile, id: &str, untagged: &Untagged) -> Result<Owner, Error> {
    if reconcile.entry.is_some() || link.is_own(reconcile) {
        return Ok(Owner::Parent);
    }
    let found = link.describe_live(cx, Side::Cluster, id).await?;
    let (instance, resource) = (note::instance(reconcile), &cx.ownership.resource);
    let ours = found.is_some_and(|found| note::is_noted_by(&found.tags, instance, resource, &untagged.digest()));
    let tagged = || Owner::Tagged { resource: Some(resource.clone()), instance: reconcile.instance.clone() };
    Ok(if ours { tagged() } else { Owner::Parent })
}

/// The resource of this provider whose route over a live connection that is, by its tags in either account: the one that noted the route,
/// else the one that created the connection. It explains a refusal; where it can't be read, there is none.
pub async fn resource_of(cx: &Context, side: Side, region: &str, id: &str, route: &Untagged) -> Option<String> {
    let (own, noted) = futures::join!(link::describe(cx, side, Some(region), id), link::describe(cx, Side::Cluster, None, id));
    let views = [noted, own].into_iter().filter_map(|view| view.ok().flatten().filter(link::is_live)).map(|found| found.tags);
    let views: Vec<Tags> = views.collect();
    let user = views.iter().find_map(|tags| note::user_of(tags, &route.digest()));
    user.or_else(|| views.iter().find_map(named_in)).map(str::to_owned)
}

/// The resource of this provider that created a connection with these tags, else one that uses it.
pub fn named_in(tags: &Tags) -> Option<&str> {
    tags.get(TAG_RESOURCE).map(String::as_str).or_else(|| note::any_user(tags))
}

/// Whether any resource has noted it, by the tags of the cluster account's view.
pub fn is_noted(tags: &Tags, untagged: &Untagged) -> bool {
    note::is_noted(tags, &untagged.digest())
}

/// Whether that resource has noted it.
pub fn is_noted_by(tags: &Tags, resource: &str, untagged: &Untagged) -> bool {
    note::is_noted_by(tags, None, resource, &untagged.digest())
}

/// Whether that resource has a note on the connection.
pub fn is_used_by(tags: &Tags, resource: &str) -> bool {
    !note::earlier_creates(tags, None, resource).is_empty()
}

/// Whether it must be kept when the entry's resource is destroyed: another resource has noted it, or a later create of the same resource
/// has taken it over.
pub fn is_wanted_elsewhere(cx: &Context, tags: &Tags, entry: &Entry, untagged: &Untagged) -> bool {
    note::is_wanted_elsewhere(tags, entry.instance.as_deref(), &cx.ownership.resource, &untagged.digest())
}

/// The same, by the tags that the connection has now; not where there is no connection.
pub async fn is_wanted_elsewhere_now(cx: &Context, id: &str, entry: &Entry, untagged: &Untagged) -> Result<bool, Error> {
    let ask = || async { link::describe_now(cx, Side::Cluster, None, id).await.map(Some) };
    let now = cx.account(Side::Cluster).answers().once_from_now(&format!("connection {id}"), ask).await?.flatten().filter(link::is_live);
    Ok(now.is_some_and(|now| is_wanted_elsewhere(cx, &now.tags, entry, untagged)))
}

/// Whether the connection is this composite's, by another create than the entry's.
pub fn is_taken_over(cx: &Context, tags: &Tags, entry: &Entry) -> bool {
    tags.get(TAG_RESOURCE) == Some(&cx.ownership.resource) && !entry.is_of(tags.get(TAG_INSTANCE).map(String::as_str))
}

/// Whose the note is that an import, or the read after it, finds on a foreign connection: one of this resource's, which a destroy
/// removes.
fn imported(cx: &Context, reconcile: &Reconcile, tags: &Tags) -> Owner {
    let resource = &cx.ownership.resource;
    let open = reconcile.entry.as_ref().is_none_or(|entry| entry.instance.is_none());
    let is_own = tags.get(TAG_RESOURCE) == Some(resource);
    let noted = note::instance_of(tags, resource).filter(|_| open && !is_own);
    noted.map_or(Owner::Parent, |instance| cx.ownership.owner(instance))
}
