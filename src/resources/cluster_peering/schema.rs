//! The attributes of `xeks_cluster_peering`, and the rules that need no AWS.

use crate::aws::{arn, cidr, names};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::Key;
use crate::objects::ec2::peering::connection;
use crate::resources::attributes::{cluster_region, common_attributes, one_partition};
use crate::schema::{Attribute, Nesting, Partitions, Schema, Type, Value, attributes, validators};

/// Routes that a table may have beyond the default quota, and more than any peering needs (VPC quotas).
const MOST: usize = 200;

pub fn schema() -> Schema {
    let doc = "Connects a VPC of the workload account with a cluster's VPC: requests and accepts the peering connection, adds routes in \
               both VPCs, and allows HTTPS on the cluster security group. One resource for both accounts and regions; use it once per \
               pair of VPCs.";
    let own =
        vec![
        Attribute::string("cluster_name", "Name of the cluster.").required().replaces().check(validators::text(names::cluster_name)),
        cluster_region(),
        Attribute::string("workload_vpc_id", "ID of the VPC in the workload account that needs to reach the cluster.")
            .required()
            .replaces()
            .check(validators::text(|text: &str| is_id(text, "vpc", "a VPC's id"))),
        Attribute::string("workload_region", "Region of the workload VPC. Default: the region of the provider's workload account.")
            .optional()
            .computed()
            .replaces()
            .decides_objects()
            .check(validators::text(names::region)),
        Attribute::string(
            "peering_connection_id",
            "ID of an existing peering connection between the two VPCs. xeks accepts it if it is pending acceptance, adds its routes, \
             rules and options, removes them at destroy, and never deletes the connection. Setting the ID of the connection that this resource \
             created, also after an import, changes nothing. On a connection that no \
             `xeks_cluster_peering` created, xeks uses routes that already exist, including those of an interrupted run, and never \
             deletes them; they disappear when their owner deletes them. Give resources that share such a connection different route \
             tables or CIDR blocks. Default: xeks creates a connection.",
        )
        .optional()
        .computed()
        .decides_objects()
        .replaces_unless(|prior, _| !has_connection(prior))
        .check(validators::text(|text: &str| is_id(text, "pcx", "a peering connection's id"))),
        tables("cluster_route_table_ids", "Route tables of the cluster's VPC to add routes to. Default: those that serve the cluster's \
                                           subnets, including the main table for subnets without an association."),
        tables("workload_route_table_ids", "Route tables of the workload VPC to add routes to. Default: all of them."),
        blocks("cluster_cidrs", "CIDR blocks of the cluster's VPC that the workload VPC gets routes to. Default: all, IPv4 and IPv6."),
        blocks("workload_cidrs", "CIDR blocks of the workload VPC that the cluster's VPC gets routes to. Default: all, IPv4 and IPv6."),
        Attribute::bool(
            "allow_https",
            "Allow HTTPS on the cluster security group, with one rule for each source CIDR block. A security group can have 60 inbound rules \
             unless its quota was raised.",
        )
        .default_value(Value::Bool(true))
        .decides_objects(),
        blocks("https_source_cidrs", "CIDR blocks to allow HTTPS from. Default: `workload_cidrs`."),
        Attribute::bool(
            "dns_resolution",
            "Resolve EC2 host names of either VPC to private addresses from the other VPC. The cluster's private endpoint does not need \
             this, because its name resolves publicly. Default `false`.",
        )
        .default_value(Value::Bool(false))
        .decides_objects(),
    ];
    Schema::new(doc, attributes([own, computed(), common_attributes()])).ruled_by(validate)
}

fn tables(name: &'static str, doc: &'static str) -> Attribute {
    let rule = |text: &str| is_id(text, "rtb", "a route table's id");
    Attribute::set_of_strings(name, doc).optional().check(validators::count(1, MOST)).check(validators::each_text(rule))
}

fn blocks(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::set_of_strings(name, doc).optional().check(validators::count(1, MOST)).check(validators::each_text(cidr::is_block))
}

fn computed() -> Vec<Attribute> {
    let route = vec![
        Attribute::string("account_id", "Account of the route table.").computed(),
        Attribute::string("region", "Region of the route table.").computed(),
        Attribute::string("route_table_id", "ID of the route table.").computed(),
        Attribute::string("destination", "CIDR block that the route leads to.").computed(),
        Attribute::string("peering_connection_id", "Peering connection that the route uses.").computed(),
    ];
    let set = |name: &'static str, doc: &'static str| Attribute::plain(name, Type::set(Type::String), doc).computed();
    let network = vec![
        Attribute::string("cluster_vpc_id", "ID of the cluster's VPC.").computed(),
        Attribute::string("cluster_security_group_id", "ID of the cluster security group.").computed(),
        set("cluster_cidrs", "All CIDR blocks of the cluster's VPC."),
        set("cluster_route_table_ids", "Route tables that serve the cluster's subnets."),
        set("workload_cidrs", "All CIDR blocks of the workload VPC."),
        set("workload_route_table_ids", "All route tables of the workload VPC."),
    ];
    vec![
        Attribute::string(
            "cluster_vpc_id",
            "ID of the cluster's VPC. If the cluster is recreated in another VPC, Terraform replaces the \
                                             resource.",
        )
        .observed(planned_cluster_vpc)
        .replaces(),
        Attribute::string("status", "Status of the peering connection, such as `active`.").computed(),
        Attribute::nested("routes", Nesting::Map, route, "Every route of this resource, by `account/table/destination`.").computed(),
        Attribute::nested(
            "network",
            Nesting::Single,
            network,
            "What xeks found in both VPCs. The defaults follow it, so a new CIDR block or route table shows as a change.",
        )
        .observed(|_, _| None),
    ]
}

/// Whether the state has a connection. One that was deleted is created again in place, under another id.
fn has_connection(prior: &Value) -> bool {
    let mut keys = prior.get("objects").entries().into_iter().flatten().filter_map(|(key, _)| Key::parse(key));
    keys.any(|key| key.kind == connection::KIND)
}

/// A cluster that was created again in another VPC: this network leads to the old one.
fn planned_cluster_vpc(_: &Value, prior: &Value) -> Option<Value> {
    (prior.get("cluster_vpc_id") != prior.at("network.cluster_vpc_id")).then_some(Value::Unknown)
}

/// What does not work across partitions.
pub const ONE_PARTITION: &str = "VPC peering works only within one partition.";

/// Rules over several attributes.
fn validate(config: &Value, partitions: Partitions) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if config.get("allow_https").as_bool() == Some(false) && config.get("https_source_cidrs").is_given() {
        validators::refuse(
            &Path::of("https_source_cidrs"),
            "https_source_cidrs has no effect with allow_https = false. Remove https_source_cidrs, or set allow_https = true.",
            &mut diagnostics,
        );
    }
    let own = config.get("workload_region").as_str().map(arn::partition_of);
    let partitions = Partitions { workload: own.or(partitions.workload), ..partitions };
    let path = Path::of(if own.is_some() { "workload_region" } else { "cluster_name" });
    one_partition(config, partitions, &path, ONE_PARTITION, &mut diagnostics);
    diagnostics
}

/// EC2's ids: a prefix, a hyphen, and 8 or 17 hexadecimal digits.
fn is_id(text: &str, prefix: &str, what: &str) -> Result<(), String> {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    if digits.is_some_and(|digits| (8..=17).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Ok(());
    }
    Err(format!("{text:?} is not {what}, such as {prefix}-0123456789abcdef0."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &[(&str, Value)]) -> Vec<String> {
        let schema = schema();
        let mut object = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
        object.insert("cluster_name", Value::string("c"));
        object.insert("workload_vpc_id", Value::string("vpc-0123456789abcdef0"));
        for (name, value) in config {
            object.insert(name, value.clone());
        }
        let mut diagnostics = schema.validate(&object);
        diagnostics.extend(validate(&object, Partitions::default()));
        diagnostics.0.iter().map(|d| d.path.to_string()).collect()
    }

    #[test]
    fn ids_blocks_and_tables_are_known_by_their_form() {
        assert_eq!(refused(&[]), Vec::<String>::new());
        assert_eq!(refused(&[("workload_vpc_id", Value::string("subnet-0123456789abcdef0"))]), ["workload_vpc_id"]);
        assert_eq!(refused(&[("peering_connection_id", Value::string("pcx-nothex00"))]), ["peering_connection_id"]);
        assert_eq!(refused(&[("cluster_route_table_ids", Value::set_of_strings(["rtb-1"]))]), ["cluster_route_table_ids"]);
        assert_eq!(refused(&[("workload_route_table_ids", Value::set([]))]), ["workload_route_table_ids"]);
        assert_eq!(refused(&[("workload_cidrs", Value::set_of_strings(["10.0.0.1/8"]))]), ["workload_cidrs"]);
        assert_eq!(refused(&[("cluster_cidrs", Value::set_of_strings(["10.0.0.0/8", "2001:db8::/56"]))]), Vec::<String>::new());
    }

    #[test]
    fn sources_of_https_need_https() {
        let sources = ("https_source_cidrs", Value::set_of_strings(["10.0.0.0/8"]));
        assert_eq!(refused(&[sources.clone(), ("allow_https", Value::Bool(false))]), ["https_source_cidrs"]);
        assert_eq!(refused(&[sources]), Vec::<String>::new());
    }

    #[test]
    fn regions_are_of_one_partition() {
        let regions = |workload: &str| [("cluster_region", Value::string("ap-south-1")), ("workload_region", Value::string(workload))];
        assert_eq!(refused(&regions("eu-west-1")), Vec::<String>::new());
        assert_eq!(refused(&regions("cn-north-1")), ["workload_region"]);
    }
}
