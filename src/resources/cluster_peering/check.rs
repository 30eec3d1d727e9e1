//! Checks at plan time that only this resource has: blocks that overlap, tables that are not the VPC's, routes in the way, and whether
//! traffic to the cluster goes over the peering at all.

use super::model::Model;
use super::network;
use super::objects::route_attributes;
use crate::aws::cidr::{self, Cidr};
use crate::aws::ec2::RouteTable;
use crate::aws::{Error, Side};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{OnExisting, Tags};
use crate::objects::ec2::peering::{Untagged, route, usage};
use crate::objects::eks::cluster::ClusterDescription;
use crate::objects::{Context, Env, TAG_RESOURCE};
use crate::resources::lifecycle::{Change, Run};
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
    // What a state names is this resource's own only in a replacement: else it has left the ledger because it was changed.
    let checks = Routes { model: &model, cx, env, run: creates.then_some(run), notes: notes.as_ref() };
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
    /// What the states of this run name, where it matters.
    run: Option<&'a Run>,
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
        let tables = match network::tables(cx, side, &end.region, &end.vpc_id).await {
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
            if !self.is_own(side, id, block) {
                in_the_way(model, side, table, block, &mut diagnostics);
                let noted = self.notes.is_none_or(|tags| usage::is_noted(tags, &Untagged::route(side, id, block)));
                if !noted && table.route_to(block).is_some_and(|found| model.link.id.as_deref() == Some(&found.target)) {
                    foreign.push(format!("{id} to {block}"));
                }
            }
        }
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

    fn is_own(&self, side: Side, table: &str, block: &str) -> bool {
        let key = route::key(side, table, block);
        let (resource, account_id) = (&self.cx.ownership.resource, &self.env.identity(side).account_id);
        self.env.ledger.get(&key).is_some() || self.run.is_some_and(|run| run.knows(resource, account_id, &key, None))
    }
}

fn in_the_way(model: &Model, side: Side, table: &RouteTable, block: &str, diagnostics: &mut Diagnostics) {
    let Some(found) = table.route_to(block).filter(|found| found.target != "local") else { return };
    if model.link.id.as_deref() == Some(&found.target) {
        return;
    }
    let text = route::in_the_way(found, side, &model.link.end(side).region, &table.id, route_attributes(side).listed);
    diagnostics.error(Path::of(route_attributes(side).tables), format!("A route to {block} has another target"), text);
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
