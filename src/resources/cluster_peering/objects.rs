//! The objects of `xeks_cluster_peering`: which objects there are, in which account, and what they need before them.

use std::collections::BTreeSet;

use super::model::Model;
use crate::aws::Side;
use crate::engine::{Declared, Key, Object, OnExisting};
use crate::objects::Context;
use crate::objects::ec2::acceptance::Acceptance;
use crate::objects::ec2::dns_resolution::DnsResolution;
use crate::objects::ec2::peering::Peering;
use crate::objects::ec2::route::{self, Route};
use crate::objects::ec2::rule::Rule;
use crate::objects::ec2::usage::{Thing, Use};
use crate::resources::env::{Env, Part};
use crate::schema::{Value, placeholder};

pub fn objects(model: &Model, env: &Env) -> Vec<Part> {
    let link = || model.link.clone();
    let mut parts = vec![
        peering(model, env),
        part(model, env, Side::Cluster, Tagged::AsPeering, Acceptance { link: link(), tags: model.tags.clone() }),
    ];
    let routes = [Side::Cluster, Side::Workload].map(|side| (side, model.routes(side)));
    let mut wanted: BTreeSet<Thing> = BTreeSet::new();
    for (side, routes) in &routes {
        wanted.extend(routes.iter().map(|(table, destination)| route::thing(*side, table, destination)));
        wanted.extend(model.dns_resolution.then_some(Thing::DnsResolution(*side)));
    }
    parts.push(part(model, env, Side::Cluster, Tagged::Not, Use { link: link(), wanted }));
    if model.dns_resolution {
        let options = [Side::Cluster, Side::Workload].map(|side| DnsResolution { side, link: link() });
        parts.extend(options.map(|object| part(model, env, object.side, Tagged::Not, object)));
    }
    for (side, routes) in routes {
        let all = routes.into_iter().map(|(table, destination)| Route { side, link: link(), table, destination });
        parts.extend(all.map(|object| part(model, env, side, Tagged::Not, object)));
    }
    parts.extend(model.https_sources.iter().map(|block| rule(model, env, block)));
    parts
}

/// Whose tags an object shows.
#[derive(PartialEq)]
enum Tagged {
    /// Those of a connection of ours; others' are left alone.
    AsPeering,
    Not,
}

/// An object that hangs on the connection and carries its id.
fn part(model: &Model, env: &Env, side: Side, tagged: Tagged, object: impl Object<Context> + 'static) -> Part {
    let tags = match model.own {
        _ if tagged == Tagged::Not => Value::Null,
        Some(false) => Value::Null,
        Some(true) => placeholder::map_value(&model.tags),
        None => Value::Unknown,
    };
    let declared = Declared { tags, bound_to: Some(model.link.key()), ..declare(model, env, object.key(), side, object.on_existing()) };
    Part { declared, object: Box::new(object) }
}

fn peering(model: &Model, env: &Env) -> Part {
    let declared = Declared {
        // Its id is not known before it is made.
        arn: Value::Unknown,
        tags: placeholder::map_value(&model.tags),
        has_id: true,
        ..declare(model, env, model.link.key(), Side::Workload, model.on_existing.clone())
    };
    let object = Peering {
        link: model.link.clone(),
        blocks: [model.cluster_blocks.clone(), model.workload_blocks.clone()],
        tags: model.tags.clone(),
        on_existing: model.on_existing.clone(),
    };
    Part { declared, object: Box::new(object) }
}

fn rule(model: &Model, env: &Env, block: &str) -> Part {
    let object = Rule { region: env.region.clone(), group: model.group.clone(), block: block.to_owned(), tags: model.tags.clone() };
    let declared = Declared {
        arn: Value::Unknown,
        tags: placeholder::map_value(&model.tags),
        has_id: true,
        ..declare(model, env, object.key(), Side::Cluster, object.on_existing())
    };
    Part { declared, object: Box::new(object) }
}

fn declare(model: &Model, env: &Env, key: Key, side: Side, on_existing: OnExisting) -> Declared {
    Declared { region: placeholder::value(&model.link.end(side).region), ..env.declare(key, on_existing) }
}
