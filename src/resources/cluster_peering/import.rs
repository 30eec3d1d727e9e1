//! Import: from the id to the configuration that would make what is there.

use std::collections::BTreeSet;

use super::model::Model;
use super::network;
use crate::aws::Side;
use crate::aws::ec2::RouteTable;
use crate::engine::Refreshed;
use crate::objects::Context;
use crate::objects::ec2::{acceptance, rule};
use crate::resources::lifecycle::Located;
use crate::schema::{Schema, Value};

const FORM: &str = "CLUSTER/pcx-…[/ACCOUNT_KEY[/REGION]], such as prac-eks-abhi/pcx-0123456789abcdef0";

/// The configuration as far as the id tells.
pub fn parse(schema: &Schema, id: &str) -> Result<Value, String> {
    let parts: Vec<&str> = id.split('/').collect();
    let (cluster, peering) = match parts.as_slice() {
        [cluster, peering, ..] if parts.len() <= 4 && !cluster.is_empty() && peering.starts_with("pcx-") => (*cluster, *peering),
        _ => return Err(FORM.to_owned()),
    };
    let optional = |at: usize| Value::optional_string(parts.get(at).copied().filter(|text| !text.is_empty()));
    let mut value = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
    value.insert("cluster_name", Value::string(cluster));
    value.insert("peering_connection_id", Value::string(peering));
    value.insert("workload_account", optional(2));
    value.insert("cluster_region", optional(3));
    value.insert("cluster_vpc_id", Value::Unknown);
    value.insert("network", Value::Unknown);
    Ok(schema.with_defaults(&value))
}

/// Fills in what the first look saw: what is there only in part is what the configuration must have named.
pub async fn discovered(model: &Model, cx: &Context, value: &mut Value, seen: &Refreshed) -> Result<(), Located> {
    let is_on = |key| seen.observed.get(&key).is_some_and(|observed| observed.facts["dns_resolution"] == true);
    let on = is_on(model.link.key()) && is_on(acceptance::key(&model.link));
    value.insert("dns_resolution", Value::Bool(on));
    let rules = seen.observed.keys().any(|key| key.kind == rule::KIND);
    value.insert("allow_https", Value::Bool(rules));
    for (side, tables, blocks) in
        [(Side::Cluster, "cluster_route_table_ids", "workload_cidrs"), (Side::Workload, "workload_route_table_ids", "cluster_cidrs")]
    {
        let end = model.link.end(side);
        let all = network::tables(cx, side, &end.region, &end.vpc_id).await.map_err(Located::at(tables))?;
        let id = model.link.id.as_deref().unwrap_or_default();
        let (found_tables, found_blocks) = over(&all, id);
        for (name, found) in [(tables, found_tables), (blocks, found_blocks)] {
            let default: BTreeSet<String> = value.get("network").get(name).strings().into_iter().collect();
            let as_default = found.is_empty() || found == default;
            value.insert(name, if as_default { Value::Null } else { Value::set_of_strings(found) });
        }
    }
    Ok(())
}

/// The tables with routes over the connection, and the blocks that these lead to.
fn over(tables: &[RouteTable], id: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let routes = tables.iter().flat_map(|table| table.routes.iter().filter(|route| route.target == id).map(move |route| (table, route)));
    routes.map(|(table, route)| (table.id.clone(), route.destination.clone())).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(id: &str) -> Result<Value, String> {
        parse(&super::super::schema::schema(), id)
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
    fn an_id_of_another_form_is_refused_with_the_form() {
        for id in ["", "c", "pcx-1", "/pcx-1", "c/vpc-1", "c/pcx-1/k/r/x"] {
            assert!(parsed(id).unwrap_err().contains("CLUSTER/pcx-"), "{id}");
        }
    }
}
