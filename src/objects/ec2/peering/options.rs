//! Whether host names of one VPC resolve to private addresses from the other: `CLUSTER/VPC` in each account. The option is present where
//! it is on, absent where it is off.
//!
//! Each side's option is set by that side's account, in its VPC's region, and only on an active connection (EC2,
//! ModifyVpcPeeringConnectionOptions). Ledger: `id` (the connection's).

use async_trait::async_trait;

use super::link::{self, FORM, Link};
use super::untagged::Untagged;
use super::{accepter, usage};
use crate::aws::ec2::PeeringConnection;
use crate::aws::{Answer, Error, Side};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Contention, Deleted, Entry, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Written, parts,
};
use crate::objects::{Context, Env};

pub const KIND: &str = "ec2_vpc_peering_connection_options";

/// The options of that side's VPC, of which there is one: DNS resolution.
#[derive(Clone, Debug)]
pub struct Options {
    pub side: Side,
    pub link: Link,
    pub attribute: Path,
}

pub fn key(side: Side, link: &Link) -> Key {
    Key::new(side, KIND, &link.name)
}

#[async_trait]
impl Object<Context> for Options {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &OptionsKind
    }

    fn key(&self) -> Key {
        key(self.side, &self.link)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn region(&self) -> Option<String> {
        Some(self.link.end(self.side).region.clone())
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![self.link.key(), accepter::key(&self.link), usage::key(&self.link)]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(self.link.key())
    }

    /// A resource that is destroyed turns the option off, and reads afterwards whether another one has come to want it.
    fn contention(&self, _: &Reconcile) -> Contention {
        Contention::Cooperative
    }

    fn planned(&self, _: &Env) -> Planned {
        self.link.planned()
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(id) = self.link.id(reconcile) else { return Ok(None) };
        if !self.link.has_dns_resolution(cx, self.side, id).await? {
            return Ok(None);
        }
        let owner = usage::owner_of(cx, &self.link, reconcile, id, &Untagged::DnsResolution(self.side)).await?;
        Ok(Some(Observed { id: Some(id.to_owned()), owner, ..Observed::attached(false) }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, _: &str) -> Result<Written, Error> {
        let id = self.link.required_id(cx, reconcile)?;
        if let Some(found) = self.link.once_active(cx, self.side, id).await? {
            let end = self.link.end(self.side);
            let is_requester = link::is_requester(&found, &end.vpc_id);
            set_dns_resolution(cx, self.side, Some(&end.region), id, is_requester, true).await?;
        }
        Ok(Written { id: Some(id.to_owned()), ..Written::default() })
    }

    async fn update(&self, _: &Context, _: &Reconcile, _: &str, observed: &Observed) -> Result<Written, Error> {
        Ok(Written { id: observed.id.clone(), ..Written::default() })
    }
}

pub struct OptionsKind;

#[async_trait]
impl Kind<Context> for OptionsKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// Before the note that says whose it is.
    fn delete_order(&self, _: Origin) -> u8 {
        1
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<2>(name, FORM).map(drop)
    }

    fn parents(&self, key: &Key) -> Vec<Key> {
        vec![link::key(&key.name)]
    }

    /// Turns the option off where this resource turned it on, unless another create has taken the connection over.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [_, workload_vpc] = parts(&key.name, FORM)?;
        let ours = entry.origin.is_own() || entry.origin == Origin::Found;
        let Some(id) = link::id_of(cx, entry).filter(|_| ours) else { return Ok(Deleted::Now) };
        let region = entry.region.as_deref();
        let found = link::describe_live(cx, key.side, region, id).await?;
        let Some(found) = found.filter(PeeringConnection::is_active) else { return Ok(Deleted::Now) };
        if usage::is_taken_over(cx, &found.tags, entry) {
            return Ok(Deleted::Now);
        }
        let option = Untagged::DnsResolution(key.side);
        // By VPC, not by account: one account may have both VPCs.
        let is_requester = link::is_requester(&found, workload_vpc) == (key.side == Side::Workload);
        let own = if is_requester { &found.requester } else { &found.accepter };
        if own.dns_resolution != Some(true) || usage::is_wanted_elsewhere_now(cx, id, entry, &option).await? {
            return Ok(Deleted::Now);
        }
        set_dns_resolution(cx, key.side, region, id, is_requester, false).await.absent_is_none()?;
        // Another process may have noted the option between the read and the call: then it is turned on again.
        if usage::is_wanted_elsewhere_now(cx, id, entry, &option).await? {
            set_dns_resolution(cx, key.side, region, id, is_requester, true).await.absent_is_none()?;
        }
        Ok(Deleted::Now)
    }

    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        // EC2 shows an option as the call that set it left it.
        Ok(false)
    }
}

async fn set_dns_resolution(cx: &Context, side: Side, region: Option<&str>, id: &str, is_requester: bool, on: bool) -> Result<(), Error> {
    let ec2 = cx.ec2(side, region);
    let (requester, accepter) = if is_requester { (Some(on), None) } else { (None, Some(on)) };
    let send = || ec2.modify_peering_options(id, requester, accepter);
    // The connection may be active here and not yet everywhere in EC2.
    let passes =
        |e: &Error| link::is_in_transition(e) || e.code.as_deref() == Some("OperationNotPermitted") && e.message.contains("active");
    cx.until_visible("the peering connection to become active in both accounts", passes, || cx.patiently(send)).await
}
