//! `xeks_irsa_trust`: pods of the cluster account's clusters use a role of the workload account.
//!
//! federated: service account token → OIDC provider of the workload account → role.
//! chained: service account token → OIDC provider of the cluster account → pod role → may assume → role.

mod check;
mod client;
mod import;
mod model;
mod objects;
mod outputs;
mod refresh;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::import::TrustId;
use self::model::{Model, Source};
use super::lifecycle::{Change, Claim, Composed, Composite, Located, Run, Sides, Want, ownership};
use super::values::known;
use super::{lookups, role};
use crate::diagnostics::Diagnostics;
use crate::engine::{Object, Refreshed};
use crate::objects::{Context, Env};
use crate::provider::Resource;
use crate::schema::{Value, placeholder};

struct IrsaTrust;

/// The resource, for the registry.
pub fn resource(run: Run) -> Arc<dyn Resource> {
    Composed::offered(IrsaTrust, schema::schema(), run)
}

/// What pods of a configuration are handed, while nothing of it exists yet.
#[cfg(any(test, fuzzing))]
pub fn files(value: &Value, env: &Env) -> BTreeMap<&'static str, Value> {
    use super::lifecycle::FromValue;
    outputs::outputs(&Model::from_value(value, env), env, &Value::Unknown)
}

/// The name of Kubernetes objects that follows from a role's.
#[cfg(any(test, fuzzing))]
pub use client::derived_from as object_name;

#[async_trait]
impl Composite for IrsaTrust {
    const NAME: &'static str = "xeks_irsa_trust";
    type Model = Model;
    type Id = TrustId;

    /// Not the clusters of `cluster_names` nor the issuers: they change in place. A trust of issuers has no cluster account.
    fn identity(&self, model: &Model, env: &Env) -> Vec<String> {
        let name = if let Source::Cluster(name) = &model.source { name } else { "" };
        let cluster = env.cluster_account_id().map(|owner| format!("{owner}/{}/{name}", env.region)).unwrap_or_default();
        let pod_role = model.pod_role.as_ref().map(|pod_role| pod_role.name.clone()).unwrap_or_default();
        vec![cluster, pod_role, format!("{}/{}", env.workload.account_id, model.role.name)]
    }

    /// The URLs of issuers say all that a federated trust needs of the clusters.
    fn sides(&self, value: &Value) -> Sides {
        let is_federated = (!value.get("mode").is_unknown()).then(|| value.get("mode").as_str() != Some("chained"));
        match (is_federated, schema::names_issuers(value)) {
            (Some(false), _) => Sides::Connected(schema::ONE_PARTITION),
            (_, Some(false)) => Sides::Apart,
            (Some(true), Some(true)) => Sides::Workload,
            (None, Some(true)) | (_, None) => Sides::Unknown,
        }
    }

    fn id(&self, model: &Model) -> TrustId {
        TrustId {
            source: model.source.clone(),
            pod_role: model.pod_role.as_ref().map(|pod_role| pod_role.name.clone()),
            role: model.role.name.clone(),
            location: model.location.clone(),
        }
    }

    fn objects(&self, model: &Model, env: &Env) -> Vec<Box<dyn Object<Context>>> {
        objects::objects(model, env, &ownership(self, model, env))
    }

    fn outputs(&self, model: &Model, _value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        outputs::outputs(model, env, objects)
    }

    async fn facts(&self, cx: &Context, model: &Model, env: &Env) -> Result<BTreeMap<&'static str, Value>, Located> {
        let clusters = model.clusters();
        if clusters.is_empty() || clusters.iter().any(|name| placeholder::is_in(name)) || placeholder::is_in(&env.region) {
            return Ok(BTreeMap::new());
        }
        let described = clusters.iter().map(|name| lookups::cluster(cx, &env.region, name, model.clusters_attribute()));
        let described = futures::future::try_join_all(described).await?;
        Ok(BTreeMap::from([("issuers", refresh::issuers(&described))]))
    }

    async fn resolve(&self, cx: &Context, model: &Model, value: &mut Value, env: &mut Env) -> Result<(), Located> {
        let given = value.get("issuer_urls").clone();
        if !given.is_null() {
            value.insert("issuers", schema::https(&given));
        }
        let roles = [Some(&model.role), model.pod_role.as_ref()].into_iter().flatten();
        let lookups = roles.map(|role| role::look_up_role(cx, env, role));
        let path = model.clusters_attribute();
        let named = model.clusters().iter().all(|name| !placeholder::is_in(name)) && !placeholder::is_in(&env.region);
        let ask = value.get("issuers").is_unknown() && named;
        let clusters = model.clusters().iter().filter(|_| ask).map(|name| lookups::cluster(cx, &env.region, name, path));
        let (clusters, arns) = futures::join!(futures::future::join_all(clusters), futures::future::join_all(lookups));
        for arn in arns {
            env.arns.extend(arn?);
        }
        let clusters = clusters.into_iter().collect::<Result<Vec<_>, _>>()?;
        if ask {
            value.insert("issuers", refresh::issuers(&clusters));
        }
        for cluster in clusters {
            env.clusters.insert(cluster.name.clone(), cluster);
        }
        Ok(())
    }

    async fn refresh(&self, cx: &Context, model: &Model, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
        refresh::refresh(model, cx, value, env, seen).await
    }

    async fn discover(&self, cx: &Context, model: &Model, value: &mut Value, env: &Env, seen: &Refreshed) -> Result<(), Located> {
        import::discover(model, cx, value, env, seen).await
    }

    async fn check(&self, cx: &Context, model: &Model, change: Change<'_>, env: &Env, run: &Run) -> Diagnostics {
        check::check(model, cx, change, env, run).await
    }

    fn wants(&self, model: &Model, env: &Env) -> Vec<Want> {
        check::wants(model, env)
    }

    fn claim(&self, model: &Model) -> Option<Claim> {
        let names = model.pod_role.iter().chain([&model.role]).map(|role| known(&role.name));
        if names.chain(model.clusters().iter().map(|name| known(name))).any(str::is_empty) {
            return None;
        }
        let advice = format!(
            "Two resources let pods use role {} in the same way. Keep one of them, with the service accounts of both, or choose another role \
             for one of the two.",
            model.role.name
        );
        Some(Claim { what: None, attribute: model.role.name_path(), advice })
    }
}
