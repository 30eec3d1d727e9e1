//! `xeks_irsa_trust`: pods of the cluster account's clusters use a role of the workload account.
//!
//! federated: service account token → OIDC provider of the workload account → role.
//! chained: service account token → OIDC provider of the cluster account → pod role → may assume → role.

mod import;
mod model;
mod objects;
mod outputs;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use self::model::Model;
use super::common;
use super::env::{Env, Part};
use super::lifecycle::{Composed, Composite, Known, Located};
use super::roles;
use crate::aws::{Side, arn, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Key, Ledger, Refreshed};
use crate::objects::{Context, eks, iam};
use crate::provider::Resource;
use crate::schema::{Schema, Value, placeholder};

struct IrsaTrust;

/// The resource, for the registry.
pub fn resource() -> Arc<dyn Resource> {
    Composed::offered(IrsaTrust, schema::schema())
}

#[async_trait]
impl Composite for IrsaTrust {
    const NAME: &'static str = "xeks_irsa_trust";
    type Model = Model;

    fn model(&self, value: &Value, env: &Env) -> Model {
        Model::of(value, env)
    }

    fn validate(&self, config: &Value, partition: Option<&str>) -> Diagnostics {
        schema::validate(config, partition)
    }

    fn decides_shape(&self, value: &Value) -> bool {
        common::any_unknown(
            value,
            &[
                "mode",
                "cluster_region",
                "adopt",
                "role",
                "role.existing",
                "pod_role",
                "pod_role.existing",
                "oidc_provider",
                "oidc_provider.manage",
            ],
        )
    }

    /// Not the clusters of `cluster_names` nor the issuers: they change in env.
    fn identity(&self, value: &Value, env: &Env) -> Vec<String> {
        let text = |path: &str| value.at(path).as_str().unwrap_or_default().to_owned();
        let cluster = format!("{}/{}/{}", env.cluster.account_id, env.region, text("cluster_name"));
        vec![cluster, text("pod_role.name"), format!("{}/{}", env.workload.account_id, text("role.name"))]
    }

    /// `CLUSTER/ROLE[/ACCOUNT_KEY]`, `https://ISSUER/ROLE`, chained `CLUSTER/POD_ROLE>ROLE`.
    fn import_id(&self, value: &Value, env: &Env) -> String {
        let text = |path: &str| placeholder::text(value.at(path)).unwrap_or_default();
        let mut sources = match model::clusters(value) {
            clusters if clusters.is_empty() => placeholder::texts(value.get("issuer_urls")),
            clusters => clusters,
        };
        // A set of one cluster is told from one cluster by a comma.
        if sources.len() == 1 && !value.get("cluster_names").is_null() {
            sources.push(String::new());
        }
        let role = match placeholder::text(value.at("pod_role.name")) {
            Some(pod_role) => format!("{pod_role}>{}", text("role.name")),
            None => text("role.name"),
        };
        let id = format!("{}/{role}", sources.join(","));
        if id.starts_with("https://") { id } else { common::with_account_and_region(id, value, env) }
    }

    fn parts(&self, model: &Model, env: &Env) -> Vec<Part> {
        objects::objects(model, env)
    }

    fn outputs(&self, model: &Model, _value: &Value, env: &Env, objects: &Value) -> BTreeMap<&'static str, Value> {
        outputs::outputs(model, env, objects)
    }

    fn observed_attributes(&self) -> &'static [&'static str] {
        &["issuers"]
    }

    fn plan_observed(&self, value: &mut Value, prior: &Value) {
        let given = value.get("issuer_urls").clone();
        if !given.is_null() {
            value.insert("issuers", https(&given));
        } else if value.get("cluster_names") != prior.get("cluster_names") || !prior.get("issuer_urls").is_null() {
            value.insert("issuers", Value::Unknown);
        }
        keep_equal_documents(value, prior);
    }

    async fn resolve(&self, cx: &Context, value: &mut Value, env: &mut Env) -> Result<(), Located> {
        let given = value.get("issuer_urls").clone();
        if !given.is_null() {
            value.insert("issuers", https(&given));
        }
        let model = self.model(value, env);
        let mut roles = vec![(Side::Workload, &model.role, "role.name")];
        roles.extend(model.pod_role.as_ref().map(|role| (Side::Cluster, role, "pod_role.name")));
        let lookups = roles.iter().map(|(side, role, path)| roles::look_up_role(cx, env, *side, role, path));
        let path = if value.get("cluster_names").is_null() { "cluster_name" } else { "cluster_names" };
        let ask = value.get("issuers").is_unknown();
        let named = model.clusters.iter().all(|name| !placeholder::is_in(name)) && !placeholder::is_in(&env.region);
        let ask = ask && named;
        let clusters = model.clusters.iter().filter(|_| ask).map(|name| common::cluster(cx, &env.region, name, path));
        let (clusters, arns) = futures::join!(futures::future::join_all(clusters), futures::future::join_all(lookups));
        for arn in arns {
            env.arns.extend(arn?);
        }
        let clusters = clusters.into_iter().collect::<Result<Vec<_>, _>>()?;
        if ask {
            value.insert("issuers", issuers(&clusters));
        }
        for cluster in clusters {
            env.clusters.insert(cluster.name.clone(), cluster);
        }
        Ok(())
    }

    async fn refreshed(&self, cx: &Context, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
        let model = self.model(value, env);
        if let Some(pod_role) = &model.pod_role {
            roles::refresh_role(value, "pod_role", Side::Cluster, pod_role, seen);
            roles::find_inline_policies(Side::Cluster, pod_role, &import::own_policies(&model), env, seen);
            roles::find_attachments(Side::Cluster, pod_role, &[], env, seen);
        }
        let expected: Vec<String> = model.inline_policies.iter().map(|(name, _)| name.clone()).collect();
        roles::refresh_role(value, "role", Side::Workload, &model.role, seen);
        roles::find_inline_policies(Side::Workload, &model.role, &expected, env, seen);
        roles::refresh_attachments(value, "role", Side::Workload, &model.role, &model.managed_policies, env, seen);
        refresh_documents(&model, value, seen);

        let clusters = model.clusters.iter().map(|name| eks::cluster::describe(cx, &env.region, name));
        let clusters = futures::future::try_join_all(clusters).await.map_err(Located::at("cluster_name"))?;
        // A cluster that is gone may come back under its name; until then its issuer stays what it was.
        if let Some(clusters) = clusters.into_iter().collect::<Option<Vec<_>>>().filter(|clusters| !clusters.is_empty()) {
            value.insert("issuers", issuers(&clusters));
        }
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
            (_, iam::oidc_provider::KIND) => Path::of("oidc_provider.manage"),
            (Side::Cluster, _) => Path::of("pod_role.name"),
            (Side::Workload, iam::inline_policy::KIND) => Path::of("role.inline_policies"),
            (Side::Workload, _) => Path::of("role.name"),
        }
    }

    async fn preflight(&self, _: &Context, value: &Value, prior: &Value, env: &Env, _: &Known) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let model = self.model(value, env);
        let size = policy::size(&policy::document(objects::web_identity_trust(&model, env)));
        if size > policy::TRUST_LIMIT {
            diagnostics.error(
                Path::of("service_accounts"),
                "The role's trust policy is too long",
                format!(
                    "It would have {size} characters for {} service accounts and {} issuers; AWS allows {} unless the account's quota was \
                     raised. Use a wildcard in a namespace of your own, fewer service accounts, or several roles.",
                    model.service_accounts.len(),
                    model.issuers.len(),
                    policy::TRUST_LIMIT
                ),
            );
        }
        let wide: Vec<String> =
            model.service_accounts.iter().filter(|account| account.has_wildcard()).map(|account| account.subject()).collect();
        if !wide.is_empty() && prior.get("service_accounts") != value.get("service_accounts") {
            diagnostics.warning(
                Path::of("service_accounts"),
                "Service accounts by pattern",
                format!(
                    "Whoever may create a service account that fits {} gets role {} of account {}.",
                    wide.join(", "),
                    model.role.name,
                    env.workload.account_id
                ),
            );
        }
        diagnostics
    }

    fn leaves(&self, value: &Value, key: &Key) -> bool {
        let attached = key.side == Side::Workload && key.kind == iam::policy_attachment::KIND;
        attached && value.at("role.managed_policy_arns").is_null()
    }

    fn changes_in_place(&self, path: &Path, prior: &Ledger, planned: &Value) -> bool {
        roles::may_turn_existing(path, prior, planned, &[("pod_role", Side::Cluster), ("role", Side::Workload)])
    }
}

/// Issuer URLs in one form: with `https://`, without a slash at the end.
fn https(urls: &Value) -> Value {
    if !urls.is_wholly_known() {
        return Value::Unknown;
    }
    Value::set_of_strings(urls.strings().iter().map(|url| format!("https://{}", arn::issuer_host(url))))
}

fn issuers(clusters: &[eks::cluster::ClusterDescription]) -> Value {
    Value::set_of_strings(clusters.iter().filter_map(|cluster| cluster.issuer.clone()))
}

/// JSON that says the same as before is the same: the plan keeps the prior text. All of it or none: Terraform takes of a map either
/// what is configured or what was there, and refuses a mixture.
fn keep_equal_documents(value: &mut Value, prior: &Value) {
    let mut role = value.get("role").clone();
    let before = prior.at("role.inline_policies");
    let (Some(new), Some(old)) = (role.get("inline_policies").entries(), before.entries()) else { return };
    let same = |(new, old): (&Value, &Value)| match (new.as_str(), old.as_str()) {
        (Some(new), Some(old)) => policy::equivalent_text(new, old),
        _ => new == old,
    };
    if new.keys().eq(old.keys()) && new.values().zip(old.values()).all(same) {
        role.insert("inline_policies", before.clone());
        value.insert("role", role);
    }
}

/// The user's inline policies as they are: the user's own text where it says the same.
fn refresh_documents(model: &Model, value: &mut Value, seen: &Refreshed) {
    let mut role = value.get("role").clone();
    if role.get("inline_policies").is_null() {
        return;
    }
    let mut policies = BTreeMap::new();
    for (name, text) in &model.inline_policies {
        let key = Key::new(Side::Workload, iam::inline_policy::KIND, format!("{}/{name}", model.role.name));
        if let Some(found) = seen.observed.get(&key).and_then(|o| o.document.clone()) {
            let same = policy::equivalent_text(text, &found);
            policies.insert(name.clone(), Value::string(if same { text.clone() } else { found }));
        }
    }
    role.insert("inline_policies", Value::Map(policies));
    value.insert("role", role);
}
