//! `xeks_cluster_peering`: the network from a VPC of the workload account to a cluster's VPC.
//!
//! request (workload account) → acceptance (cluster account) → DNS options, routes in both VPCs; HTTPS on the cluster security group.

mod import;
mod model;
mod network;
mod objects;
mod outputs;
mod preflight;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::model::Model;
use super::common;
use super::env::{Env, Part};
use super::lifecycle::{Composed, Composite, Known, Located};
use crate::aws::Side;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Key, Ledger, Refreshed};
use crate::objects::ec2::Link;
use crate::objects::{Context, ec2};
use crate::provider::Resource;
use crate::schema::{Schema, Value, placeholder};

struct ClusterPeering;

/// The resource, for the registry.
pub fn resource() -> Arc<dyn Resource> {
    Composed::offered(ClusterPeering, schema::schema())
}

#[async_trait]
impl Composite for ClusterPeering {
    const NAME: &'static str = "xeks_cluster_peering";
    type Model = Model;

    fn model(&self, value: &Value, env: &Env) -> Model {
        Model::of(value, env)
    }

    fn validate(&self, config: &Value, _: Option<&str>) -> Diagnostics {
        schema::validate(config)
    }

    fn decides_shape(&self, value: &Value) -> bool {
        let names = ["cluster_region", "workload_region", "peering_connection_id", "allow_https", "dns_resolution", "adopt"];
        common::any_unknown(value, &names)
    }

    fn identity(&self, value: &Value, env: &Env) -> Vec<String> {
        let text = |path: &str| value.at(path).as_str().unwrap_or_default().to_owned();
        let cluster = format!("{}/{}/{}", env.cluster.account_id, env.region, text("cluster_name"));
        let mut identity = vec![cluster, format!("{}/{}", env.workload.account_id, text("workload_vpc_id"))];
        // Beside the resource that has the connection, another of the same cluster and VPC may use it.
        if model::reuses(value, env) {
            identity.push("reused".to_owned());
        }
        identity
    }

    /// `CLUSTER/pcx-…[/ACCOUNT_KEY[/REGION]]`.
    fn import_id(&self, value: &Value, env: &Env) -> String {
        let text = |path: &str| placeholder::text(value.at(path)).unwrap_or_default();
        common::with_account_and_region(format!("{}/{}", text("cluster_name"), text("peering_connection_id")), value, env)
    }

    fn parts(&self, model: &Model, env: &Env) -> Vec<Part> {
        objects::objects(model, env)
    }

    fn outputs(&self, model: &Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        let mut outputs = outputs::outputs(model, value, env, objects);
        let mut known = value.clone();
        known.insert("peering_connection_id", outputs["peering_connection_id"].clone());
        outputs.insert("id", placeholder::value(self.import_id(&known, env)));
        outputs
    }

    fn observed_attributes(&self) -> &'static [&'static str] {
        &["cluster_vpc_id", "network"]
    }

    fn plan_observed(&self, value: &mut Value, prior: &Value) {
        // The cluster was made anew in another VPC: this network leads to the old one.
        if prior.get("cluster_vpc_id") != prior.at("network.cluster_vpc_id") {
            value.insert("cluster_vpc_id", Value::Unknown);
        }
    }

    async fn resolve(&self, cx: &Context, value: &mut Value, env: &mut Env) -> Result<(), Located> {
        network::resolve(cx, value, env).await
    }

    async fn refreshed(&self, cx: &Context, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
        network::refresh(&self.model(value, env), cx, value, env, seen).await
    }

    fn import_value(&self, schema: &Schema, id: &str) -> Result<Value, String> {
        import::parse(schema, id)
    }

    async fn discovered(&self, cx: &Context, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
        import::discovered(&self.model(value, env), cx, value, seen).await
    }

    fn path_of(&self, key: &Key) -> Path {
        Path::of(match (key.side, key.kind.as_str()) {
            (_, ec2::dns_resolution::KIND) => "dns_resolution",
            (_, ec2::rule::KIND) => "allow_https",
            (Side::Cluster, ec2::route::KIND) => "cluster_route_table_ids",
            (Side::Workload, ec2::route::KIND) => "workload_route_table_ids",
            _ => "peering_connection_id",
        })
    }

    async fn preflight(&self, cx: &Context, value: &Value, prior: &Value, env: &Env, known: &Known) -> Diagnostics {
        preflight::preflight(&self.model(value, env), cx, value, prior, env, known).await
    }

    fn only_one(&self, value: &Value) -> Option<(Path, String)> {
        let (cluster, vpc) = (value.get("cluster_name").as_str()?, value.get("workload_vpc_id").as_str()?);
        let text = format!(
            "Two VPCs have one peering connection at most, and two resources connect {vpc} with the VPC of cluster {cluster}. Keep one of \
             them, with the blocks and route tables of both; or let the second use the connection of the first: peering_connection_id = \
             xeks_cluster_peering.FIRST.peering_connection_id."
        );
        Some((Path::of("workload_vpc_id"), text))
    }

    /// The pair of VPCs, whichever of the clusters in it is named. Who takes what exists makes no second connection.
    fn claims(&self, model: &Model) -> Option<String> {
        let Link { cluster, workload, .. } = &model.link;
        let makes = model.own == Some(true) && !cluster.vpc_id.is_empty();
        makes.then(|| format!("{}/{} {}/{}", cluster.account_id, cluster.vpc_id, workload.account_id, workload.vpc_id))
    }

    /// A connection that went away is made anew in env, under another id.
    fn changes_in_place(&self, path: &Path, prior: &Ledger, _planned: &Value) -> bool {
        *path == Path::of("peering_connection_id") && !prior.0.keys().any(|key| key.kind == ec2::peering::KIND)
    }
}
