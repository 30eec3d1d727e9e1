//! The peering connection as the cluster account sees it, accepted and active: `CLUSTER/VPC`.
//!
//! It goes with the connection; what it adds is the cluster account's own tags. Its removal stands before all others and keeps a
//! connection that somebody else still uses.
//!
//! Ledger: `id` (the connection's), `tags` (those of the cluster account's view; null where the connection is not ours).

use async_trait::async_trait;

use super::link::{self, Link};
use super::peering::{is_in_transition, retag};
use super::{dns_resolution, note, usage};
use crate::aws::ec2::PeeringConnection;
use crate::aws::{Error, Kind, Side, wait};
use crate::engine::{Entry, Key, Made, Object, Observed, OnExisting, Origin, Owner, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::{removal, tags};

pub const KIND: &str = "ec2_vpc_peering_connection_accepter";

#[derive(Clone, Debug)]
pub struct Acceptance {
    pub link: Link,
    pub tags: Tags,
}

pub fn key(link: &Link) -> Key {
    Key::new(Side::Cluster, KIND, &link.name)
}

#[async_trait]
impl Object<Context> for Acceptance {
    fn key(&self) -> Key {
        key(&self.link)
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

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(reconcile) else { return Ok(None) };
        let found = self.link.see(cx, Side::Cluster, id).await?;
        Ok(found.filter(PeeringConnection::is_active).map(|found| self.observed(cx, reconcile, found)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let id = self.link.id(reconcile).unwrap_or_default();
        let active = self.accept(cx, id).await?;
        let observed = self.observed(cx, reconcile, active);
        self.update(cx, reconcile, &observed).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let own = self.link.is_own(reconcile);
        if own && let Some(id) = &observed.id {
            let mut change = tags::exclusive(&self.tags, observed.tags.as_ref().unwrap_or(&Tags::new()));
            // What was imported keeps the ownership tags that it has.
            if reconcile.origin != Origin::Imported && observed.facts["stamped"] != reconcile.instance.as_str() {
                change.set.extend(cx.ownership.tags(&reconcile.instance));
            }
            retag(cx, Side::Cluster, &self.link.cluster.region, id, &change).await?;
        }
        Ok(Made { id: observed.id.clone(), tags: own.then(|| self.tags.clone()), ..Made::default() })
    }
}

/// The acceptance ends with the connection. A connection of ours that other resources use is kept: nothing is removed before they
/// have left it.
pub(in crate::objects) async fn remove(cx: &Context, _: &Key, entry: &Entry) -> Result<(), Error> {
    let Some(id) = link::id_of(cx, entry).filter(|_| entry.origin.is_own()) else { return Ok(()) };
    nobody_uses(cx, id, entry).await
}

/// Refuses the removal of a connection of ours that other resources use.
pub(super) async fn nobody_uses(cx: &Context, id: &str, entry: &Entry) -> Result<(), Error> {
    let Some(found) = link::describe(cx, Side::Cluster, None, id).await? else { return Ok(()) };
    let (owner, _) = cx.ownership.split(found.tags.clone());
    let users = note::others(&found.tags, entry.instance.as_deref(), &cx.ownership.resource);
    if !removal::is_ours(entry, &owner) || users.is_empty() {
        return Ok(());
    }
    let tags: Vec<String> = users.keys().map(|instance| format!("Key={}{instance}", note::USER)).collect();
    let message = format!(
        "{id} still carries the traffic of {}. Destroy that first; the connection was kept. If it is gone already, take its mark off with \
         `aws ec2 delete-tags --region {} --resources {id} --tags {}`",
        users.values().cloned().collect::<Vec<_>>().join(", "),
        cx.region,
        tags.join(" ")
    );
    Err(Error::of_kind(Kind::Conflict, "ec2:DeleteVpcPeeringConnection", cx.label(Side::Cluster), message))
}

impl Acceptance {
    fn observed(&self, cx: &Context, reconcile: &Reconcile, found: PeeringConnection) -> Observed {
        let own = self.link.is_own(reconcile);
        let dns_resolution = dns_resolution::is_on_in(&found, &self.link.cluster.vpc_id);
        let (owner, tags) = cx.ownership.split(found.tags);
        let stamped = match owner {
            Owner::Tagged { resource: Some(resource), instance } if resource == cx.ownership.resource => instance,
            _ => None,
        };
        let unstamped = reconcile.origin == Origin::Created && stamped.as_deref() != Some(usage::instance(reconcile));
        let mut observed = link::seen(Some(&found.id), own && (unstamped || !tags::exclusive(&self.tags, &tags).is_none()));
        observed.tags = own.then_some(tags);
        observed.facts = serde_json::json!({ "stamped": stamped, "dns_resolution": dns_resolution });
        observed
    }

    /// Accepts a connection that waits for it, and waits until both accounts see it active: options and routes need that.
    async fn accept(&self, cx: &Context, id: &str) -> Result<PeeringConnection, Error> {
        let (call, label) = ("ec2:AcceptVpcPeeringConnection", cx.label(Side::Cluster));
        wait::until(&cx.limits(), "the peering connection to become active", call, label, || async {
            let (near, far) = tokio::try_join!(self.look(cx, Side::Cluster, id), self.look(cx, Side::Workload, id))?;
            match (near, far) {
                (Some(near), Some(far)) if near.is_active() && far.is_active() => Ok(Some(near)),
                // A request shows to its accepter later than to the one who asked: before that there is nothing to accept.
                (Some(near), _) if self.awaits(&near, Side::Cluster) => self.accept_once(cx, &near).await.map(|()| None),
                (_, Some(far)) if self.awaits(&far, Side::Workload) => self.accept_once(cx, &far).await.map(|()| None),
                (near, far) => match near.into_iter().chain(far).find(|each| !link::is_live(each)) {
                    Some(dead) => Err(ended(cx, &dead)),
                    None => Ok(None),
                },
            }
        })
        .await
    }

    /// Whether what that side sees waits for this very side to accept it.
    fn awaits(&self, seen: &PeeringConnection, side: Side) -> bool {
        seen.status == "pending-acceptance" && self.link.side_of_accepter(seen) == side
    }

    /// By the account of the accepter's VPC, in its region.
    async fn accept_once(&self, cx: &Context, found: &PeeringConnection) -> Result<(), Error> {
        let side = self.link.side_of_accepter(found);
        let ec2 = cx.ec2(side, Some(&self.link.end(side).region));
        match ec2.accept_peering_connection(&found.id).await {
            // The answer to an earlier attempt was lost, or the accepter's account does not see the request yet.
            Err(error) if is_in_transition(&error) || error.is(Kind::Absent) => Ok(()),
            result => result.map(drop),
        }
    }

    async fn look(&self, cx: &Context, side: Side, id: &str) -> Result<Option<PeeringConnection>, Error> {
        link::connection(cx, side, Some(&self.link.end(side).region), id).await
    }
}

fn ended(cx: &Context, found: &PeeringConnection) -> Error {
    let message = format!(
        "the peering connection {} is {}: {}. Apply again to have another one made; one that is named by peering_connection_id has to be made \
         anew where it came from",
        found.id,
        found.status,
        found.status_message.as_deref().unwrap_or("AWS says no more")
    );
    Error::of_kind(Kind::Invalid, "ec2:AcceptVpcPeeringConnection", cx.label(Side::Cluster), message)
}
