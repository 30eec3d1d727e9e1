//! The peering connection, as the workload account sees it: `CLUSTER/VPC`. Requested there, accepted by `acceptance`.
//!
//! Ledger: `id`, `arn`, `tags` (those of the workload account's view; null on a connection that was there before, whose tags are
//! left alone).

use async_trait::async_trait;
use serde_json::json;

use super::link::{self, Link};
use super::{acceptance, dns_resolution};
use crate::aws::ec2::{PeeringConnection, PeeringRequest, Select};
use crate::aws::{Error, Kind, Side, wait};
use crate::engine::{Backend, Entry, Key, Made, Object, Observed, OnExisting, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::{TAG_INSTANCE, TAG_RESOURCE, locks, removal, tags};

pub const KIND: &str = "ec2_vpc_peering_connection";

#[derive(Clone, Debug)]
pub struct Peering {
    pub link: Link,
    /// The blocks of both VPCs, for the error of a request that failed.
    pub blocks: [Vec<String>; 2],
    pub tags: Tags,
    pub on_existing: OnExisting,
}

#[async_trait]
impl Object<Context> for Peering {
    fn key(&self) -> Key {
        self.link.key()
    }

    fn region(&self) -> Option<String> {
        Some(self.link.workload.region.clone())
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    /// The connection with the known id, else any of the two VPCs: there can't be a second one.
    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let id = reconcile.entry.as_ref().and_then(|entry| entry.id.as_deref()).or(self.link.id.as_deref());
        let known = match id {
            Some(id) => self.link.see(cx, Side::Workload, id).await?,
            None => None,
        };
        let found = match known {
            Some(found) => Some(found),
            None if self.on_existing == OnExisting::MustExist => None,
            None => self.link.find(cx).await?,
        };
        let Some(found) = found else { return Ok(None) };
        if !self.link.connects(&found) {
            return Err(self.joins_others(cx, &found));
        }
        Ok(Some(self.observed(cx, reconcile, found)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        // EC2 answers a second request for the same two VPCs with the first one's connection.
        let _turn = locks::exclusive(&format!("{}/{}", self.link.cluster.vpc_id, self.link.workload.vpc_id)).await;
        let found = match self.link.find(cx).await? {
            Some(found) => found,
            None => self.request(cx, reconcile).await?,
        };
        let observed = self.observed(cx, reconcile, found);
        if !removal::is_made_by(&observed.owner, cx, reconcile) {
            return Err(cx.foreign(&self.key(), &observed));
        }
        self.update(cx, reconcile, &observed).await
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let own = reconcile.origin.is_own();
        if own && let Some(id) = &observed.id {
            let change = tags::own(&cx.ownership, reconcile, &self.tags, observed);
            retag(cx, Side::Workload, &self.link.workload.region, id, &change).await?;
        }
        let tags = own.then(|| self.tags.clone());
        Ok(Made { arn: observed.arn.clone(), id: observed.id.clone(), tags, ..Made::default() })
    }
}

/// Deletes a connection of ours and waits until it is gone: until then the VPCs can't be joined anew.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    if !entry.origin.is_own() {
        return Ok(());
    }
    let Some(found) = find_of(cx, key.side, entry).await? else { return Ok(()) };
    let (owner, _) = cx.ownership.split(found.tags);
    if !removal::is_ours(entry, &owner) {
        return Ok(());
    }
    // Somebody may have come since the removal began.
    acceptance::nobody_uses(cx, &found.id, entry).await?;
    let ec2 = cx.ec2(key.side, entry.region.as_deref());
    let call = "ec2:DeleteVpcPeeringConnection";
    let limits = cx.limits();
    wait::until(&limits, "the peering connection to go", call, cx.label(key.side), || async {
        match link::connection(cx, key.side, entry.region.as_deref(), &found.id).await? {
            Some(now) if link::is_live(&now) => {
                let deleted = ec2.delete_peering_connection(&found.id).await;
                // While it is being set up it can't be deleted yet; afterwards it may be gone already.
                if let Err(error) = deleted
                    && !is_in_transition(&error)
                    && !error.is(Kind::Absent)
                {
                    return Err(error);
                }
                Ok(None)
            }
            Some(now) if now.status == "deleting" => Ok(None),
            _ => Ok(Some(())),
        }
    })
    .await
}

/// A change of state that the present state does not allow: another one is under way, or was made already.
pub(super) fn is_in_transition(error: &Error) -> bool {
    matches!(error.code.as_deref(), Some("InvalidStateTransition" | "IncorrectState"))
}

/// Sets and takes off tags of one account's view of a connection, or of a rule.
pub(super) async fn retag(cx: &Context, side: Side, region: &str, id: &str, change: &tags::Change) -> Result<(), Error> {
    let ec2 = cx.ec2(side, Some(region));
    if !change.unset.is_empty() {
        let keys: Vec<&str> = change.unset.iter().map(String::as_str).collect();
        cx.patiently(|| ec2.delete_tags(id, &keys)).await?;
    }
    cx.patiently(|| ec2.create_tags(id, &change.set)).await
}

/// The connection that an entry names. Where a lost answer left no id, the tag of its create tells.
async fn find_of(cx: &Context, side: Side, entry: &Entry) -> Result<Option<PeeringConnection>, Error> {
    let region = entry.region.as_deref();
    match (&entry.id, &entry.instance) {
        (Some(id), _) => link::describe(cx, side, region, id).await,
        (None, Some(instance)) => {
            let ec2 = cx.ec2(side, region);
            let select = Select::by(&format!("tag:{TAG_INSTANCE}"), [instance]);
            let found = cx.patiently(|| ec2.describe_peering_connections(&select)).await?;
            Ok(found.into_iter().find(link::is_live))
        }
        (None, None) => Ok(None),
    }
}

impl Peering {
    fn observed(&self, cx: &Context, reconcile: &Reconcile, found: PeeringConnection) -> Observed {
        let own = reconcile.origin.is_own();
        let end = &self.link.workload;
        let partition = &cx.pair.identity(Side::Workload).partition;
        let facts = json!({
            "status": found.status,
            "dns_resolution": dns_resolution::is_on_in(&found, &end.vpc_id),
            "next": self.next(&found),
        });
        let (owner, tags) = cx.ownership.split(found.tags);
        Observed {
            arn: Some(format!("arn:{partition}:ec2:{}:{}:vpc-peering-connection/{}", end.region, end.account_id, found.id)),
            id: Some(found.id),
            document: None,
            differs: own && !tags::exclusive(&self.tags, &tags).is_none(),
            tags: own.then_some(tags),
            owner,
            facts,
        }
    }

    /// Asks for the connection and waits until both sides know of it.
    async fn request(&self, cx: &Context, reconcile: &Reconcile) -> Result<PeeringConnection, Error> {
        let (call, label) = ("ec2:CreateVpcPeeringConnection", cx.label(Side::Workload));
        let ec2 = cx.ec2(Side::Workload, Some(&self.link.workload.region));
        let mut tags = self.tags.clone();
        tags.extend(cx.ownership.tags(&reconcile.instance));
        let request = PeeringRequest {
            vpc_id: self.link.workload.vpc_id.clone(),
            peer_vpc_id: self.link.cluster.vpc_id.clone(),
            peer_owner_id: self.link.cluster.account_id.clone(),
            peer_region: self.link.cluster.region.clone(),
            tags,
        };
        let made = cx.patiently(|| ec2.create_peering_connection(&request)).await?;
        wait::until(&cx.limits(), "the peering request to reach the other account", call, label, || async {
            let now = link::connection(cx, Side::Workload, Some(&self.link.workload.region), &made.id).await?;
            match now {
                // What was made a moment ago may not be shown yet.
                None => Ok(None),
                Some(now) if now.status == "initiating-request" => Ok(None),
                Some(now) if link::is_live(&now) => Ok(Some(now)),
                Some(now) => Err(self.failed(cx, &now)),
            }
        })
        .await
    }

    /// A request that AWS gives up has no error: its status says `failed` (VPC peering guide, "VPC peering connection lifecycle").
    fn failed(&self, cx: &Context, found: &PeeringConnection) -> Error {
        let message = format!(
            "the peering connection {} ended as {}: {}. AWS joins no VPCs whose blocks overlap, whichever of them is meant: {} of the cluster's \
             account {} has {}, {} of the workload's account {} has {}. Nothing of it can or need be deleted",
            found.id,
            found.status,
            found.status_message.as_deref().unwrap_or("AWS says no more"),
            self.link.cluster.vpc_id,
            self.link.cluster.account_id,
            self.blocks[0].join(", "),
            self.link.workload.vpc_id,
            self.link.workload.account_id,
            self.blocks[1].join(", "),
        );
        Error::of_kind(Kind::Invalid, "ec2:CreateVpcPeeringConnection", cx.label(Side::Workload), message)
    }

    fn joins_others(&self, cx: &Context, found: &PeeringConnection) -> Error {
        let message = format!(
            "{} joins {} and {}, not the cluster's {} and {}. Name the connection of these two in peering_connection_id, or leave it out to \
             have one made",
            found.id, found.requester.vpc_id, found.accepter.vpc_id, self.link.cluster.vpc_id, self.link.workload.vpc_id
        );
        Error::of_kind(Kind::Invalid, "ec2:DescribeVpcPeeringConnections", cx.label(Side::Workload), message)
    }

    /// What to do about a connection of these VPCs that is there already.
    fn next(&self, found: &PeeringConnection) -> String {
        let made_by = match found.tags.get(TAG_RESOURCE) {
            Some(resource) => format!("its tag {TAG_RESOURCE} says {resource:?}"),
            None => "it carries no tag of this provider".to_owned(),
        };
        format!(
            "it joins {} and {} (status {}), and two VPCs have one peering connection at most; {made_by}. To use it as it is, set \
             peering_connection_id = {:?}: routes, rules and options are added to it, and it is never deleted. To manage it from here, import it",
            self.link.cluster.vpc_id, self.link.workload.vpc_id, found.status, found.id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_there_is_told_with_the_way_to_reuse_it() {
        let end = |vpc: &str| link::End { vpc_id: vpc.into(), ..link::End::default() };
        let link = Link { cluster: end("vpc-c"), workload: end("vpc-w"), ..Link::default() };
        let peering = Peering { link, blocks: Default::default(), tags: Tags::new(), on_existing: OnExisting::Fail };
        let found = PeeringConnection { id: "pcx-1".into(), status: "active".into(), ..PeeringConnection::default() };
        let next = peering.next(&found);
        assert!(next.contains("peering_connection_id = \"pcx-1\"") && next.contains("vpc-c and vpc-w"), "{next}");
    }
}
