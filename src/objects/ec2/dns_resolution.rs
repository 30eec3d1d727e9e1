//! Whether host names of one VPC resolve to private addresses from the other: `CLUSTER/VPC` in each account. On is present, off is
//! absent.
//!
//! Each side's option is set by that side's account, in its VPC's region, and only on an active connection (EC2,
//! ModifyVpcPeeringConnectionOptions). Ledger: `id` (the connection's).

use async_trait::async_trait;

use super::link::{self, Link};
use super::usage::{self, Thing};
use super::{acceptance, peering};
use crate::aws::ec2::PeeringConnection;
use crate::aws::{Answer, Error, Side};
use crate::engine::{Contention, Entry, Key, Made, Object, Observed, OnExisting, Origin, Reconcile};
use crate::objects::context::Context;

pub const KIND: &str = "ec2_vpc_peering_connection_options";

#[derive(Clone, Debug)]
pub struct DnsResolution {
    pub side: Side,
    pub link: Link,
}

pub fn key(side: Side, link: &Link) -> Key {
    Key::new(side, KIND, &link.name)
}

#[async_trait]
impl Object<Context> for DnsResolution {
    fn key(&self) -> Key {
        key(self.side, &self.link)
    }

    fn region(&self) -> Option<String> {
        Some(self.link.end(self.side).region.clone())
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![self.link.key(), acceptance::key(&self.link), usage::key(&self.link)]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(self.link.key())
    }

    /// Whoever leaves locks it off, and looks afterwards whether somebody came meanwhile.
    fn contention(&self, _: &Reconcile) -> Contention {
        Contention::Cooperative
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(reconcile) else { return Ok(None) };
        if !is_on(cx, self.side, &self.link, id).await? {
            return Ok(None);
        }
        let owner = usage::owner_of(cx, &self.link, reconcile, id, &Thing::DnsResolution(self.side)).await?;
        Ok(Some(Observed { owner, ..link::seen(Some(id), false) }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let id = self.link.id(reconcile).unwrap_or_default();
        if let Some(found) = self.link.see(cx, self.side, id).await? {
            let requests = requests(&found, &self.link.end(self.side).vpc_id);
            turn(cx, self.side, Some(&self.link.end(self.side).region), id, requests, true).await?;
        }
        Ok(Made { id: Some(id.to_owned()), ..Made::default() })
    }

    async fn update(&self, _: &Context, _: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        Ok(Made { id: observed.id.clone(), ..Made::default() })
    }
}

/// Whether that side's option is on.
pub async fn is_on(cx: &Context, side: Side, link: &Link, id: &str) -> Result<bool, Error> {
    Ok(link.see(cx, side, id).await?.is_some_and(|found| is_on_in(&found, &link.end(side).vpc_id)))
}

/// Whether the option of that VPC's side is on, as far as its own account and region tell.
pub fn is_on_in(found: &PeeringConnection, vpc_id: &str) -> bool {
    let own = if requests(found, vpc_id) { &found.requester } else { &found.accepter };
    own.dns_resolution == Some(true)
}

/// Turns the option off again, where it was we who turned it on and the connection was not taken over by another create.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let ours = entry.origin.is_own() || entry.origin == Origin::Found;
    let Some(id) = link::id_of(cx, entry).filter(|_| ours) else { return Ok(()) };
    let region = entry.region.as_deref();
    let Some(found) = link::describe(cx, key.side, region, id).await?.filter(PeeringConnection::is_active) else { return Ok(()) };
    if usage::is_taken_over(cx, &found.tags, entry) {
        return Ok(());
    }
    let thing = Thing::DnsResolution(key.side);
    // Both VPCs may be of one account: the key's name ends in the workload's.
    let workload_vpc = key.name.rsplit('/').next().unwrap_or_default();
    let requests = (found.requester.vpc_id == workload_vpc) == (key.side == Side::Workload);
    let own = if requests { &found.requester } else { &found.accepter };
    if own.dns_resolution != Some(true) || usage::is_wanted_now(cx, id, entry, &thing).await? {
        return Ok(());
    }
    turn(cx, key.side, region, id, requests, false).await.absent_is_none()?;
    // Another process may have noted that it wants the option between the look and the call: then it comes back.
    if usage::is_wanted_now(cx, id, entry, &thing).await? {
        turn(cx, key.side, region, id, requests, true).await.absent_is_none()?;
    }
    Ok(())
}

/// Whether that VPC is the one whose account asked for the connection.
fn requests(found: &PeeringConnection, vpc_id: &str) -> bool {
    found.requester.vpc_id == vpc_id
}

async fn turn(cx: &Context, side: Side, region: Option<&str>, id: &str, requests: bool, on: bool) -> Result<(), Error> {
    let ec2 = cx.ec2(side, region);
    let (requester, accepter) = if requests { (Some(on), None) } else { (None, Some(on)) };
    let send = || ec2.modify_peering_options(id, requester, accepter);
    // The connection may be active here and not yet known to be everywhere.
    let passes =
        |e: &Error| peering::is_in_transition(e) || e.code.as_deref() == Some("OperationNotPermitted") && e.message.contains("active");
    cx.until_shown("the peering connection to be active everywhere", passes, || cx.patiently(send)).await
}
