//! Drift: what was read, in the attributes that the user wrote.

use std::collections::BTreeMap;

use super::model::Model;
use super::objects::assume_policy_name;
use crate::aws::{Side, policy};
use crate::engine::Refreshed;
use crate::objects::eks::cluster::{self, ClusterDescription};
use crate::objects::iam::inline_policy;
use crate::objects::iam::oidc_provider::{self, Setting};
use crate::objects::{Context, Env};
use crate::resources::lifecycle::Located;
use crate::resources::role::{self, RoleModel};
use crate::schema::Value;

/// Brings the attributes up to date, and takes into the ledger what others put where only what this resource created may be.
pub async fn refresh(model: &Model, cx: &Context, value: &mut Value, env: &Env, seen: &mut Refreshed) -> Result<(), Located> {
    if let Some(pod_role) = &model.pod_role {
        role::refresh_role(value, pod_role, seen);
        role::find_inline_policies(pod_role, &[assume_policy_name(model, &cx.ownership)], env, seen);
        role::find_attachments(pod_role, env, seen);
    }
    let expected: Vec<String> = model.inline_policies.iter().map(|(name, _)| name.clone()).collect();
    role::refresh_role(value, &model.role, seen);
    role::find_inline_policies(&model.role, &expected, env, seen);
    role::refresh_attachments(value, &model.role, env, seen);
    refresh_documents(model, value, seen);
    let roles: Vec<&RoleModel> = model.pod_role.iter().chain([&model.role]).collect();
    role::refresh_also_trusted(value, &roles, seen);
    refresh_provider(model, value, seen);

    let clusters = model.clusters().iter().map(|name| cluster::describe(cx, &env.region, name));
    let clusters = futures::future::try_join_all(clusters).await.map_err(Located::at("cluster_name"))?;
    // A cluster that is gone may be created again under its name; until then its issuer is kept.
    if let Some(clusters) = clusters.into_iter().collect::<Option<Vec<_>>>().filter(|clusters| !clusters.is_empty()) {
        value.insert("issuers", issuers(&clusters));
    }
    Ok(())
}

pub fn issuers(clusters: &[ClusterDescription]) -> Value {
    Value::set_of_strings(clusters.iter().filter_map(|cluster| cluster.issuer.clone()))
}

/// Thumbprints and tags of `oidc_provider` as they are: of several providers, as on the first one that has others than configured.
fn refresh_provider(model: &Model, value: &mut Value, seen: &Refreshed) {
    let providers = model.issuers.iter().filter_map(|issuer| seen.observed.get(&model.provider_key(issuer)));
    let mut drifted = BTreeMap::new();
    providers.rev().for_each(|observed| drifted.extend(oidc_provider::drifted(observed)));
    let mut provider = value.get("oidc_provider").clone();
    for (setting, found) in drifted {
        match (setting, found) {
            (Setting::Thumbprints, found) => {
                let listed = found.unwrap_or_default();
                let listed = listed.split(", ").filter(|thumbprint| !thumbprint.is_empty()).map(Value::string);
                provider.insert("thumbprints", Value::List(listed.collect()));
            }
            (Setting::Tag(key), found) => {
                let mut tags = provider.get("tags").entries().cloned().unwrap_or_default();
                match found {
                    Some(found) => tags.insert(key, Value::string(found)),
                    None => tags.remove(&key),
                };
                provider.insert("tags", Value::Map(tags));
            }
        }
    }
    value.insert("oidc_provider", provider);
}

/// The user's inline policies as they are: the user's own text where it means the same.
fn refresh_documents(model: &Model, value: &mut Value, seen: &Refreshed) {
    let mut role = value.get("role").clone();
    if role.get("inline_policies").is_null() {
        return;
    }
    let mut policies = BTreeMap::new();
    for (name, text) in &model.inline_policies {
        let key = inline_policy::key(Side::Workload, &model.role.name, name);
        if let Some(found) = seen.observed.get(&key).and_then(|o| o.document.clone()) {
            let same = policy::equivalent_text(text, &found);
            policies.insert(name.clone(), Value::string(if same { text.clone() } else { found }));
        }
    }
    role.insert("inline_policies", Value::Map(policies));
    value.insert("role", role);
}
