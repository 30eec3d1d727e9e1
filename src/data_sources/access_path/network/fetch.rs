//! Reads the facts: at most three rounds of calls at the same time, and only those that the way of the requests needs.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use crate::aws::ec2::{Ec2, NatGateway, PeeringConnection, RouteTable, Select};
use crate::aws::{Account, Error};
use crate::objects::eks::cluster::ClusterDescription;

use super::Source;
use super::facts::{Facts, Place, Seen, resolves_privately};

pub(super) async fn facts(
    workload: &Account,
    cluster_account: &Account,
    region: &str,
    cluster: &ClusterDescription,
    source: &Source,
) -> Facts {
    let vpc_id = cluster.vpc_id.clone().unwrap_or_default();
    let same_vpc = source.vpc_id == vpc_id;
    let workload = if same_vpc { cluster_account } else { workload };
    let there = cluster_account.ec2(Some(region));
    let here = if same_vpc { there.clone() } else { workload.ec2(None) };
    let private = resolves_privately(cluster, same_vpc);
    let near = Side {
        account: workload,
        ec2: &here,
        vpc_id: source.vpc_id.clone(),
        subnet_ids: vec![source.subnet_id.clone()],
        group_ids: source.security_group_ids.clone(),
    };
    let far = Side {
        account: cluster_account,
        ec2: &there,
        vpc_id: vpc_id.clone(),
        subnet_ids: cluster.subnet_ids.clone(),
        group_ids: cluster.security_group_id.iter().chain(&cluster.security_group_ids).cloned().collect(),
    };
    let between = async { if private && !same_vpc { peerings(&here, &source.vpc_id, &vpc_id).await } else { Ok(Vec::new()) } };
    let (mut near, far, peerings) = futures::join!(near.read(true), far.read(private), between);
    let lists = prefix_lists([&near, &far]);
    let read = async |near: bool, id: String| {
        let blocks = if near { &here } else { &there }.prefix_list_entries(&id).await;
        (id, blocks)
    };
    let lists = join_all(lists.into_iter().map(|(near, id)| read(near, id)));
    let (nat_gateways, lists, other_peerings) =
        futures::join!(nat_gateways(&here, &near.tables), lists, other_peerings([(&here, &near), (&there, &far)], &peerings));
    if !private {
        gateways_acls(&here, &mut near, &nat_gateways, &source.subnet_id).await;
    }
    // One that both sides name may be readable for one of them only.
    let mut prefix_lists: BTreeMap<String, Seen<Vec<String>>> = BTreeMap::new();
    for (id, blocks) in lists {
        if !prefix_lists.get(&id).is_some_and(Result::is_ok) {
            prefix_lists.insert(id, blocks);
        }
    }
    Facts { source: source.clone(), cluster: cluster.clone(), here: near, there: far, peerings, other_peerings, prefix_lists, nat_gateways }
}

/// What to read of one side.
struct Side<'a> {
    account: &'a Account,
    ec2: &'a Ec2,
    vpc_id: String,
    subnet_ids: Vec<String>,
    group_ids: Vec<String>,
}

impl Side<'_> {
    /// Filters rather than ids: what does not exist is then left out of an answer, and refuses no other.
    async fn read(self, wanted: bool) -> Place {
        let (ec2, subnets, groups) = (self.ec2, &self.subnet_ids, &self.group_ids);
        let (subnets, tables, acls, groups, rules) = futures::join!(
            unless(!wanted || subnets.is_empty(), async || ec2.describe_subnets(&Select::by("subnet-id", subnets)).await),
            unless(!wanted, async || ec2.describe_route_tables(&Select::by("vpc-id", [&self.vpc_id])).await),
            unless(!wanted || subnets.is_empty(), async || {
                ec2.describe_network_acls(&Select::by("association.subnet-id", subnets)).await
            }),
            unless(!wanted || groups.is_empty(), async || ec2.describe_security_groups(&Select::by("group-id", groups)).await),
            unless(!wanted || groups.is_empty(), async || ec2.describe_security_group_rules(&Select::by("group-id", groups)).await),
        );
        Place {
            account: self.account.label().to_owned(),
            account_id: self.account.identity().account_id.clone(),
            region: ec2.region().to_owned(),
            vpc_id: self.vpc_id.clone(),
            subnets,
            tables,
            acls,
            groups,
            rules,
        }
    }
}

/// A filter without values would let everything pass.
async fn unless<T>(not: bool, read: impl AsyncFnOnce() -> Seen<Vec<T>>) -> Seen<Vec<T>> {
    if not { Ok(Vec::new()) } else { read().await }
}

/// Those between the two VPCs, in either direction.
async fn peerings(ec2: &Ec2, one: &str, other: &str) -> Seen<Vec<PeeringConnection>> {
    let asked = async |requester: &str, accepter: &str| -> Result<Vec<PeeringConnection>, Error> {
        let select = Select::by("requester-vpc-info.vpc-id", [requester]).and("accepter-vpc-info.vpc-id", [accepter]);
        ec2.describe_peering_connections(&select).await
    };
    let (mut asking, asked) = futures::try_join!(asked(one, other), asked(other, one))?;
    asking.extend(asked);
    asking.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(asking)
}

/// Those that routes lead over and that are none between the two VPCs. They only help to explain: what can't be read is left out.
async fn other_peerings(places: [(&Ec2, &Place); 2], between: &Seen<Vec<PeeringConnection>>) -> Vec<PeeringConnection> {
    let known: BTreeSet<&String> = between.iter().flatten().map(|peering| &peering.id).collect();
    let views = places.map(|(ec2, place)| {
        let routes = place.tables.iter().flatten().flat_map(|table| &table.routes).map(|route| &route.target);
        let ids: BTreeSet<&String> = routes.filter(|id| id.starts_with("pcx-") && !known.contains(id)).collect();
        unless(ids.is_empty(), async move || {
            ec2.describe_peering_connections(&Select::by("vpc-peering-connection-id", ids.iter().copied())).await
        })
    });
    let mut found: Vec<PeeringConnection> = Vec::new();
    for seen in join_all(views).await.into_iter().flatten().flatten() {
        match found.iter_mut().find(|other| other.id == seen.id) {
            Some(other) => other.tags.extend(seen.tags),
            None => found.push(seen),
        }
    }
    found
}

/// Those that routes of the source's side lead to.
async fn nat_gateways(ec2: &Ec2, tables: &Seen<Vec<RouteTable>>) -> Seen<Vec<NatGateway>> {
    let routes = tables.iter().flatten().flat_map(|table| &table.routes);
    let ids: BTreeSet<&String> = routes.map(|route| &route.target).filter(|target| target.starts_with("nat-")).collect();
    unless(ids.is_empty(), async || ec2.describe_nat_gateways(&Select::by("nat-gateway-id", ids.iter().copied())).await).await
}

/// Adds the network ACLs of the NAT gateways' subnets: what goes to the internet passes them as well.
async fn gateways_acls(ec2: &Ec2, near: &mut Place, gateways: &Seen<Vec<NatGateway>>, read: &str) {
    let subnets: BTreeSet<&String> =
        gateways.iter().flatten().filter_map(|gateway| gateway.subnet_id.as_ref()).filter(|id| *id != read).collect();
    let Ok(acls) = &mut near.acls else { return };
    let more =
        unless(subnets.is_empty(), async || ec2.describe_network_acls(&Select::by("association.subnet-id", subnets.iter().copied())).await);
    match more.await {
        Ok(more) => acls.extend(more),
        Err(error) => near.acls = Err(error),
    }
}

/// The prefix lists that routes and rules name, and on which side.
fn prefix_lists(places: [&Place; 2]) -> BTreeSet<(bool, String)> {
    let mut found = BTreeSet::new();
    for (near, place) in [true, false].into_iter().zip(places) {
        let routes = place.tables.iter().flatten().flat_map(|table| &table.routes).map(|route| &route.destination);
        let rules = place.rules.iter().flatten().filter_map(|rule| rule.prefix_list_id.as_ref());
        found.extend(routes.chain(rules).filter(|id| id.starts_with("pl-")).map(|id| (near, id.clone())));
    }
    found
}
