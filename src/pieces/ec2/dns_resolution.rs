//! Whether host names of one VPC resolve to private addresses from the other: `CLUSTER/VPC` in each account. On is present, off is
//! absent.
//!
//! Each side's option is set by that side's account, in its VPC's region, and only on an active connection (EC2,
//! ModifyVpcPeeringConnectionOptions). Ledger: `id` (the connection's).

use async_trait::async_trait;

use super::link::{self, Link};
use super::uses::{self, Thing};
use super::{acceptance, peering};
use crate::aws::ec2::PeeringConnection;
use crate::aws::{Answer, Error};
use crate::engine::{Entry, Job, Key, Made, Observed, Origin, Piece, Side, Welcome, Writers};
use crate::pieces::cloud::Cloud;

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
impl Piece<Cloud> for DnsResolution {
    fn key(&self) -> Key {
        key(self.side, &self.link)
    }

    fn region(&self) -> Option<String> {
        Some(self.link.end(self.side).region.clone())
    }

    fn needs(&self) -> Vec<Key> {
        vec![self.link.key(), acceptance::key(&self.link), uses::key(&self.link)]
    }

    fn welcome(&self) -> Welcome {
        Welcome::AsParent(self.link.key())
    }

    /// Whoever leaves turns it off, and looks afterwards whether somebody came meanwhile.
    fn writers(&self, _: &Job) -> Writers {
        Writers::Minding
    }

    async fn observe(&self, cloud: &Cloud, job: &Job) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(job) else { return Ok(None) };
        if !is_on(cloud, self.side, &self.link, id).await? {
            return Ok(None);
        }
        let owner = uses::owner_of(cloud, &self.link, job, id, &Thing::DnsResolution(self.side)).await?;
        Ok(Some(Observed { owner, ..link::seen(Some(id), false) }))
    }

    async fn create(&self, cloud: &Cloud, job: &Job) -> Result<Made, Error> {
        let id = self.link.id(job).unwrap_or_default();
        if let Some(found) = self.link.see(cloud, self.side, id).await? {
            let requests = requests(&found, &self.link.end(self.side).vpc_id);
            turn(cloud, self.side, Some(&self.link.end(self.side).region), id, requests, true).await?;
        }
        Ok(Made { id: Some(id.to_owned()), ..Made::default() })
    }

    async fn update(&self, _: &Cloud, _: &Job, observed: &Observed) -> Result<Made, Error> {
        Ok(Made { id: observed.id.clone(), ..Made::default() })
    }
}

/// Whether that side's option is on.
pub async fn is_on(cloud: &Cloud, side: Side, link: &Link, id: &str) -> Result<bool, Error> {
    Ok(link.see(cloud, side, id).await?.is_some_and(|found| is_on_in(&found, &link.end(side).vpc_id)))
}

/// Whether the option of that VPC's side is on, as far as its own account and region tell.
pub fn is_on_in(found: &PeeringConnection, vpc_id: &str) -> bool {
    let own = if requests(found, vpc_id) { &found.requester } else { &found.accepter };
    own.dns_resolution == Some(true)
}

/// Turns the option off again, where it was we who turned it on and the connection was not taken over by another create.
pub(in crate::pieces) async fn remove(cloud: &Cloud, key: &Key, entry: &Entry) -> Result<(), Error> {
    let ours = entry.origin.is_own() || entry.origin == Origin::Found;
    let Some(id) = link::id_of(cloud, entry).filter(|_| ours) else { return Ok(()) };
    let region = entry.region.as_deref();
    let Some(found) = link::describe(cloud, key.side, region, id).await?.filter(PeeringConnection::is_active) else { return Ok(()) };
    if uses::is_taken_over(cloud, &found.tags, entry) {
        return Ok(());
    }
    let thing = Thing::DnsResolution(key.side);
    // Both VPCs may be of one account: the key's name ends in the workload's.
    let workload_vpc = key.name.rsplit('/').next().unwrap_or_default();
    let requests = (found.requester.vpc_id == workload_vpc) == (key.side == Side::Workload);
    let own = if requests { &found.requester } else { &found.accepter };
    if own.dns_resolution != Some(true) || uses::is_wanted_now(cloud, id, entry, &thing).await? {
        return Ok(());
    }
    turn(cloud, key.side, region, id, requests, false).await.absent_is_none()?;
    // Another process may have noted that it wants the option between the look and the call: then it comes back.
    if uses::is_wanted_now(cloud, id, entry, &thing).await? {
        turn(cloud, key.side, region, id, requests, true).await.absent_is_none()?;
    }
    Ok(())
}

/// Whether that VPC is the one whose account asked for the connection.
fn requests(found: &PeeringConnection, vpc_id: &str) -> bool {
    found.requester.vpc_id == vpc_id
}

async fn turn(cloud: &Cloud, side: Side, region: Option<&str>, id: &str, requests: bool, on: bool) -> Result<(), Error> {
    let ec2 = cloud.ec2(side, region);
    let (requester, accepter) = if requests { (Some(on), None) } else { (None, Some(on)) };
    let send = || ec2.modify_peering_options(id, requester, accepter);
    // The connection may be active here and not yet known to be everywhere.
    let passes =
        |e: &Error| peering::is_in_transition(e) || e.code.as_deref() == Some("OperationNotPermitted") && e.message.contains("active");
    cloud.until_shown("the peering connection to be active everywhere", passes, || cloud.patiently(send)).await
}
