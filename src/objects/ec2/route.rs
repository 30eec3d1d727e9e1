//! A route over the peering connection: `TABLE/DESTINATION`. Routes have no tags: ours is the one in that table, to that block, over
//! our connection. One that leads elsewhere is not ours, counts as absent, and is never overwritten.
//!
//! Ledger: `id` (the connection that it leads over).

use std::future::Future;

use async_trait::async_trait;

use super::link::{self, Link};
use super::usage::Thing;
use super::{acceptance, usage};
use crate::aws::ec2::{Route as Found, RouteTable, Select};
use crate::aws::{Answer, Error, Kind, Side};
use crate::engine::{Contention, Entry, Key, Made, Object, Observed, OnExisting, Reconcile};
use crate::objects::context::Context;

pub const KIND: &str = "ec2_route";

#[derive(Clone, Debug)]
pub struct Route {
    pub side: Side,
    pub link: Link,
    pub table: String,
    /// A canonical IPv4 or IPv6 block.
    pub destination: String,
}

pub fn key(side: Side, table: &str, destination: &str) -> Key {
    Key::new(side, KIND, format!("{table}/{destination}"))
}

/// What is noted of a route.
pub fn thing(side: Side, table: &str, destination: &str) -> Thing {
    Thing::Route { side, table: table.to_owned(), destination: destination.to_owned() }
}

/// Table and destination of a route's key.
pub fn parts_of(key: &Key) -> Option<(&str, &str)> {
    key.name.split_once('/')
}

#[async_trait]
impl Object<Context> for Route {
    fn key(&self) -> Key {
        key(self.side, &self.table, &self.destination)
    }

    fn region(&self) -> Option<String> {
        Some(self.link.end(self.side).region.clone())
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![self.link.key(), acceptance::key(&self.link), usage::key(&self.link)]
    }

    /// On somebody else's connection what was there stays, unless our note says that we made it.
    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(self.link.key())
    }

    /// Whoever leaves deletes it, and looks afterwards whether somebody came meanwhile.
    fn contention(&self, _: &Reconcile) -> Contention {
        Contention::Cooperative
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(found) = find(cx, self.side, &self.link.end(self.side).region, &self.table, &self.destination).await? else {
            return Ok(None);
        };
        let wanted = self.link.id(reconcile);
        let before = reconcile.entry.as_ref().and_then(|entry| entry.id.as_deref());
        // The second: it leads over a connection of ours that is gone, and that one's successor takes its place.
        if ![wanted, before].contains(&Some(found.target.as_str())) {
            return Ok(None);
        }
        let owner = usage::owner_of(cx, &self.link, reconcile, &found.target, &self.thing()).await?;
        Ok(Some(Observed { owner, ..link::seen(Some(&found.target), wanted != Some(found.target.as_str())) }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let id = self.link.id(reconcile).unwrap_or_default();
        let region = &self.link.end(self.side).region;
        let ec2 = cx.ec2(self.side, Some(region));
        let send = || ec2.create_route(&self.table, &self.destination, id);
        match self.once_known(cx, id, send).await {
            Err(error) if error.is(Kind::Exists) => match find(cx, self.side, region, &self.table, &self.destination).await? {
                // The answer to a first attempt was lost.
                Some(found) if found.target == id => {}
                Some(found) => return Err(Error { message: self.leads_elsewhere(&found, region), ..error }),
                None => return Err(error),
            },
            result => result?,
        }
        Ok(Made { id: Some(id.to_owned()), ..Made::default() })
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let id = self.link.id(reconcile).or(observed.id.as_deref()).unwrap_or_default();
        if observed.differs {
            let ec2 = cx.ec2(self.side, Some(&self.link.end(self.side).region));
            let send = || ec2.replace_route(&self.table, &self.destination, id);
            self.once_known(cx, id, send).await?;
        }
        Ok(Made { id: Some(id.to_owned()), ..Made::default() })
    }
}

/// Deletes the route if it still leads over our connection, unless somebody else's traffic takes it too.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let Some((table, destination)) = parts_of(key).filter(|_| entry.origin.is_own()) else { return Ok(()) };
    let Some(id) = link::id_of(cx, entry) else { return Ok(()) };
    let region = entry.region.as_deref().unwrap_or(&cx.region);
    let (route, peering) = tokio::try_join!(find(cx, key.side, region, table, destination), link::describe(cx, Side::Cluster, None, id))?;
    if route.is_none_or(|route| route.target != id) {
        return Ok(());
    }
    let tags = peering.map(|peering| peering.tags).unwrap_or_default();
    let thing = thing(key.side, table, destination);
    if usage::is_taken_over(cx, &tags, entry) || usage::is_wanted_by_others(cx, &tags, entry, &thing) {
        return Ok(());
    }
    let ec2 = cx.ec2(key.side, Some(region));
    cx.patiently(|| ec2.delete_route(table, destination)).await.absent_is_none()?;
    // Another process may have noted that it wants the route between the look and the call: then it comes back.
    if usage::is_wanted_now(cx, id, entry, &thing).await? {
        cx.patiently(|| ec2.create_route(table, destination, id)).await.exists_is_none()?;
    }
    Ok(())
}

/// What is wrong with a route that is in the way, and what to do about it.
pub fn in_the_way(found: &Found, side: Side, region: &str, table: &str, attributes: &str) -> String {
    let gone = if found.state == "blackhole" { ", which is gone (the route is a blackhole)" } else { "" };
    format!(
        "{table} has a route to {} already, and it leads to {}{gone}. A route that leads elsewhere is never overwritten. Delete it (`aws ec2 \
         delete-route --region {region} --route-table-id {table} --{} {}` in the {side} account), or leave the table or the block out by {attributes}",
        found.destination,
        if found.target.is_empty() { "a target that EC2 does not name" } else { &found.target },
        if found.destination.contains(':') { "destination-ipv6-cidr-block" } else { "destination-cidr-block" },
        found.destination,
    )
}

/// The attributes that say which routes that side has.
pub fn attributes(side: Side) -> &'static str {
    match side {
        Side::Cluster => "cluster_route_table_ids or workload_cidrs",
        Side::Workload => "workload_route_table_ids or cluster_cidrs",
    }
}

pub(super) async fn find(cx: &Context, side: Side, region: &str, table: &str, destination: &str) -> Result<Option<Found>, Error> {
    let ec2 = cx.ec2(side, Some(region));
    let select = Select::id(table);
    let tables = cx.patiently(|| ec2.describe_route_tables(&select)).await.absent_is_none()?;
    Ok(tables.into_iter().flatten().find_map(|table: RouteTable| table.route_to(destination).cloned()))
}

/// A connection that was made a moment ago.
fn is_unseen(error: &Error) -> bool {
    error.code.as_deref() == Some("InvalidVpcPeeringConnectionID.NotFound") || super::peering::is_in_transition(error)
}

impl Route {
    /// A call that names the connection: repeated while that is too new to be known, and not once it is on its way out.
    async fn once_known<F, Fut>(&self, cx: &Context, id: &str, send: F) -> Result<(), Error>
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<(), Error>> + Send,
    {
        let attempt = || async {
            let Err(error) = cx.patiently(&send).await else { return Ok(()) };
            let region = Some(self.link.end(self.side).region.as_str());
            if is_unseen(&error) && link::connection(cx, self.side, region, id).await?.is_some_and(|found| !link::is_live(&found)) {
                return Err(link::gone(cx, self.side, id));
            }
            Err(error)
        };
        cx.until_shown("the peering connection to be known to routes", is_unseen, attempt).await
    }

    fn thing(&self) -> Thing {
        thing(self.side, &self.table, &self.destination)
    }

    fn leads_elsewhere(&self, found: &Found, region: &str) -> String {
        in_the_way(found, self.side, region, &self.table, attributes(self.side))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_in_the_way_is_told_with_its_target_and_how_to_delete_it() {
        let found = Found { destination: "2001:db8::/56".into(), target: "nat-1".into(), ..Found::default() };
        let text = in_the_way(&found, Side::Cluster, "ap-south-1", "rtb-1", attributes(Side::Cluster));
        assert!(text.contains("leads to nat-1.") && text.contains("--destination-ipv6-cidr-block 2001:db8::/56"), "{text}");
        let gone = Found { state: "blackhole".into(), ..found };
        assert!(in_the_way(&gone, Side::Cluster, "r", "t", "").contains("which is gone"));
    }

    #[test]
    fn a_routes_key_holds_its_table_and_block() {
        let key = key(Side::Workload, "rtb-1", "10.0.0.0/8");
        assert_eq!(key.to_string(), "workload/ec2_route/rtb-1/10.0.0.0/8");
        assert_eq!(parts_of(&key), Some(("rtb-1", "10.0.0.0/8")));
    }
}
