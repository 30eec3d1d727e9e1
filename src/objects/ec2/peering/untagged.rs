//! What a resource has on a peering connection that can't be tagged: routes and DNS options. How each is noted, and whether it exists.
//!
//! Knows nothing of who noted what.

use super::link::Link;
use super::note;
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
                let found = find_route(cx, *side, &link.end(*side).region, table, destination).await?;
                Ok(found.is_some_and(|route| route.target == id))
            }
        }
    }
}

/// The route of that table to exactly that destination, whatever its target.
pub async fn find_route(cx: &Context, side: Side, region: &str, table: &str, destination: &str) -> Result<Option<Route>, Error> {
    let ec2 = cx.ec2(side, Some(region));
    let select = Select::id(table);
    let tables = cx.patiently(|| ec2.describe_route_tables(&select)).await.absent_is_none()?;
    Ok(tables.into_iter().flatten().find_map(|table: RouteTable| table.route_to(destination).cloned()))
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
