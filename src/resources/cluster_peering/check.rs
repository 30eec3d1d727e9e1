//! Checks at plan time that only this resource has: blocks that overlap, tables that are not the VPC's, routes in the way, and whether
//! traffic to the cluster goes over the peering at all.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Model;
use super::objects::route_attributes;
use crate::aws::cidr::{self, Cidr};
use crate::aws::ec2::Route;
use crate::aws::{Error, Side};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{OnExisting, Tags};
use crate::objects::ec2::peering::{Untagged, route, tables_of, usage};
use crate::objects::eks::cluster::ClusterDescription;
use crate::objects::{Context, Env, TAG_RESOURCE};
use crate::resources::lifecycle::{Change, PAST_A_PLAN, Run};
use crate::resources::preflight;
use crate::schema::placeholder;

pub async fn check(model: &Model, cx: &Context, change: Change<'_>, env: &Env, run: &Run) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let creates = change.prior.is_null();
    if creates {
        if let Some(cluster) = env.clusters.get(&model.cluster) {
            endpoint_access(cluster, &mut diagnostics);
        }
        overlap(model, &mut diagnostics);
        replaces_what_it_names(model, run, &mut diagnostics);
    }
    if change.value.get("workload_vpc_id").is_unknown() {
        return diagnostics;
    }
    let mut model = model.clone();
    if let Err(error) = find_own(&mut model, cx).await {
        diagnostics.extend(preflight::skipped(&error));
        return diagnostics;
    }
    let notes = match notes(&model, cx).await {
        Ok(notes) => notes,
        Err(error) => {
            diagnostics.extend(preflight::skipped(&error));
            return diagnostics;
        }
    };
    let checks = Routes { model: &model, cx, env, run, creates, notes: notes.as_ref() };
    let (near, far) = futures::join!(checks.of(Side::Cluster), checks.of(Side::Workload));
    for found in [near, far] {
        // Terraform plans an update before it destroys: what is in the way of an update is refused by the apply.
        diagnostics.extend(if creates { found } else { found.as_warnings() });
    }
    diagnostics
}

/// A connection of these VPCs that this resource has without a state that says so: the old half of a replacement, or what a lost
/// state named. Routes over it are its own.
async fn find_own(model: &mut Model, cx: &Context) -> Result<(), Error> {
    if model.link.id.is_none() && !placeholder::is_in(&model.link.name) {
        let found = model.link.find(cx).await?;
        let own = |tags: &Tags| tags.get(TAG_RESOURCE) == Some(&cx.ownership.resource);
        model.link.id = found.filter(|found| model.on_existing == OnExisting::Adopt || own(&found.tags)).map(|found| found.id);
    }
    Ok(())
}

/// The tags of a connection that is not this resource's own: on those is noted what resources of this provider made there.
async fn notes(model: &Model, cx: &Context) -> Result<Option<Tags>, Error> {
    let Some(id) = model.link.id.as_deref().filter(|_| model.own != Some(true)) else { return Ok(None) };
    Ok(model.link.describe_live(cx, Side::Cluster, id).await?.map(|found| found.tags))
}

/// VPC peering guide, "VPC peering limitations": any overlap ends in the status `failed`, whichever blocks are meant.
fn overlap(model: &Model, diagnostics: &mut Diagnostics) {
    let ours_to_make = model.own != Some(false);
    if let (true, Some((near, far))) = (ours_to_make, cidr::overlapping(&model.cluster_blocks, &model.workload_blocks)) {
        diagnostics.error(
            Path::of("workload_vpc_id"),
            "The CIDR blocks of the two VPCs overlap",
            format!(
                "{} of the cluster has {near}, {} of the workload has {far}. AWS can't peer VPCs with overlapping CIDR blocks, including \
                 secondary blocks for pods, whatever cluster_cidrs and workload_cidrs contain. Use a VPC with other blocks, or reach the \
                 cluster another way, such as its public endpoint or AWS PrivateLink.",
                model.link.cluster.vpc_id, model.link.workload.vpc_id
            ),
        );
    }
}

/// A replacement deletes the connection that the configuration names, as it does after an import.
fn replaces_what_it_names(model: &Model, run: &Run, diagnostics: &mut Diagnostics) {
    let Some(id) = model.link.id.as_deref().filter(|id| model.on_existing == OnExisting::MustExist && run.deletes(id)) else { return };
    diagnostics.error(
        Path::of("peering_connection_id"),
        format!("The replacement deletes {id}, which peering_connection_id names"),
        format!(
            "{id} belongs to this resource: it is deleted before the new one is created, and then does not exist. Remove \
             peering_connection_id to have xeks create another connection.\n\n{PAST_A_PLAN}"
        ),
    );
}

/// EKS user guide, "Cluster API server endpoint": with public access on, its name resolves to public addresses outside of the
/// cluster's own VPC, peered VPCs included.
fn endpoint_access(cluster: &ClusterDescription, diagnostics: &mut Diagnostics) {
    let (public, private) = (cluster.endpoint_public_access, cluster.endpoint_private_access);
    let limits = match cluster.public_access_cidrs.as_slice() {
        [] => "any address (0.0.0.0/0)".to_owned(),
        cidrs => cidrs.join(", "),
    };
    let through = format!(
        "It accepts connections from {limits}. From the workload VPC, the source is the address of its NAT gateway or internet gateway, \
         and the routes and security group rules of this resource do not apply."
    );
    let private_only = format!(
        "`aws eks update-cluster-config --name {} --resources-vpc-config endpointPrivateAccess=true,endpointPublicAccess=false`",
        cluster.name
    );
    match (public, private) {
        (true, false) => diagnostics.warning(
            Path::of("cluster_name"),
            "Traffic to the cluster's endpoint will not use this peering",
            format!(
                "Only the public endpoint of cluster {} is enabled. {through} To send the traffic over the peering connection, enable \
                     private access and disable public access: {private_only}.",
                cluster.name
            ),
        ),
        (true, true) => diagnostics.warning(
            Path::of("cluster_name"),
            "Traffic to the cluster's endpoint may not use this peering",
            format!(
                "Cluster {} has public and private access enabled: outside its own VPC, its name resolves to public addresses. {through} \
                 To send the traffic over the peering connection, disable public access: {private_only}.",
                cluster.name
            ),
        ),
        // Private addresses, from wherever the name is resolved: it is the peering that carries them.
        _ => {}
    }
}

/// The checks of the routes.
struct Routes<'a> {
    model: &'a Model,
    cx: &'a Context,
    env: &'a Env,
    run: &'a Run,
    creates: bool,
    /// The tags of a connection that is not this resource's own.
    notes: Option<&'a Tags>,
}

impl Routes<'_> {
    /// One side's tables, and the routes that they have already.
    async fn of(&self, side: Side) -> Diagnostics {
        let (model, cx) = (self.model, self.cx);
        let end = model.link.end(side);
        let wanted = model.routes(side);
        if wanted.iter().any(|(table, block)| placeholder::is_in(table) || placeholder::is_in(block)) || placeholder::is_in(&end.vpc_id) {
            return Diagnostics::new();
        }
        let tables = match tables_of(cx, side, &end.region, &end.vpc_id).await {
            Ok(tables) => tables,
            Err(error) => return preflight::skipped(&error),
        };
        let mut diagnostics = Diagnostics::new();
        let attributes = route_attributes(side);
        let mut missing: Vec<&String> = Vec::new();
        let mut foreign: Vec<String> = Vec::new();
        for (id, block) in &wanted {
            let Some(table) = tables.iter().find(|table| table.id == *id) else {
                missing.push(id);
                continue;
            };
            let Some(found) = table.route_to(block).filter(|found| found.target != "local" && !self.is_own(side, id, block, found)) else {
                continue;
            };
            if model.link.id.as_deref() != Some(&found.target) {
                self.in_the_way(side, id, block, found, &mut diagnostics).await;
            } else if !self.notes.is_none_or(|tags| usage::is_noted(tags, &Untagged::route(side, id, block))) {
                foreign.push(format!("{id} to {block}"));
            }
        }
        self.wanted_twice(side, &wanted, &mut diagnostics);
        if !foreign.is_empty() {
            foreign_routes(model, side, &foreign, &mut diagnostics);
        }
        missing.dedup();
        for id in missing {
            let all = tables.iter().map(|table| table.id.as_str()).collect::<Vec<_>>().join(", ");
            let text = format!("{} of account {} has the route tables {all}.", end.vpc_id, end.account_id);
            diagnostics.error(Path::of(attributes.tables), format!("{id} is not a route table of the {side} VPC"), text);
        }
        let blocks: Vec<String> = wanted.into_iter().map(|(_, block)| block).collect();
        local(model, side, &blocks, &mut diagnostics);
        diagnostics
    }

    /// Whether the route leads over a connection that is this resource's or that a replacement deletes. That the ledger has the route does not
    /// say so: it has those too whose call was refused.
    fn is_own(&self, side: Side, table: &str, block: &str, found: &Route) -> bool {
        let entry = self.env.ledger.get(&route::key(side, table, block));
        let is_recorded = entry.is_some_and(|entry| entry.id.as_ref() == Some(&found.target));
        // What a state names is this resource's own only in a replacement: else it has left the ledger because it was changed.
        is_recorded || self.creates && self.run.owns(&self.cx.ownership.resource, &found.target)
    }

    async fn in_the_way(&self, side: Side, table: &str, block: &str, found: &Route, diagnostics: &mut Diagnostics) {
        let (region, attributes) = (&self.model.link.end(side).region, route_attributes(side));
        let user = usage::resource_of(self.cx, side, region, &found.target, &Untagged::route(side, table, block)).await;
        let text = route::in_the_way(found, side, region, table, attributes.listed, user.as_deref());
        let (path, summary) = match user {
            Some(_) => (attributes.blocks, format!("A route to {block} belongs to another resource")),
            None => (attributes.tables, format!("A route to {block} has another target")),
        };
        diagnostics.error(Path::of(path), summary, self.past(text));
    }

    /// Blocks that another resource of this run will route in the same tables, to another VPC.
    fn wanted_twice(&self, side: Side, wanted: &BTreeSet<(String, String)>, diagnostics: &mut Diagnostics) {
        let (end, attributes) = (self.model.link.end(side), route_attributes(side));
        let to = &self.model.link.end(side.other()).vpc_id;
        let mut twice: BTreeMap<(&String, String, String), Vec<&str>> = BTreeMap::new();
        for (table, block) in wanted {
            let thing = format!("{}/{}/{table}/{block}", end.account_id, end.region);
            for (other, its) in self.run.wants(&thing, &self.cx.ownership.resource, to).into_iter().filter(|(_, its)| its != to) {
                twice.entry((block, other, its)).or_default().push(table);
            }
        }
        for ((block, other, its), tables) in twice {
            let text = format!(
                "{other} routes {block} to {its} in {} of account {}, and this resource routes it to {to}. {}",
                tables.join(", "),
                end.account_id,
                route::one_target(block, attributes.listed)
            );
            diagnostics.error(Path::of(attributes.blocks), format!("Two resources of this configuration route {block}"), self.past(text));
        }
    }

    /// The text of an error, which may hold up the destroy of what exists.
    fn past(&self, text: String) -> String {
        if self.creates { format!("{text}\n\n{PAST_A_PLAN}") } else { text }
    }
}

/// Routes that no resource of this provider noted: their creator deletes them, even if another resource uses them.
fn foreign_routes(model: &Model, side: Side, routes: &[String], diagnostics: &mut Diagnostics) {
    let text = format!(
        "In account {}, these routes already use {}: {}. No tag on the connection shows that xeks created them, so this resource uses \
         them and never deletes them. If their owner deletes them, the next apply creates them again. To exclude them from this \
         resource, use {}.",
        model.link.end(side).account_id,
        model.link.id.as_deref().unwrap_or("the connection"),
        routes.join(", "),
        route_attributes(side).listed
    );
    diagnostics.warning(Path::of("peering_connection_id"), format!("This resource did not create some routes of the {side} VPC"), text);
}

/// API reference, CreateRoute: a block that lies within the table's own VPC is that VPC's.
fn local(model: &Model, side: Side, wanted: &[String], diagnostics: &mut Diagnostics) {
    let own: Vec<Cidr> = model.blocks(side).iter().filter_map(|block| Cidr::parse(block)).collect();
    let mut blocks: Vec<Cidr> = wanted.iter().filter_map(|block| Cidr::parse(block)).collect();
    blocks.sort();
    blocks.dedup();
    for block in blocks {
        if let Some(own) = own.iter().find(|own| own.contains(&block)) {
            diagnostics.error(
                Path::of(route_attributes(side).blocks),
                format!("{block} is a block of the {side} VPC itself"),
                format!(
                    "{} has {own}: traffic to these addresses never leaves that VPC. Use CIDR blocks of the other VPC.",
                    model.link.end(side).vpc_id
                ),
            );
        }
    }
}
