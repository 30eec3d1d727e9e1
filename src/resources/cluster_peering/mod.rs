//! `xeks_cluster_peering`: the network from a VPC of the workload account to a cluster's VPC.
//!
//! request (workload account) → acceptance (cluster account) → DNS options, routes in both VPCs; HTTPS on the cluster security group.

mod check;
mod import;
mod model;
mod network;
mod objects;
mod outputs;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::import::PeeringId;
use self::model::Model;
use super::lifecycle::{Change, Claim, Composed, Composite, FromValue, Located, Run, Sides, ownership};
use super::lookups;
use super::values::known;
use crate::aws::Side;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Object, Refreshed};
use crate::objects::ec2::peering::Link;
use crate::objects::{Context, Env};
use crate::provider::Resource;
use crate::schema::{Value, placeholder};

/// Ends the identity of a resource that uses the connection of another.
const REUSED: &str = "reused";

struct ClusterPeering;

/// The resource, for the registry.
pub fn resource(run: Run) -> Arc<dyn Resource> {
    Composed::offered(ClusterPeering, schema::schema(), run)
}

#[async_trait]
impl Composite for ClusterPeering {
    const NAME: &'static str = "xeks_cluster_peering";
    type Model = Model;
    type Id = PeeringId;

    fn identity(&self, model: &Model, env: &Env) -> Vec<String> {
        let cluster = format!("{}/{}/{}", env.identity(Side::Cluster).account_id, env.region, model.cluster);
        let mut identity = vec![cluster, format!("{}/{}", env.workload.account_id, model.link.workload.vpc_id)];
        // Beside the resource that has the connection, another of the same cluster and VPC may use it.
        if model.reuses {
            identity.push(REUSED.to_owned());
        }
        identity
    }

    fn sides(&self, _: &Value) -> Sides {
        Sides::Connected(schema::ONE_PARTITION)
    }

    fn id(&self, model: &Model) -> PeeringId {
        PeeringId { cluster: model.cluster.clone(), connection: model.connection_id.clone(), location: model.location.clone() }
    }

    fn objects(&self, model: &Model, env: &Env) -> Vec<Box<dyn Object<Context>>> {
        objects::objects(model, env)
    }

    fn outputs(&self, model: &Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        let mut outputs = outputs::outputs(model, value, env, objects);
        let connection = placeholder::text(&outputs["peering_connection_id"]).unwrap_or_default();
        outputs.insert("id", placeholder::value(PeeringId { connection, ..self.id(model) }.to_string()));
        outputs
    }

    async fn facts(&self, cx: &Context, model: &Model, env: &Env) -> Result<BTreeMap<&'static str, Value>, Located> {
        if placeholder::is_in(&model.cluster) || placeholder::is_in(&env.region) {
            return Ok(BTreeMap::new());
        }
        let cluster = lookups::cluster(cx, &env.region, &model.cluster, "cluster_name").await?;
        Ok(cluster.vpc_id.map(|vpc_id| ("cluster_vpc_id", Value::string(vpc_id))).into_iter().collect())
    }

    async fn resolve(&self, cx: &Context, _: &Model, value: &mut Value, env: &mut Env) -> Result<(), Located> {
        if let Some(connection) = network::resolve(cx, value, env).await? {
            let own = ownership(self, &Model::from_value(value, env), env);
            if import::is_of_another(&connection.tags, &own.resource) {
                // As if the configuration named it: a destroy keeps it.
                env.given.insert("peering_connection_id".to_owned());
            }
        }
        Ok(())
    }

    async fn ask_early(&self, cx: &Context, model: &Model) {
        network::ask_early(cx, model).await;
    }

    async fn refresh(&self, cx: &Context, model: &Model, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
        network::refresh(model, cx, value, env, seen).await
    }

    async fn discover(&self, cx: &Context, model: &Model, value: &mut Value, _: &Env, seen: &Refreshed) -> Result<(), Located> {
        import::discover(model, cx, value, seen).await
    }

    async fn check(&self, cx: &Context, model: &Model, change: Change<'_>, env: &Env, run: &Run) -> Diagnostics {
        check::check(model, cx, change, env, run).await
    }

    /// The pair of VPCs, whichever of the clusters in it is named. A resource that uses a connection that exists claims no pair.
    fn claim(&self, model: &Model) -> Option<Claim> {
        let Link { cluster, workload, .. } = &model.link;
        let (name, vpc) = (known(&model.cluster), known(&workload.vpc_id));
        if name.is_empty() || vpc.is_empty() {
            return None;
        }
        let creates = model.own == Some(true) && !cluster.vpc_id.is_empty();
        let pair = format!("{}/{} {}/{}", cluster.account_id, cluster.vpc_id, workload.account_id, workload.vpc_id);
        let advice = format!(
            "Two VPCs can have only one peering connection, and two resources connect {vpc} to the VPC of cluster {name}. Keep one of them, \
             with the CIDR blocks and route tables of both, or make the second one use the connection of the first: \
             peering_connection_id = xeks_cluster_peering.FIRST.peering_connection_id."
        );
        Some(Claim { what: creates.then_some(pair), attribute: Path::of("workload_vpc_id"), advice })
    }
}
