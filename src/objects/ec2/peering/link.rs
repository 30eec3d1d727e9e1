//! The two VPCs that a peering connection connects, and the connection as either account sees it.
//!
//! Knows which connections count: those that carry traffic or may yet.

use crate::aws::ec2::{PeeringConnection, Select};
use crate::aws::{Answer, Error, Kind as ErrorKind, Side, wait};
use crate::diagnostics::Path;
use crate::engine::{Entry, Key, Planned, Reconcile};
use crate::objects::{Context, tags};

/// The kind of the connection itself, which the objects attached to it name.
pub const CONNECTION: &str = "ec2_vpc_peering_connection";
/// The kind of the routes over it.
pub const ROUTE: &str = "ec2_route";
/// The form of the names of the connection, its accepter, its options and its usage.
pub const FORM: &str = "CLUSTER/VPC";

/// States of a connection that is active or may become so (VPC peering guide, "VPC peering connection lifecycle"). One in another state
/// can't even be deleted; it disappears by itself.
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
    /// Id of the connection, where the configuration or the state has it.
    pub id: Option<String>,
    /// The attribute that names the connection: errors of the connection, its accepter and its usage point there.
    pub attribute: Path,
}

/// The key of the connection of that name.
pub fn key(name: &str) -> Key {
    Key::new(Side::Workload, CONNECTION, name)
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
        key(&self.name)
    }

    /// The connection's id: that of the object, which may have been created a moment ago, else the one known before.
    pub fn id<'a>(&'a self, reconcile: &'a Reconcile) -> Option<&'a str> {
        let object = reconcile.dependencies.get(&self.key()).and_then(|entry| entry.id.as_deref());
        object.or(self.id.as_deref())
    }

    /// The connection's id, for a call that can't do without.
    pub fn required_id<'a>(&'a self, cx: &Context, reconcile: &'a Reconcile) -> Result<&'a str, Error> {
        let missing = || {
            let message = format!("the ledger has no id of the peering connection {}", self.name);
            Error::of_kind(ErrorKind::Absent, "ec2:DescribeVpcPeeringConnections", cx.label(Side::Workload), message)
        };
        self.id(reconcile).ok_or_else(missing)
    }

    /// Whether the connection is this resource's alone.
    pub fn is_own(&self, reconcile: &Reconcile) -> bool {
        reconcile.dependencies.get(&self.key()).map_or(reconcile.origin, |entry| entry.origin).is_own()
    }

    /// The side of the accepter's VPC: either account may have requested the connection.
    pub fn side_of_accepter(&self, found: &PeeringConnection) -> Side {
        if found.accepter.vpc_id == self.cluster.vpc_id { Side::Cluster } else { Side::Workload }
    }

    pub fn connects(&self, found: &PeeringConnection) -> bool {
        found.connects(&self.cluster.vpc_id, &self.workload.vpc_id)
    }

    /// What a plan shows of an object that is attached to the connection and has its id.
    pub fn planned(&self) -> Planned {
        Planned { bound_to: Some(self.key()), ..Planned::default() }
    }

    /// The connection as that side's account sees it; `None` where it is not visible or no longer live.
    pub async fn describe_live(&self, cx: &Context, side: Side, id: &str) -> Result<Option<PeeringConnection>, Error> {
        describe_live(cx, side, Some(&self.end(side).region), id).await
    }

    /// The connection once that side's account sees it active; `None` where it is no longer live.
    pub async fn once_active(&self, cx: &Context, side: Side, id: &str) -> Result<Option<PeeringConnection>, Error> {
        let (call, region) = ("ec2:DescribeVpcPeeringConnections", Some(self.end(side).region.as_str()));
        wait::until(&cx.limits(), "the peering connection to become active", call, cx.label(side), || async move {
            Ok(match describe_now(cx, side, region, id).await? {
                // What was accepted a moment ago may not be visible yet.
                None => None,
                Some(found) if is_live(&found) => found.is_active().then_some(Some(found)),
                Some(_) => Some(None),
            })
        })
        .await
    }

    /// The connection of these two VPCs; an active one before one that may become active.
    pub async fn find(&self, cx: &Context) -> Result<Option<PeeringConnection>, Error> {
        find(cx, &self.workload.region, [&self.cluster.vpc_id, &self.workload.vpc_id]).await
    }

    /// Whether that side's DNS option is on.
    pub async fn has_dns_resolution(&self, cx: &Context, side: Side, id: &str) -> Result<bool, Error> {
        let found = self.describe_live(cx, side, id).await?;
        Ok(found.is_some_and(|found| has_dns_resolution(&found, &self.end(side).vpc_id)))
    }

    /// The error of a connection that existed at the beginning of the run and does not any more.
    pub fn gone(&self, cx: &Context, side: Side, id: &str) -> Error {
        let message = format!(
            "the peering connection {id} was deleted during this run, or is being deleted. Set {0} to an existing connection, or leave {0} out \
             to have xeks create one",
            self.attribute
        );
        Error::of_kind(ErrorKind::Absent, "ec2:DescribeVpcPeeringConnections", cx.label(side), message)
    }
}

/// The connection of two VPCs, as the workload account sees it in that region; an active one before one that may become active.
pub async fn find(cx: &Context, region: &str, vpcs: [&str; 2]) -> Result<Option<PeeringConnection>, Error> {
    let ec2 = cx.ec2(Side::Workload, Some(region));
    // Either account may have requested it. A VPC is not connected to itself.
    let select = Select::by("requester-vpc-info.vpc-id", vpcs).and("accepter-vpc-info.vpc-id", vpcs);
    let ask = || cx.patiently(|| ec2.describe_peering_connections(&select));
    let mut found = cx.look.once(format!("{region} {vpcs:?}"), ask).await?;
    found.retain(is_live);
    found.sort_by_key(|connection| !connection.is_active());
    Ok(found.into_iter().next())
}

/// The connection as that side's account sees it, in whatever state.
pub async fn describe(cx: &Context, side: Side, region: Option<&str>, id: &str) -> Result<Option<PeeringConnection>, Error> {
    let home = || if side == Side::Cluster { cx.region.as_str() } else { cx.account(side).region() };
    let question = format!("{side} {} {id}", region.unwrap_or_else(home));
    cx.look.once(question, || describe_now(cx, side, region, id)).await
}

/// The same at this moment, for who waits for a change.
pub async fn describe_now(cx: &Context, side: Side, region: Option<&str>, id: &str) -> Result<Option<PeeringConnection>, Error> {
    let ec2 = cx.ec2(side, region);
    let select = Select::id(id);
    let found = cx.patiently(|| ec2.describe_peering_connections(&select)).await.absent_is_none()?;
    Ok(found.and_then(|all| all.into_iter().next()))
}

/// What a call has just returned, for the first look of a wait; without it the connection at this moment.
pub async fn known_or_now(
    known: Option<PeeringConnection>,
    cx: &Context,
    side: Side,
    region: Option<&str>,
    id: &str,
) -> Result<Option<PeeringConnection>, Error> {
    match known {
        Some(known) => Ok(Some(known)),
        None => describe_now(cx, side, region, id).await,
    }
}

/// What `describe` returns, where it is live.
pub async fn describe_live(cx: &Context, side: Side, region: Option<&str>, id: &str) -> Result<Option<PeeringConnection>, Error> {
    Ok(describe(cx, side, region, id).await?.filter(is_live))
}

pub fn is_live(connection: &PeeringConnection) -> bool {
    LIVE.contains(&connection.status.as_str())
}

/// Whether that VPC is the requester's.
pub fn is_requester(found: &PeeringConnection, vpc_id: &str) -> bool {
    found.requester.vpc_id == vpc_id
}

/// Whether the DNS option of that VPC's side is on, as far as its own account and region show.
pub fn has_dns_resolution(found: &PeeringConnection, vpc_id: &str) -> bool {
    let own = if is_requester(found, vpc_id) { &found.requester } else { &found.accepter };
    own.dns_resolution == Some(true)
}

/// Whether the connection's present state does not allow the change of state: another change is under way, or this one was made before.
pub fn is_in_transition(error: &Error) -> bool {
    matches!(error.code.as_deref(), Some("InvalidStateTransition" | "IncorrectState"))
}

/// The connection's id, for a deletion that has nothing but a ledger entry: the entry's own, else that of the connection in the ledger.
pub fn id_of<'a>(cx: &'a Context, entry: &'a Entry) -> Option<&'a str> {
    let recorded = || cx.recorded.0.iter().filter(|(key, _)| key.kind == CONNECTION).find_map(|(_, entry)| entry.id.as_deref());
    entry.id.as_deref().or_else(recorded)
}

/// Sets and removes tags of one account's view of a connection, or of a security group rule.
pub async fn retag(cx: &Context, side: Side, region: &str, id: &str, change: &tags::Change) -> Result<(), Error> {
    let ec2 = cx.ec2(side, Some(region));
    if !change.unset.is_empty() {
        let keys: Vec<&str> = change.unset.iter().map(String::as_str).collect();
        cx.patiently(|| ec2.delete_tags(id, &keys)).await?;
    }
    cx.patiently(|| ec2.create_tags(id, &change.set)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_failed_or_was_rejected_or_deleted_is_not_live() {
        let in_state = |status: &str| PeeringConnection { status: status.to_owned(), ..PeeringConnection::default() };
        for live in LIVE {
            assert!(is_live(&in_state(live)), "{live}");
        }
        for dead in ["failed", "rejected", "expired", "deleting", "deleted", ""] {
            assert!(!is_live(&in_state(dead)), "{dead}");
        }
    }
}
