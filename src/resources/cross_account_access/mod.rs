//! `xeks_cross_account_access`: an EC2 role of the workload account uses the cluster of the cluster account.
//!
//! workload role → may assume → access role → has → access entry → has → access policies; an instance profile holds the workload role;
//! and a kubeconfig for clients.

mod check;
mod import;
mod model;
mod objects;
mod outputs;
mod permission_set;
mod reach;
mod refresh;
mod rules;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::import::AccessId;
use self::model::{Model, ROLE_OF_SET};
use super::lifecycle::{Change, Claim, Composed, Composite, Located, Run, Sides, ownership};
use super::values::known;
use super::{lookups, role};
use crate::aws::Side;
use crate::diagnostics::Diagnostics;
use crate::engine::{Object, Refreshed};
use crate::objects::eks::cluster::{self, ClusterDescription};
use crate::objects::iam;
use crate::objects::{Context, Env};
use crate::provider::Resource;
use crate::schema::{Value, placeholder};

struct CrossAccountAccess;

/// The resource, for the registry.
pub fn resource(run: Run) -> Arc<dyn Resource> {
    Composed::offered(CrossAccountAccess, schema::schema(), run)
}

/// What clients of a configuration are handed, while nothing of it exists yet.
#[cfg(any(test, fuzzing))]
pub fn files(value: &Value, env: &Env) -> BTreeMap<&'static str, Value> {
    use super::lifecycle::FromValue;
    outputs::outputs(&Model::from_value(value, env), value, env, &Value::Unknown)
}

#[async_trait]
impl Composite for CrossAccountAccess {
    const NAME: &'static str = "xeks_cross_account_access";
    type Model = Model;
    type Id = AccessId;

    fn identity(&self, model: &Model, env: &Env) -> Vec<String> {
        let cluster = format!("{}/{}/{}", env.identity(Side::Cluster).account_id, env.region, model.cluster);
        let access = model.access.as_ref().map(|access| access.name.clone()).unwrap_or_default();
        vec![cluster, access, format!("{}/{}", env.workload.account_id, model.workload_identity())]
    }

    fn sides(&self, _: &Value) -> Sides {
        Sides::Connected(rules::ONE_PARTITION)
    }

    fn id(&self, model: &Model) -> AccessId {
        AccessId {
            cluster: model.cluster.clone(),
            access_role: model.access.as_ref().map(|access| access.name.clone()).unwrap_or_default(),
            workload_role: model.workload.name.clone(),
            location: model.location.clone(),
        }
    }

    fn objects(&self, model: &Model, env: &Env) -> Vec<Box<dyn Object<Context>>> {
        objects::objects(model, env, &ownership(self, model, env))
    }

    fn outputs(&self, model: &Model, value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        outputs::outputs(model, value, env, objects)
    }

    async fn facts(&self, cx: &Context, model: &Model, env: &Env) -> Result<BTreeMap<&'static str, Value>, Located> {
        if placeholder::is_in(&model.cluster) || placeholder::is_in(&env.region) {
            return Ok(BTreeMap::new());
        }
        let mut cluster = cluster_value(&lookups::cluster(cx, &env.region, &model.cluster, "cluster_name").await?);
        for changing in ["version", "authentication_mode"] {
            cluster.insert(changing, Value::Unknown);
        }
        Ok(BTreeMap::from([("cluster", cluster)]))
    }

    async fn resolve(&self, cx: &Context, model: &Model, value: &mut Value, env: &mut Env) -> Result<(), Located> {
        // The role of a permission set is looked up by that.
        let workload = Some(&model.workload).filter(|_| model.permission_set.is_none());
        let roles = [workload, model.access.as_ref()].into_iter().flatten();
        let lookups = roles.map(|role| role::look_up_role(cx, env, role));
        let (cluster, arns, role_of_set) = futures::join!(
            async {
                if value.get("cluster").is_wholly_known() {
                    return Ok(None);
                }
                lookups::cluster(cx, &env.region, &model.cluster, "cluster_name").await.map(Some)
            },
            futures::future::join_all(lookups),
            permission_set::look_up(cx, model),
        );
        match role_of_set? {
            Some(role) => {
                env.arns.insert(iam::role::key(Side::Workload, &role.name), role.arn);
                value.insert(ROLE_OF_SET, Value::string(role.name));
            }
            None if model.permission_set.is_none() => value.insert(ROLE_OF_SET, Value::Null),
            None => {}
        }
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

    async fn refresh(&self, cx: &Context, model: &Model, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
        if let Some(cluster) = cluster::describe(cx, &env.region, &model.cluster).await.map_err(Located::at("cluster_name"))? {
            value.insert("cluster", cluster_value(&cluster));
        }
        permission_set::refresh(cx, model, value).await?;
        refresh::refresh(model, &cx.ownership, value, env, seen);
        Ok(())
    }

    async fn discover(&self, cx: &Context, model: &Model, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
        import::discover(model, cx, value, env, seen).await
    }

    async fn check(&self, cx: &Context, model: &Model, change: Change<'_>, env: &Env, run: &Run) -> Diagnostics {
        check::check(model, cx, change, env, run).await
    }

    fn claim(&self, model: &Model) -> Option<Claim> {
        let (cluster, principal, workload) = (known(&model.cluster), known(&model.principal().name), known(&model.workload.name));
        if [cluster, principal, workload].contains(&"") {
            return None;
        }
        let through = model.access.as_ref().map(|access| format!(" through role {}", access.name)).unwrap_or_default();
        let advice = format!(
            "Two resources give role {workload} access to cluster {cluster}{through}. Keep one of them, with the policies and groups of both, or \
             choose other roles for one of the two."
        );
        Some(Claim { what: None, attribute: model.principal().name_path(), advice })
    }
}

fn cluster_value(cluster: &ClusterDescription) -> Value {
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
