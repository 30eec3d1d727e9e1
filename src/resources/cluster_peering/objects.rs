//! The objects of `xeks_cluster_peering`: which there are, in which account, and what they depend on.

use std::collections::BTreeSet;

use super::model::Model;
use crate::aws::Side;
use crate::diagnostics::Path;
use crate::engine::Object;
use crate::objects::ec2::peering::Untagged;
use crate::objects::ec2::peering::accepter::Accepter;
use crate::objects::ec2::peering::connection::Connection;
use crate::objects::ec2::peering::options::Options;
use crate::objects::ec2::peering::route::Route;
use crate::objects::ec2::peering::usage::Usage;
use crate::objects::ec2::security_group_rule::SecurityGroupRule;
use crate::objects::{Context, Env};

/// The attributes that say which routes a side has.
pub struct RouteAttributes {
    pub tables: &'static str,
    pub blocks: &'static str,
    /// Both, as a sentence ends with them.
    pub listed: &'static str,
}

pub fn route_attributes(side: Side) -> RouteAttributes {
    match side {
        Side::Cluster => RouteAttributes {
            tables: "cluster_route_table_ids",
            blocks: "workload_cidrs",
            listed: "workload_cidrs or cluster_route_table_ids",
        },
        Side::Workload => RouteAttributes {
            tables: "workload_route_table_ids",
            blocks: "cluster_cidrs",
            listed: "cluster_cidrs or workload_route_table_ids",
        },
    }
}

pub fn objects(model: &Model, env: &Env) -> Vec<Box<dyn Object<Context>>> {
    let link = || model.link.clone();
    let routes = Side::BOTH.map(|side| (side, model.routes(side)));
    let mut wanted: BTreeSet<Untagged> = BTreeSet::new();
    for (side, routes) in &routes {
        wanted.extend(routes.iter().map(|(table, destination)| Untagged::route(*side, table, destination)));
        wanted.extend(model.dns_resolution.then_some(Untagged::DnsResolution(*side)));
    }
    let mut objects: Vec<Box<dyn Object<Context>>> = vec![
        Box::new(Connection {
            link: link(),
            blocks: [model.cluster_blocks.clone(), model.workload_blocks.clone()],
            tags: model.tags.clone(),
            on_existing: model.on_existing.clone(),
        }),
        Box::new(Accepter { link: link(), tags: model.tags.clone(), own: model.own, wanted: wanted.clone() }),
        Box::new(Usage { link: link(), wanted }),
    ];
    if model.dns_resolution {
        let options = |side| Box::new(Options { side, link: link(), attribute: Path::of("dns_resolution") }) as _;
        objects.extend(Side::BOTH.map(options));
    }
    for (side, routes) in routes {
        let attributes = route_attributes(side);
        objects.extend(routes.into_iter().map(|(table, destination)| {
            let (attribute, listed_by) = (Path::of(attributes.tables), attributes.listed);
            Box::new(Route { side, link: link(), table, destination, attribute, listed_by }) as _
        }));
    }
    objects.extend(model.https_sources.iter().map(|block| {
        let rule = SecurityGroupRule {
            region: env.region.clone(),
            group: model.group.clone(),
            block: block.clone(),
            tags: model.tags.clone(),
            attribute: Path::of("allow_https"),
        };
        Box::new(rule) as _
    }));
    objects
}
