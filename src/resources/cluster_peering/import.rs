//! Import: from the id to the configuration that would create what exists.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::REUSED;
use super::model::Model;
use super::objects::route_attributes;
use crate::aws::cidr::{self, Cidr};
use crate::aws::ec2::RouteTable;
use crate::aws::{Error, Side};
use crate::engine::{Refreshed, Tags};
use crate::objects::ec2::peering::accepter::{self, AccepterFacts};
use crate::objects::ec2::peering::connection::ConnectionFacts;
use crate::objects::ec2::peering::{Untagged, tables_of, usage};
use crate::objects::ec2::security_group_rule;
use crate::objects::{Context, TAG_RESOURCE};
use crate::resources::lifecycle::{ImportId, Located, NotAnId};
use crate::resources::values::Location;
use crate::schema::{Schema, Value};

/// `CLUSTER/pcx-…[/ACCOUNT_KEY[/REGION]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeeringId {
    pub cluster: String,
    /// Id of the connection.
    pub connection: String,
    pub location: Location,
}

impl fmt::Display for PeeringId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.cluster, self.connection, self.location)
    }
}

impl FromStr for PeeringId {
    type Err = NotAnId;

    fn from_str(id: &str) -> Result<Self, NotAnId> {
        let parts: Vec<&str> = id.split('/').collect();
        match parts.as_slice() {
            [cluster, connection, location @ ..] if !cluster.is_empty() && connection.starts_with("pcx-") && location.len() <= 2 => {
                let [cluster, connection] = [cluster, connection].map(|part| (*part).to_owned());
                Ok(PeeringId { cluster, connection, location: Location::parse(location) })
            }
            _ => Err(NotAnId),
        }
    }
}

impl ImportId for PeeringId {
    const FORM: &'static str = "CLUSTER/pcx-…[/ACCOUNT_KEY[/REGION]], such as prac-eks-abhi/pcx-0123456789abcdef0";

    fn config(&self, schema: &Schema) -> Value {
        let mut value = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
        value.insert("cluster_name", Value::string(&self.cluster));
        value.insert("peering_connection_id", Value::string(&self.connection));
        self.location.configure(&mut value);
        value.insert("cluster_vpc_id", Value::Unknown);
        value.insert("network", Value::Unknown);
        schema.with_defaults(&value)
    }
}

/// Whether the connection that an import names is another owner's, which this resource only uses: it carries the tag of another resource, or
/// none and the note of one that used it. `resource` is what the tag of a connection of this resource says.
pub fn is_of_another(tags: &Tags, resource: &str) -> bool {
    match tags.get(TAG_RESOURCE) {
        Some(owner) => owner != resource,
        None => usage::is_used_by(tags, &format!("{resource}:{REUSED}")),
    }
}

/// Fills in what the first read found: what exists only in part is what the configuration must have named.
pub async fn discover(model: &Model, cx: &Context, value: &mut Value, seen: &Refreshed) -> Result<(), Located> {
    let near = seen.observed.get(&accepter::key(&model.link)).and_then(|observed| observed.facts.get());
    let far = seen.observed.get(&model.link.key()).and_then(|observed| observed.facts.get());
    let on =
        near.is_some_and(|facts: &AccepterFacts| facts.dns_resolution) && far.is_some_and(|facts: &ConnectionFacts| facts.dns_resolution);
    value.insert("dns_resolution", Value::Bool(on));
    let id = model.link.id.as_deref().unwrap_or_default();
    let notes = notes(model, cx, id).await.map_err(Located::at("peering_connection_id"))?;
    for side in Side::BOTH {
        let (end, attributes) = (model.link.end(side), route_attributes(side));
        let all = tables_of(cx, side, &end.region, &end.vpc_id).await.map_err(Located::at(attributes.tables))?;
        let is_ours = |table: &str, block: &str| {
            let route = Untagged::route(side, table, block);
            notes.as_ref().is_none_or(|tags| usage::is_noted_by(tags, &cx.ownership.resource, &route))
        };
        let (found_tables, found_blocks) = over(&all, id, is_ours);
        for (name, found) in [(attributes.tables, found_tables), (attributes.blocks, found_blocks)] {
            let default: BTreeSet<String> = value.get("network").get(name).strings().iter().map(|text| cidr::canonical(text)).collect();
            let as_default = found.is_empty() || found == default;
            value.insert(name, if as_default { Value::Null } else { Value::set_of_strings(found) });
        }
    }
    discover_https(model, cx, value, seen).await.map_err(Located::at("https_source_cidrs"))
}

/// Where HTTPS is allowed from: the rules of this resource, and those that it would need by default.
async fn discover_https(model: &Model, cx: &Context, value: &mut Value, seen: &Refreshed) -> Result<(), Error> {
    let mut sources = security_group_rule::own_blocks(cx, &cx.region, &model.group).await?;
    let is_there = |block: &&String| seen.observed.contains_key(&security_group_rule::key(&model.group, block));
    sources.extend(model.https_sources.iter().filter(is_there).cloned());
    let workload_cidrs = value.get("workload_cidrs");
    let defaults = if workload_cidrs.is_null() { value.at("network.workload_cidrs") } else { workload_cidrs };
    let as_default = sources.is_empty() || sources == defaults.strings().iter().map(|block| cidr::canonical(block)).collect();
    value.insert("allow_https", Value::Bool(!sources.is_empty()));
    value.insert("https_source_cidrs", if as_default { Value::Null } else { Value::set_of_strings(sources) });
    Ok(())
}

/// The tags of another owner's connection, which note the routes that are this resource's.
async fn notes(model: &Model, cx: &Context, id: &str) -> Result<Option<Tags>, Error> {
    if !model.reuses {
        return Ok(None);
    }
    let found = model.link.describe_live(cx, Side::Cluster, id).await?;
    Ok(found.map(|found| found.tags).filter(|tags| usage::is_used_by(tags, &cx.ownership.resource)))
}

/// The tables with such routes over the connection, and the blocks that these lead to. A prefix list is no block that a configuration names.
fn over(tables: &[RouteTable], id: &str, is_ours: impl Fn(&str, &str) -> bool) -> (BTreeSet<String>, BTreeSet<String>) {
    let routes = tables.iter().flat_map(|table| table.routes.iter().filter(|route| route.target == id).map(move |route| (table, route)));
    let blocks = routes.filter_map(|(table, route)| Some((&table.id, Cidr::parse(&route.destination)?.to_string())));
    blocks.filter(|(table, block)| is_ours(table, block)).map(|(table, block)| (table.clone(), block)).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ec2::Route;

    fn parsed(id: &str) -> Result<Value, NotAnId> {
        let id: PeeringId = id.parse()?;
        assert_eq!(id.to_string().parse(), Ok(id.clone()), "it reads back");
        Ok(id.config(&super::super::schema::schema()))
    }

    #[test]
    fn an_id_names_cluster_connection_account_and_region() {
        let value = parsed("c/pcx-1/payments/eu-west-1").unwrap();
        let text = |name: &str| value.get(name).as_str().map(str::to_owned);
        assert_eq!((text("cluster_name").as_deref(), text("peering_connection_id").as_deref()), (Some("c"), Some("pcx-1")));
        assert_eq!((text("workload_account").as_deref(), text("cluster_region").as_deref()), (Some("payments"), Some("eu-west-1")));
        assert!(parsed("c/pcx-1//eu-west-1").unwrap().get("workload_account").is_null());
    }

    #[test]
    fn only_this_connections_routes_to_blocks_are_imported_in_one_spelling() {
        let route = |destination: &str, target: &str| Route { destination: destination.into(), target: target.into(), ..Route::default() };
        let all = [("2001:DB8:0::/56", "pcx-1"), ("pl-1", "pcx-1"), ("10.0.0.0/16", "pcx-2"), ("10.1.0.0/16", "pcx-1")];
        let routes = all.map(|(block, target)| route(block, target)).to_vec();
        let tables = [RouteTable { id: "rtb-1".into(), routes, ..RouteTable::default() }];
        let found = |is_ours: fn(&str, &str) -> bool| over(&tables, "pcx-1", is_ours).1.into_iter().collect::<Vec<_>>();
        assert_eq!(found(|_, _| true), ["10.1.0.0/16", "2001:db8::/56"]);
        assert_eq!(found(|_, block| block != "10.1.0.0/16"), ["2001:db8::/56"]);
    }

    #[test]
    fn a_connection_is_anothers_by_its_tag_or_by_the_note_of_a_resource_that_used_it() {
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Tags>();
        for (pairs, another) in [
            (&[][..], false),
            (&[(TAG_RESOURCE, "ours")], false),
            (&[(TAG_RESOURCE, "theirs")], true),
            (&[("xeks:use:i1", "ours:reused")], true),
            (&[("xeks:use:i1", "theirs:reused")], false),
            (&[(TAG_RESOURCE, "ours"), ("xeks:use:i1", "ours:reused")], false),
        ] {
            assert_eq!(is_of_another(&tags(pairs), "ours"), another, "{pairs:?}");
        }
    }

    #[test]
    fn an_id_of_another_form_is_refused() {
        for id in ["", "c", "pcx-1", "/pcx-1", "c/vpc-1", "c/pcx-1/k/r/x"] {
            assert_eq!(parsed(id), Err(NotAnId), "{id}");
        }
    }
}
