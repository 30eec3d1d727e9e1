//! The two VPCs that a peering connection joins, and how the connection is found from either side.
//!
//! Knows which connections count: those that carry traffic or may yet.

use serde_json::Value;

use super::peering;
use crate::aws::ec2::{PeeringConnection, Select};
use crate::aws::{Answer, Error, Kind, Side};
use crate::engine::{Entry, Key, Observed, Owner, Reconcile};
use crate::objects::context::Context;

/// States of a connection that is, or may become, active (VPC peering guide, "VPC peering connection lifecycle"). The others can't
/// even be deleted; they vanish by themselves.
const LIVE: [&str; 4] = ["initiating-request", "pending-acceptance", "provisioning", "active"];

/// A VPC at one end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    pub vpc_id: String,
    pub account_id: String,
    pub region: String,
}

/// What the objects of one peering share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// `CLUSTER/VPC`: names the objects, whatever id the connection gets.
    pub name: String,
    pub cluster: End,
    pub workload: End,
    /// Id of the connection, where the configuration or the state tells.
    pub id: Option<String>,
}

impl Link {
    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Cluster => &self.cluster,
            Side::Workload => &self.workload,
        }
    }

    /// The key of the connection itself.
    pub fn key(&self) -> Key {
        Key::new(Side::Workload, peering::KIND, &self.name)
    }

    /// The connection's id: that of the object, which may have been made a moment ago, else what was known before.
    pub fn id<'a>(&'a self, reconcile: &'a Reconcile) -> Option<&'a str> {
        let object = reconcile.dependencies.get(&self.key()).and_then(|entry| entry.id.as_deref());
        object.or(self.id.as_deref())
    }

    /// Whether the connection is this resource's alone.
    pub fn is_own(&self, reconcile: &Reconcile) -> bool {
        reconcile.dependencies.get(&self.key()).map_or(reconcile.origin, |entry| entry.origin).is_own()
    }

    /// The side that a connection's VPC is on, whoever asked whom.
    pub fn side_of_accepter(&self, found: &PeeringConnection) -> Side {
        if found.accepter.vpc_id == self.cluster.vpc_id { Side::Cluster } else { Side::Workload }
    }

    pub fn connects(&self, found: &PeeringConnection) -> bool {
        found.connects(&self.cluster.vpc_id, &self.workload.vpc_id)
    }

    /// The connection as that side's account sees it; `None` where it is not to be seen or carries nothing any more.
    pub async fn see(&self, cx: &Context, side: Side, id: &str) -> Result<Option<PeeringConnection>, Error> {
        describe(cx, side, Some(&self.end(side).region), id).await
    }

    /// The connection of these two VPCs; an active one before one that only may be.
    pub async fn find(&self, cx: &Context) -> Result<Option<PeeringConnection>, Error> {
        let ec2 = cx.ec2(Side::Workload, Some(&self.workload.region));
        let between = |requester: &End, accepter: &End| {
            Select::by("requester-vpc-info.vpc-id", [&requester.vpc_id]).and("accepter-vpc-info.vpc-id", [&accepter.vpc_id])
        };
        let (asked, asking) = (between(&self.workload, &self.cluster), between(&self.cluster, &self.workload));
        let (asked, asking) = tokio::try_join!(
            cx.patiently(|| ec2.describe_peering_connections(&asked)),
            cx.patiently(|| ec2.describe_peering_connections(&asking)),
        )?;
        let mut found: Vec<PeeringConnection> = asked.into_iter().chain(asking).filter(is_live).collect();
        found.sort_by_key(|connection| !connection.is_active());
        Ok(found.into_iter().next())
    }
}

/// The connection as that side's account sees it, where it is live.
pub async fn describe(cx: &Context, side: Side, region: Option<&str>, id: &str) -> Result<Option<PeeringConnection>, Error> {
    Ok(connection(cx, side, region, id).await?.filter(is_live))
}

/// The same in whatever state.
pub async fn connection(cx: &Context, side: Side, region: Option<&str>, id: &str) -> Result<Option<PeeringConnection>, Error> {
    let ec2 = cx.ec2(side, region);
    let select = Select::id(id);
    let found = cx.patiently(|| ec2.describe_peering_connections(&select)).await.absent_is_none()?;
    Ok(found.and_then(|all| all.into_iter().next()))
}

pub fn is_live(connection: &PeeringConnection) -> bool {
    LIVE.contains(&connection.status.as_str())
}

/// A connection that was there and is not any more.
pub(super) fn gone(cx: &Context, side: Side, id: &str) -> Error {
    let message = format!(
        "the peering connection {id} is gone, or about to go: somebody deleted it in the meantime. Name one that stands in \
         peering_connection_id, or leave it out to have one made"
    );
    Error::of_kind(Kind::Absent, "ec2:DescribeVpcPeeringConnections", cx.label(side), message)
}

/// The connection's id, for a removal that has only an entry: its own, else the one that the ledger's other entries named.
pub(super) fn id_of<'a>(cx: &'a Context, entry: &'a Entry) -> Option<&'a str> {
    entry.id.as_deref().or(cx.peering_ids.first().map(String::as_str))
}

/// What is seen of an object that carries no tags of its own and goes with the connection.
pub(super) fn seen(id: Option<&str>, differs: bool) -> Observed {
    Observed { arn: None, id: id.map(str::to_owned), document: None, tags: None, owner: Owner::Parent, differs, facts: Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_or_was_refused_or_deleted_does_not_count_as_there() {
        let in_state = |status: &str| PeeringConnection { status: status.to_owned(), ..PeeringConnection::default() };
        for live in LIVE {
            assert!(is_live(&in_state(live)), "{live}");
        }
        for dead in ["failed", "rejected", "expired", "deleting", "deleted", ""] {
            assert!(!is_live(&in_state(dead)), "{dead}");
        }
    }
}
