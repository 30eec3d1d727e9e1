//! The peering connection as the cluster account sees it, accepted and active: `CLUSTER/VPC`.
//!
//! It is deleted together with the connection; what it adds is the cluster account's own tags. On a connection of this resource, these begin
//! with the note of what uses it. Its deletion comes before all others and refuses to delete a connection that another resource still uses.
//!
//! Ledger: `id` (the connection's), `tags` (those of the cluster account's view; null on a foreign connection).

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::link::{self, FORM, Link};
use super::note;
use super::untagged::{self, Untagged};
use crate::aws::ec2::PeeringConnection;
use crate::aws::{Error, Kind as ErrorKind, Side, wait};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Owner, Planned, Reconcile, Tags, Written, parts,
};
use crate::objects::tags::Keys;
use crate::objects::{Context, Env, tags};
use crate::schema::{Value, placeholder};

pub const KIND: &str = "ec2_vpc_peering_connection_accepter";

#[derive(Clone, Debug)]
pub struct Accepter {
    pub link: Link,
    /// Tags of the cluster account's view, where the connection is this resource's alone.
    pub tags: Tags,
    /// Whether the connection is, or will be, this resource's alone. `None`: only a look-up shows it.
    pub own: Option<bool>,
    /// What the note on a connection of this resource lists.
    pub wanted: BTreeSet<Untagged>,
}

/// What the accepter is, beyond what the ledger has.
#[derive(Clone, Debug, Default)]
pub struct AccepterFacts {
    /// The instance that the tags of the cluster account's view have, where they are this composite's.
    pub stamped: Option<String>,
    /// Whether the DNS option of the cluster's side is on.
    pub dns_resolution: bool,
}

pub fn key(link: &Link) -> Key {
    Key::new(Side::Cluster, KIND, &link.name)
}

#[async_trait]
impl Object<Context> for Accepter {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &AccepterKind
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
        vec![self.link.key()]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(self.link.key())
    }

    fn planned(&self, _: &Env) -> Planned {
        let tags = match self.own {
            Some(true) => placeholder::map_value(&self.tags),
            Some(false) => Value::Null,
            None => Value::Unknown,
        };
        Planned { tags, ..self.link.planned() }
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(reconcile) else { return Ok(None) };
        let found = self.link.describe_live(cx, Side::Cluster, id).await?;
        Ok(found.filter(PeeringConnection::is_active).map(|found| self.observed(cx, reconcile, found)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let accepted = self.accept(cx, self.link.required_id(cx, reconcile)?, reconcile.renewed).await?;
        let observed = self.observed(cx, reconcile, accepted);
        let note = untagged::note_on_own(cx, &self.wanted).tags(instance);
        self.tag(cx, reconcile, instance, &observed, note).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, Error> {
        self.tag(cx, reconcile, instance, observed, Tags::new()).await
    }
}

pub struct AccepterKind;

#[async_trait]
impl Kind<Context> for AccepterKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// Before everything else: where another resource uses the connection, nothing is deleted.
    fn delete_order(&self, _: Origin) -> u8 {
        0
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<2>(name, FORM).map(drop)
    }

    fn parents(&self, key: &Key) -> Vec<Key> {
        vec![link::key(&key.name)]
    }

    /// Deletes nothing: the acceptance ends with the connection.
    async fn delete(&self, cx: &Context, _: &Key, entry: &Entry) -> Result<Deleted, Error> {
        if entry.origin.is_own()
            && let Some(id) = link::id_of(cx, entry)
        {
            refuse_if_used(cx, id, entry).await?;
        }
        Ok(Deleted::Now)
    }

    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        // The deletion of the connection waits until both are gone.
        Ok(false)
    }
}

/// Refuses to delete a connection of this resource that other resources use.
///
/// # Errors
/// Another resource has a note on the connection.
pub async fn refuse_if_used(cx: &Context, id: &str, entry: &Entry) -> Result<(), Error> {
    let Some(found) = link::describe_live(cx, Side::Cluster, None, id).await? else { return Ok(()) };
    let (owner, _) = cx.ownership.split(found.tags.clone());
    let users = note::other_users(&found.tags, entry.instance.as_deref(), &cx.ownership.resource);
    if !cx.ownership.is_ours(entry, &owner) || users.is_empty() {
        return Ok(());
    }
    let tags: Vec<String> = users.keys().map(|instance| format!("Key={}{instance}", note::USER)).collect();
    let message = format!(
        "{id} still carries the traffic of {}. Destroy that resource first; the connection was not deleted. If that resource no longer \
         exists, remove its tag from the connection: `aws ec2 delete-tags --region {} --resources {id} --tags {}`",
        users.values().cloned().collect::<Vec<_>>().join(", "),
        cx.region,
        tags.join(" ")
    );
    Err(Error::of_kind(ErrorKind::Conflict, "ec2:DeleteVpcPeeringConnection", cx.label(Side::Cluster), message))
}

/// Whether the request was accepted by an earlier attempt whose answer was lost, or is not visible to the accepter's account yet.
fn is_in_another_state(error: &Error) -> bool {
    link::is_in_transition(error) || error.is(ErrorKind::Absent)
}

impl Accepter {
    fn observed(&self, cx: &Context, reconcile: &Reconcile, found: PeeringConnection) -> Observed {
        let own = self.link.is_own(reconcile);
        let dns_resolution = link::has_dns_resolution(&found, &self.link.cluster.vpc_id);
        let (owner, tags) = cx.ownership.split(found.tags);
        let tags = tags::owned(Keys::Exact, &self.tags, tags, reconcile, &Owner::Parent);
        let stamped = match owner {
            Owner::Tagged { resource: Some(resource), instance } if resource == cx.ownership.resource => instance,
            _ => None,
        };
        let unstamped = reconcile.origin == Origin::Created && (stamped.is_none() || stamped.as_deref() != note::instance(reconcile));
        Observed {
            id: Some(found.id),
            tags: own.then(|| tags.clone()),
            facts: Facts::new(AccepterFacts { stamped, dns_resolution }),
            ..Observed::attached(own && (unstamped || !tags::exclusive(Keys::Exact, &self.tags, &tags).is_none()))
        }
    }

    /// Sets this account's tags on a connection of this resource, and `more` of them.
    async fn tag(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed, more: Tags) -> Result<Written, Error> {
        let own = self.link.is_own(reconcile);
        if own && let Some(id) = &observed.id {
            let mut change = tags::exclusive(Keys::Exact, &self.tags, observed.tags.as_ref().unwrap_or(&Tags::new()));
            let stamped = observed.facts.get::<AccepterFacts>().and_then(|facts| facts.stamped.as_deref());
            // What was imported keeps the ownership tags that it has.
            if reconcile.origin != Origin::Imported && stamped != Some(instance) {
                change.set.extend(cx.ownership.tags(instance));
            }
            change.set.extend(more);
            link::retag(cx, Side::Cluster, &self.link.cluster.region, id, &change).await?;
        }
        Ok(Written { id: observed.id.clone(), tags: own.then(|| self.tags.clone()), ..Written::default() })
    }

    /// Accepts a connection that waits for it. `is_new`: this run requested it. One that is not new is active afterwards, in both accounts; a
    /// new one may become so while options and routes, which wait for that where they have to, are made. The last look waits for it.
    async fn accept(&self, cx: &Context, id: &str, is_new: bool) -> Result<PeeringConnection, Error> {
        if is_new {
            let ec2 = cx.ec2(Side::Cluster, Some(&self.link.cluster.region));
            match ec2.accept_peering_connection(id).await {
                Ok(accepted) => return Ok(accepted),
                Err(error) if is_in_another_state(&error) || error.is(ErrorKind::Throttled) => {}
                // A request becomes visible to its accepter later than to its requester: until then EC2 refuses the call, as if a permission
                // lacked. An answer may be lost. Both show in what the connection is now.
                Err(error) => {
                    let found = self.describe(cx, Side::Cluster, id).await;
                    if found.map_or(true, |found| found.is_some_and(|found| self.awaits(&found, Side::Cluster))) {
                        return Err(error);
                    }
                }
            }
        }
        let (call, label) = ("ec2:AcceptVpcPeeringConnection", cx.label(Side::Cluster));
        wait::until(&cx.limits(), "the peering connection to become active", call, label, || async move {
            let (near, far) = tokio::try_join!(self.describe(cx, Side::Cluster, id), self.describe(cx, Side::Workload, id))?;
            let waits_for = |found: &Option<PeeringConnection>, side| found.as_ref().is_some_and(|found| self.awaits(found, side));
            for (found, side) in [(&near, Side::Cluster), (&far, Side::Workload)] {
                if waits_for(found, side) {
                    return self.accept_once(cx, side, id).await.map(|()| None);
                }
            }
            match (near, far) {
                (Some(near), Some(far)) if near.is_active() && far.is_active() => Ok(Some(near)),
                (near, far) => match near.into_iter().chain(far).find(|each| !link::is_live(each)) {
                    Some(dead) => Err(self.ended(cx, &dead)),
                    None => Ok(None),
                },
            }
        })
        .await
    }

    /// Whether the connection, as that side sees it, waits for that side to accept it.
    fn awaits(&self, found: &PeeringConnection, side: Side) -> bool {
        found.status == "pending-acceptance" && self.link.side_of_accepter(found) == side
    }

    /// By the account of the accepter's VPC, in its region.
    async fn accept_once(&self, cx: &Context, side: Side, id: &str) -> Result<(), Error> {
        let ec2 = cx.ec2(side, Some(&self.link.end(side).region));
        match ec2.accept_peering_connection(id).await {
            Err(error) if is_in_another_state(&error) => Ok(()),
            result => result.map(drop),
        }
    }

    async fn describe(&self, cx: &Context, side: Side, id: &str) -> Result<Option<PeeringConnection>, Error> {
        link::describe_now(cx, side, Some(&self.link.end(side).region), id).await
    }

    fn ended(&self, cx: &Context, found: &PeeringConnection) -> Error {
        let message = format!(
            "the peering connection {} is {}: {}. Run apply again to create another one. If the configuration names it in {}, create the \
             connection again where it is managed",
            found.id,
            found.status,
            found.status_message.as_deref().unwrap_or("AWS gives no reason"),
            self.link.attribute
        );
        Error::of_kind(ErrorKind::Invalid, "ec2:AcceptVpcPeeringConnection", cx.label(Side::Cluster), message)
    }
}
