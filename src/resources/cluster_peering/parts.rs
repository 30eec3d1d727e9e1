//! The pieces of `xeks_cluster_peering`: which objects there are, in which account, and what they need before them.

use std::collections::BTreeSet;

use super::model::Model;
use crate::engine::{Declared, Key, Piece, Side, Welcome};
use crate::pieces::Cloud;
use crate::pieces::ec2::acceptance::Acceptance;
use crate::pieces::ec2::dns_resolution::DnsResolution;
use crate::pieces::ec2::peering::Peering;
use crate::pieces::ec2::route::{self, Route};
use crate::pieces::ec2::rule::Rule;
use crate::pieces::ec2::uses::{Thing, Use};
use crate::resources::place::{Part, Place};
use crate::schema::{Value, hole};

pub fn parts(model: &Model, place: &Place) -> Vec<Part> {
    let link = || model.link.clone();
    let mut parts = vec![
        peering(model, place),
        part(model, place, Side::Cluster, Tagged::AsPeering, Acceptance { link: link(), tags: model.tags.clone() }),
    ];
    let routes = [Side::Cluster, Side::Workload].map(|side| (side, model.routes(side)));
    let mut wanted: BTreeSet<Thing> = BTreeSet::new();
    for (side, routes) in &routes {
        wanted.extend(routes.iter().map(|(table, destination)| route::thing(*side, table, destination)));
        wanted.extend(model.dns_resolution.then_some(Thing::DnsResolution(*side)));
    }
    parts.push(part(model, place, Side::Cluster, Tagged::Not, Use { link: link(), wanted }));
    if model.dns_resolution {
        let options = [Side::Cluster, Side::Workload].map(|side| DnsResolution { side, link: link() });
        parts.extend(options.map(|piece| part(model, place, piece.side, Tagged::Not, piece)));
    }
    for (side, routes) in routes {
        let all = routes.into_iter().map(|(table, destination)| Route { side, link: link(), table, destination });
        parts.extend(all.map(|piece| part(model, place, side, Tagged::Not, piece)));
    }
    parts.extend(model.https_sources.iter().map(|block| rule(model, place, block)));
    parts
}

/// Whose tags a piece shows.
#[derive(PartialEq)]
enum Tagged {
    /// Those of a connection of ours; others' are left alone.
    AsPeering,
    Not,
}

/// A piece that hangs on the connection and carries its id.
fn part(model: &Model, place: &Place, side: Side, tagged: Tagged, piece: impl Piece<Cloud> + 'static) -> Part {
    let tags = match model.own {
        _ if tagged == Tagged::Not => Value::Null,
        Some(false) => Value::Null,
        Some(true) => hole::map_value(&model.tags),
        None => Value::Unknown,
    };
    let declared = Declared { tags, bound_to: Some(model.link.key()), ..declare(model, place, piece.key(), side, piece.welcome()) };
    Part { declared, piece: Box::new(piece) }
}

fn peering(model: &Model, place: &Place) -> Part {
    let declared = Declared {
        // Its id is not known before it is made.
        arn: Value::Unknown,
        tags: hole::map_value(&model.tags),
        has_id: true,
        ..declare(model, place, model.link.key(), Side::Workload, model.welcome.clone())
    };
    let piece = Peering {
        link: model.link.clone(),
        blocks: [model.cluster_blocks.clone(), model.workload_blocks.clone()],
        tags: model.tags.clone(),
        welcome: model.welcome.clone(),
    };
    Part { declared, piece: Box::new(piece) }
}

fn rule(model: &Model, place: &Place, block: &str) -> Part {
    let piece = Rule { region: place.region.clone(), group: model.group.clone(), block: block.to_owned(), tags: model.tags.clone() };
    let declared = Declared {
        arn: Value::Unknown,
        tags: hole::map_value(&model.tags),
        has_id: true,
        ..declare(model, place, piece.key(), Side::Cluster, piece.welcome())
    };
    Part { declared, piece: Box::new(piece) }
}

fn declare(model: &Model, place: &Place, key: Key, side: Side, welcome: Welcome) -> Declared {
    Declared { region: hole::value(&model.link.end(side).region), ..place.declare(key, welcome) }
}
