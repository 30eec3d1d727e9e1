//! A route over the peering connection: `TABLE/DESTINATION`. Routes have no tags: this resource's is the one in that table, to that block,
//! over its connection. One with another target counts as absent, and is never overwritten.
//!
//! Ledger: `id` (the connection that it leads over).

use std::future::Future;

use async_trait::async_trait;

use super::link::{self, Link};
use super::untagged::{Untagged, find_recorded_route, find_route, forget_tables};
use super::{accepter, usage};
use crate::aws::ec2::Route as Found;
use crate::aws::{Answer, Error, Kind as ErrorKind, Side};
use crate::diagnostics::Path;
use crate::engine::{
    BadName, Contention, Deleted, Entry, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Written, parts,
};
use crate::objects::{Context, Env};

pub const KIND: &str = link::ROUTE;

const FORM: &str = "TABLE/DESTINATION";

#[derive(Clone, Debug)]
pub struct Route {
    pub side: Side,
    pub link: Link,
    pub table: String,
    /// A canonical IPv4 or IPv6 block.
    pub destination: String,
    pub attribute: Path,
    /// The attributes that say which routes that side has, as a sentence ends with them: for the error of a route with another target.
    pub listed_by: &'static str,
}

pub fn key(side: Side, table: &str, destination: &str) -> Key {
    Key::new(side, KIND, format!("{table}/{destination}"))
}

/// Table and destination of a route's key.
pub fn table_and_destination(key: &Key) -> Result<(&str, &str), BadName> {
    let [table, destination] = parts(&key.name, FORM)?;
    Ok((table, destination))
}

/// What is wrong with a route that has another target, and what to do about it. `listed_by` names the attributes that say which routes
/// there are, `user` the resource of this provider whose route it is.
pub fn in_the_way(found: &Found, side: Side, region: &str, table: &str, listed_by: &str, user: Option<&str>) -> String {
    let gone = if found.state == "blackhole" { ", which no longer exists (the route is a blackhole)" } else { "" };
    let target = if found.target.is_empty() { "a target that EC2 does not report" } else { &found.target };
    let beginning = format!("{table} already has a route to {}, with the target {target}{gone}.", found.destination);
    if let Some(user) = user {
        return format!(
            "{beginning} It is a route of {user}, by the tags of {target}. {} Keep that route: its resource creates it again",
            one_target(&found.destination, listed_by)
        );
    }
    format!(
        "{beginning} xeks never overwrites a route with another target. Exclude the CIDR block or the route table with {listed_by}, or delete the \
         route: `aws ec2 delete-route --region {region} --route-table-id {table} --{} {}` in the {side} account",
        if found.destination.contains(':') { "destination-ipv6-cidr-block" } else { "destination-cidr-block" },
        found.destination,
    )
}

/// What to do where two resources route one block in one table.
pub fn one_target(block: &str, listed_by: &str) -> String {
    format!(
        "A route table sends a block to one target only. Leave {block} out of one of the two resources with {listed_by}: the API server needs \
         no more than the blocks of the cluster's subnets, and no block that pods alone use."
    )
}

#[async_trait]
impl Object<Context> for Route {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &RouteKind
    }

    fn key(&self) -> Key {
        key(self.side, &self.table, &self.destination)
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

    /// On a foreign connection what existed before is kept, unless this resource's note says that it created the route.
    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(self.link.key())
    }

    fn create_is_refused_if_it_exists(&self) -> bool {
        true
    }

    /// A resource that is destroyed deletes the route, and reads afterwards whether another one has come to want it.
    fn contention(&self, _: &Reconcile) -> Contention {
        Contention::Cooperative
    }

    fn planned(&self, _: &Env) -> Planned {
        self.link.planned()
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let Some(found) = find_route(cx, self.side, self.link.end(self.side), &self.table, &self.destination).await? else {
            return Ok(None);
        };
        let wanted = self.link.id(reconcile);
        let before = reconcile.entry.as_ref().and_then(|entry| entry.id.as_deref());
        // The second: it leads over a connection of this resource that is gone, and is pointed to that one's successor.
        if ![wanted, before].contains(&Some(found.target.as_str())) {
            return Ok(None);
        }
        let owner = usage::owner_of(cx, &self.link, reconcile, &found.target, &self.untagged()).await?;
        let differs = wanted != Some(found.target.as_str());
        Ok(Some(Observed { id: Some(found.target), owner, ..Observed::attached(differs) }))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, _: &str) -> Result<Written, Error> {
        let id = self.link.required_id(cx, reconcile)?;
        let region = &self.link.end(self.side).region;
        let ec2 = cx.ec2(self.side, Some(region));
        let send = || ec2.create_route(&self.table, &self.destination, id);
        forget_tables(cx, self.side);
        match self.once_visible(cx, id, send).await {
            Err(error) if error.is(ErrorKind::Exists) => {
                match find_route(cx, self.side, self.link.end(self.side), &self.table, &self.destination).await? {
                    // The answer to a first attempt was lost.
                    Some(found) if found.target == id => {}
                    Some(found) => {
                        let user = usage::resource_of(cx, self.side, region, &found.target, &self.untagged()).await;
                        let message = in_the_way(&found, self.side, region, &self.table, self.listed_by, user.as_deref());
                        return Err(Error { message, ..error });
                    }
                    None => return Err(error),
                }
            }
            result => result?,
        }
        Ok(Written { id: Some(id.to_owned()), ..Written::default() })
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, _: &str, observed: &Observed) -> Result<Written, Error> {
        let id = self.link.id(reconcile).or(observed.id.as_deref());
        if observed.differs
            && let Some(id) = id
        {
            let ec2 = cx.ec2(self.side, Some(&self.link.end(self.side).region));
            let send = || ec2.replace_route(&self.table, &self.destination, id);
            forget_tables(cx, self.side);
            self.once_visible(cx, id, send).await?;
        }
        Ok(Written { id: id.map(str::to_owned), ..Written::default() })
    }
}

pub struct RouteKind;

#[async_trait]
impl Kind<Context> for RouteKind {
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

    /// Deletes the route if it still leads over this resource's connection and no other resource uses it.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let (table, destination) = table_and_destination(key)?;
        let Some(id) = link::id_of(cx, entry).filter(|_| entry.origin.is_own()) else { return Ok(Deleted::Now) };
        let region = entry.region.as_deref().unwrap_or(&cx.region);
        let (route, connection) = tokio::try_join!(
            find_recorded_route(cx, key.side, region, table, destination),
            link::describe_live(cx, Side::Cluster, None, id)
        )?;
        if route.is_none_or(|route| route.target != id) {
            return Ok(Deleted::Now);
        }
        let tags = connection.map(|connection| connection.tags).unwrap_or_default();
        let route = Untagged::route(key.side, table, destination);
        if usage::is_taken_over(cx, &tags, entry) || usage::is_wanted_elsewhere(cx, &tags, entry, &route) {
            return Ok(Deleted::Now);
        }
        let ec2 = cx.ec2(key.side, Some(region));
        cx.patiently(|| ec2.delete_route(table, destination)).await.absent_is_none()?;
        forget_tables(cx, key.side);
        // Another process may have noted the route between the read and the call: then it is created again.
        if usage::is_wanted_elsewhere_now(cx, id, entry, &route).await? {
            cx.patiently(|| ec2.create_route(table, destination, id)).await.exists_is_none()?;
        }
        Ok(Deleted::Now)
    }

    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        // A create that EC2 answers with "exists" reads the route again.
        Ok(false)
    }
}

/// Whether the error may only mean that the connection was created a moment ago.
fn is_not_visible_yet(error: &Error) -> bool {
    error.code.as_deref() == Some("InvalidVpcPeeringConnectionID.NotFound") || link::is_in_transition(error)
}

impl Route {
    /// A call that names the connection: repeated while that is too new to be visible, but not once it is being deleted.
    async fn once_visible<F, Fut>(&self, cx: &Context, id: &str, send: F) -> Result<(), Error>
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<(), Error>> + Send,
    {
        let attempt = || async {
            let Err(error) = cx.patiently(&send).await else { return Ok(()) };
            let region = Some(self.link.end(self.side).region.as_str());
            if is_not_visible_yet(&error) && link::describe(cx, self.side, region, id).await?.is_some_and(|found| !link::is_live(&found)) {
                return Err(self.link.gone(cx, self.side, id));
            }
            Err(error)
        };
        cx.until_visible("the peering connection to be visible to routes", is_not_visible_yet, attempt).await
    }

    fn untagged(&self) -> Untagged {
        Untagged::route(self.side, &self.table, &self.destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_in_the_way_is_described_with_its_target_and_how_to_delete_it() {
        let found = Found { destination: "2001:db8::/56".into(), target: "nat-1".into(), ..Found::default() };
        let text = in_the_way(&found, Side::Cluster, "ap-south-1", "rtb-1", "cidrs or route_table_ids", None);
        assert!(text.contains("with the target nat-1.") && text.contains("--destination-ipv6-cidr-block 2001:db8::/56"), "{text}");
        assert!(text.contains("with cidrs or route_table_ids, or delete"), "{text}");
        let gone = Found { state: "blackhole".into(), ..found };
        assert!(in_the_way(&gone, Side::Cluster, "r", "t", "", None).contains("which no longer exists"));
    }

    #[test]
    fn a_route_of_another_resource_is_named_and_never_to_be_deleted() {
        let found = Found { destination: "100.64.0.0/16".into(), target: "pcx-1".into(), ..Found::default() };
        let text = in_the_way(&found, Side::Workload, "ap-south-1", "rtb-1", "cluster_cidrs", Some("xeks_cluster_peering:blue"));
        assert!(text.contains("a route of xeks_cluster_peering:blue") && text.contains("Leave 100.64.0.0/16 out"), "{text}");
        assert!(text.contains("with cluster_cidrs") && !text.contains("delete-route"), "{text}");
    }

    #[test]
    fn a_routes_key_holds_its_table_and_block() {
        let key = key(Side::Workload, "rtb-1", "10.0.0.0/8");
        assert_eq!(key.to_string(), "workload/ec2_route/rtb-1/10.0.0.0/8");
        assert_eq!(table_and_destination(&key), Ok(("rtb-1", "10.0.0.0/8")));
        assert!(table_and_destination(&Key::new(Side::Workload, KIND, "rtb-1")).is_err());
    }
}
