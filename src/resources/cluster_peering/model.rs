//! The configuration of `xeks_cluster_peering` as the rest of the resource reads it. Texts may have placeholders.

use std::collections::BTreeSet;

use crate::aws::{Side, cidr};
use crate::diagnostics::Path;
use crate::engine::{Entry, OnExisting, Origin, Tags};
use crate::objects::Env;
use crate::objects::ec2::peering::{End, Link};
use crate::resources::lifecycle::FromValue;
use crate::resources::values::Location;
use crate::schema::{Value, placeholder};

#[derive(Clone, Debug)]
pub struct Model {
    pub cluster: String,
    pub location: Location,
    /// The connection's id as the configuration or the state has it, for the import id; empty where there is none.
    pub connection_id: String,
    pub link: Link,
    pub on_existing: OnExisting,
    /// Whether the connection is, or will be, this resource's alone. `None`: that shows only when it is looked for.
    pub own: Option<bool>,
    /// Whether the connection is another resource's, which this one only uses.
    pub reuses: bool,
    /// All blocks of both VPCs.
    pub cluster_blocks: Vec<String>,
    pub workload_blocks: Vec<String>,
    /// Blocks of the other VPC that each side has routes to, and the tables that have them.
    pub cluster_cidrs: Vec<String>,
    pub workload_cidrs: Vec<String>,
    pub cluster_tables: Vec<String>,
    pub workload_tables: Vec<String>,
    /// The cluster security group.
    pub group: String,
    pub https_sources: Vec<String>,
    pub dns_resolution: bool,
    pub tags: Tags,
}

/// Whether the configuration names another owner's connection. Naming the one that this resource created changes nothing, nor does naming
/// it after an import, as the configuration does that Terraform generates.
fn is_given(env: &Env, entry: Option<&Entry>, named: Option<&str>) -> bool {
    env.given.contains("peering_connection_id") && entry.is_none_or(|entry| !is_own(entry, named))
}

/// Whether this resource created the connection. An imported one that no tags say this of may be another owner's.
fn is_own(entry: &Entry, named: Option<&str>) -> bool {
    let is_tagged = entry.instance.is_some() && entry.id.as_deref() == named;
    entry.origin == Origin::Created || entry.origin == Origin::Imported && is_tagged
}
impl FromValue for Model {
    fn from_value(value: &Value, env: &Env) -> Self {
        let text = |path: &str| placeholder::text(value.at(path)).unwrap_or_default();
        let chosen = |name: &str, found: &str| {
            let own = value.get(name);
            placeholder::texts(if own.is_null() { value.at(found) } else { own })
        };
        let blocks = |name: &str, found: &str| chosen(name, found).iter().map(|block| cidr::canonical(block)).collect::<Vec<_>>();
        let (cluster, workload_vpc) = (text("cluster_name"), text("workload_vpc_id"));
        let workload_cidrs = blocks("workload_cidrs", "network.workload_cidrs");
        let https_sources =
            if value.get("https_source_cidrs").is_null() { workload_cidrs.clone() } else { blocks("https_source_cidrs", "") };
        let mut link = Link {
            name: format!("{cluster}/{workload_vpc}"),
            cluster: End {
                vpc_id: text("network.cluster_vpc_id"),
                account_id: env.identity(Side::Cluster).account_id.clone(),
                region: env.region.clone(),
            },
            workload: End { vpc_id: workload_vpc, account_id: env.workload.account_id.clone(), region: env.workload_region.clone() },
            id: None,
            attribute: Path::of("peering_connection_id"),
        };
        let entry = env.ledger.get(&link.key());
        let named = value.get("peering_connection_id").as_str();
        link.id = named.map(str::to_owned).or_else(|| entry.and_then(|entry| entry.id.clone()));
        let (given, adopt) = (is_given(env, entry, named), value.get("adopt").as_str() == Some("if_exists"));
        let on_existing = match (given, adopt) {
            (true, _) => OnExisting::MustExist,
            (false, true) => OnExisting::Adopt,
            (false, false) => OnExisting::Fail,
        };
        Model {
            own: match (entry, &on_existing) {
                (Some(entry), on_existing) => Some(entry.origin.described_by(on_existing).is_own()),
                (None, OnExisting::Adopt) => None,
                (None, on_existing) => Some(*on_existing == OnExisting::Fail),
            },
            reuses: given || entry.is_some_and(|entry| entry.origin == Origin::Adopted),
            location: Location::of(value, env),
            connection_id: text("peering_connection_id"),
            cluster,
            link,
            on_existing,
            cluster_blocks: placeholder::texts(value.at("network.cluster_cidrs")),
            workload_blocks: placeholder::texts(value.at("network.workload_cidrs")),
            cluster_cidrs: blocks("cluster_cidrs", "network.cluster_cidrs"),
            workload_cidrs,
            cluster_tables: chosen("cluster_route_table_ids", "network.cluster_route_table_ids"),
            workload_tables: chosen("workload_route_table_ids", "network.workload_route_table_ids"),
            group: text("network.cluster_security_group_id"),
            https_sources: if value.get("allow_https").as_bool() == Some(false) { Vec::new() } else { https_sources },
            dns_resolution: value.get("dns_resolution").as_bool() == Some(true),
            tags: env.tags_all(value),
        }
    }
}

impl Model {
    /// Table and destination of every route that side has.
    pub fn routes(&self, side: Side) -> BTreeSet<(String, String)> {
        let (tables, blocks) = match side {
            Side::Cluster => (&self.cluster_tables, &self.workload_cidrs),
            Side::Workload => (&self.workload_tables, &self.cluster_cidrs),
        };
        tables.iter().flat_map(|table| blocks.iter().map(|block| (table.clone(), block.clone()))).collect()
    }

    /// The blocks of that side's VPC.
    pub fn blocks(&self, side: Side) -> &[String] {
        match side {
            Side::Cluster => &self.cluster_blocks,
            Side::Workload => &self.workload_blocks,
        }
    }
}
