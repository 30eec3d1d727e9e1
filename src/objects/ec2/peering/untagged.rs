//! What a resource has on a peering connection that can't be tagged: routes and DNS options. How each is noted, and whether it exists.
//!
//! Knows nothing of who has noted what.

use std::collections::BTreeSet;

use super::link::{End, Link, ROUTE};
use super::note::{self, Note};
use crate::aws::ec2::{Route, RouteTable, Select};
use crate::aws::{Answer, Error, Side};
use crate::objects::Context;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Untagged {
    Route { side: Side, table: String, destination: String },
    DnsResolution(Side),
}

impl Untagged {
    pub fn route(side: Side, table: &str, destination: &str) -> Self {
        Untagged::Route { side, table: table.to_owned(), destination: destination.to_owned() }
    }

    /// What a note says of it.
    pub fn digest(&self) -> String {
        match self {
            Untagged::Route { table, destination, .. } => note::digest(&format!("{table}/{destination}")),
            Untagged::DnsResolution(side) => note::digest(&format!("dns_resolution/{}", side.as_str())),
        }
    }

    /// Whether it exists on that connection.
    pub async fn exists(&self, cx: &Context, link: &Link, id: &str) -> Result<bool, Error> {
        match self {
            Untagged::DnsResolution(side) => link.has_dns_resolution(cx, *side, id).await,
            Untagged::Route { side, table, destination } => {
                let found = find_route(cx, *side, link.end(*side), table, destination).await?;
                Ok(found.is_some_and(|route| route.target == id))
            }
        }
    }
}

/// What the note says on a connection of this resource: its routes, which other resources may come to want.
pub fn note_on_own(cx: &Context, wanted: &BTreeSet<Untagged>) -> Note {
    let routes = wanted.iter().filter(|untagged| matches!(untagged, Untagged::Route { .. }));
    Note::new(&cx.ownership.resource, routes.map(Untagged::digest))
}

/// Beginning of the questions about route tables.
const TABLES: &str = "route tables";

/// The route of that table of a VPC to exactly that destination, whatever its target.
pub async fn find_route(cx: &Context, side: Side, end: &End, table: &str, destination: &str) -> Result<Option<Route>, Error> {
    let tables = tables_of(cx, side, &end.region, &end.vpc_id).await.absent_is_none()?.unwrap_or_default();
    Ok(route_in(&tables, table, destination))
}

/// The same of a table that the ledger names, whatever its VPC is.
pub async fn find_recorded_route(cx: &Context, side: Side, region: &str, table: &str, destination: &str) -> Result<Option<Route>, Error> {
    let routes =
        cx.recorded.0.iter().filter(|(key, entry)| {
            key.side == side && key.kind == ROUTE && entry.region.as_deref().is_none_or(|of_route| of_route == region)
        });
    let recorded = routes.filter_map(|(key, _)| key.name.split_once('/').map(|(table, _)| table));
    let ids: BTreeSet<&str> = recorded.chain([table]).collect();
    let ec2 = cx.ec2(side, Some(region));
    let select = Select::by("route-table-id", ids.iter().copied());
    let ask = || cx.patiently(|| ec2.describe_route_tables(&select));
    let tables = cx.look.once(format!("{side} {region} route tables {ids:?}"), ask).await?;
    Ok(route_in(&tables, table, destination))
}

fn route_in(tables: &[RouteTable], table: &str, destination: &str) -> Option<Route> {
    tables.iter().find(|found| found.id == table)?.route_to(destination).cloned()
}

/// All route tables of a VPC.
pub async fn tables_of(cx: &Context, side: Side, region: &str, vpc_id: &str) -> Result<Vec<RouteTable>, Error> {
    let ec2 = cx.ec2(side, Some(region));
    let select = Select::by("vpc-id", [vpc_id]);
    let (question, ask) = (format!("{TABLES} {region} {vpc_id}"), || cx.patiently(|| ec2.describe_route_tables(&select)));
    if cx.look.may_share() {
        cx.look.share();
        return Ok(cx.account(side).answers().once(&question, || async { ask().await.map(Some) }).await?.unwrap_or_default());
    }
    cx.look.once(format!("{side} {question}"), ask).await
}

/// Drops what this process knows of that account's routes, which it is about to change.
pub fn forget_tables(cx: &Context, side: Side) {
    cx.account(side).answers().forget_all(TABLES);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_and_option_has_a_digest_of_its_own() {
        let all = [
            Untagged::route(Side::Cluster, "rtb-1", "10.0.0.0/8"),
            Untagged::route(Side::Cluster, "rtb-1", "10.0.0.0/16"),
            Untagged::route(Side::Workload, "rtb-2", "10.0.0.0/8"),
            Untagged::DnsResolution(Side::Cluster),
            Untagged::DnsResolution(Side::Workload),
        ];
        let digests: std::collections::BTreeSet<String> = all.iter().map(Untagged::digest).collect();
        assert_eq!(digests.len(), all.len());
    }
}
