//! `xeks_cross_account_access`: an EC2 role of the workload account uses the cluster of the cluster account.
//!
//! workload role → may assume → access role → is named by → access entry → has → access policies; an instance profile holds the
//! workload role; and a kubeconfig for clients.

mod import;
mod model;
mod objects;
mod outputs;
mod preflight;
mod refresh;
mod rules;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::model::Model;
use super::common;
use super::env::{Env, Part};
use super::lifecycle::{Composed, Composite, Known, Located};
use super::roles;
use crate::aws::Side;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Key, Ledger, Refreshed};
use crate::objects::{Context, eks, iam};
use crate::provider::Resource;
use crate::schema::{Schema, Value, placeholder};

struct CrossAccountAccess;

/// The resource, for the registry.
pub fn resource() -> Arc<dyn Resource> {
    Composed::offered(CrossAccountAccess, schema::schema())
}

#[async_trait]
impl Composite for CrossAccountAccess {
    const NAME: &'static str = "xeks_cross_account_access";
    type Model = Model;

    fn model(&self, value: &Value, env: &Env) -> Model {
        Model::of(value, env)
    }

    fn validate(&self, config: &Value, partition: Option<&str>) -> Diagnostics {
        rules::validate(config, partition)
    }

    fn decides_shape(&self, value: &Value) -> bool {
        let roles = ["access_role", "workload_role", "workload_role.instance_profile", "workload_role.instance_profile_name"];
        let flags = ["access_role.existing", "workload_role.existing", "workload_role.manage_policy", "access_role.trust"];
        common::any_unknown(
            value,
            &["mode", "cluster_region", "adopt", "on_config_map", "cluster_name", "kubernetes", "kubernetes.policies"],
        ) || common::any_unknown(value, &roles)
            || common::any_unknown(value, &flags)
    }

    fn identity(&self, value: &Value, env: &Env) -> Vec<String> {
        let text = |path: &str| value.at(path).as_str().unwrap_or_default().to_owned();
        let cluster = format!("{}/{}/{}", env.cluster.account_id, env.region, text("cluster_name"));
        vec![cluster, text("access_role.name"), format!("{}/{}", env.workload.account_id, text("workload_role.name"))]
    }

    /// `CLUSTER/ACCESS_ROLE/WORKLOAD_ROLE[/ACCOUNT_KEY[/REGION]]`.
    fn import_id(&self, value: &Value, env: &Env) -> String {
        let text = |path: &str| placeholder::text(value.at(path)).unwrap_or_default();
        let id = format!("{}/{}/{}", text("cluster_name"), text("access_role.name"), text("workload_role.name"));
        common::with_account_and_region(id, value, env)
    }

    fn parts(&self, model: &Model, env: &Env) -> Vec<Part> {
        objects::objects(model, env)
    }

    fn outputs(&self, model: &Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        outputs::outputs(model, value, env, objects)
    }

    fn observed_attributes(&self) -> &'static [&'static str] {
        &["cluster"]
    }

    fn plan_observed(&self, value: &mut Value, _prior: &Value) {
        // The upgrade is the one change of the cluster that this resource makes.
        let on_config_map = value.at("cluster.authentication_mode").as_str() == Some("CONFIG_MAP");
        if on_config_map && value.get("on_config_map").as_str() == Some("upgrade") {
            let mut cluster = value.get("cluster").clone();
            cluster.insert("authentication_mode", Value::string("API_AND_CONFIG_MAP"));
            value.insert("cluster", cluster);
        }
    }

    async fn resolve(&self, cx: &Context, value: &mut Value, env: &mut Env) -> Result<(), Located> {
        let model = self.model(value, env);
        let mut roles = vec![(Side::Workload, &model.workload, "workload_role.name")];
        roles.extend(model.access.as_ref().map(|access| (Side::Cluster, access, "access_role.name")));
        let lookups = roles.iter().map(|(side, role, path)| roles::look_up_role(cx, env, *side, role, path));
        let (cluster, arns) = futures::join!(
            async {
                if !value.get("cluster").is_unknown() {
                    return Ok(None);
                }
                common::cluster(cx, &env.region, &model.cluster, "cluster_name").await.map(Some)
            },
            futures::future::join_all(lookups),
        );
        for arn in arns {
            env.arns.extend(arn?);
        }
        if let Some(cluster) = cluster? {
            let mut described = cluster_value(&cluster);
            if model.upgrade && cluster.authentication_mode.as_deref() == Some("CONFIG_MAP") {
                described.insert("authentication_mode", Value::string("API_AND_CONFIG_MAP"));
            }
            value.insert("cluster", described);
            env.clusters.insert(model.cluster.clone(), cluster);
        }
        Ok(())
    }

    async fn refreshed(&self, cx: &Context, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
        let model = self.model(value, env);
        if let Some(cluster) = eks::cluster::describe(cx, &env.region, &model.cluster).await.map_err(Located::at("cluster_name"))? {
            value.insert("cluster", cluster_value(&cluster));
        }
        refresh::refresh(&model, value, env, seen);
        Ok(())
    }

    fn import_value(&self, schema: &Schema, id: &str) -> Result<Value, String> {
        import::parse(schema, id)
    }

    async fn discovered(&self, cx: &Context, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
        import::discovered(&self.model(value, env), cx, value, env, seen).await
    }

    fn path_of(&self, key: &Key) -> Path {
        match (key.side, key.kind.as_str()) {
            (Side::Workload, iam::instance_profile::KIND) => Path::of("workload_role.instance_profile_name"),
            (Side::Workload, _) => Path::of("workload_role.name"),
            (Side::Cluster, eks::access_config::KIND) => Path::of("on_config_map"),
            (Side::Cluster, _) => Path::of("access_role.name"),
        }
    }

    async fn preflight(&self, cx: &Context, value: &Value, prior: &Value, env: &Env, _: &Known) -> Diagnostics {
        preflight::preflight(&self.model(value, env), cx, value, prior, env).await
    }

    fn leaves(&self, value: &Value, key: &Key) -> bool {
        let attached = key.side == Side::Workload && key.kind == iam::policy_attachment::KIND;
        attached && value.at("workload_role.managed_policy_arns").is_null()
    }

    fn changes_in_place(&self, path: &Path, prior: &Ledger, planned: &Value) -> bool {
        roles::may_turn_existing(path, prior, planned, &[("access_role", Side::Cluster), ("workload_role", Side::Workload)])
    }
}

fn cluster_value(cluster: &eks::cluster::ClusterDescription) -> Value {
    let text = |text: &Option<String>| Value::optional_string(text.as_deref());
    Value::object([
        ("arn", Value::string(&cluster.arn)),
        ("endpoint", text(&cluster.endpoint)),
        ("certificate_authority", text(&cluster.certificate_authority)),
        ("version", text(&cluster.version)),
        ("authentication_mode", text(&cluster.authentication_mode)),
        ("vpc_id", text(&cluster.vpc_id)),
        ("security_group_id", text(&cluster.security_group_id)),
    ])
}
