//! Drift: what was seen, in the attributes that the user wrote.

use serde_json::Value as Json;

use super::model::Model;
use crate::aws::{Side, arn};
use crate::engine::{Key, Origin, Refreshed, found};
use crate::objects::eks;
use crate::resources::common;
use crate::resources::env::Env;
use crate::resources::roles::{self, strings};
use crate::schema::Value;

/// Brings the attributes up to date, and names in the ledger what others put where only ours may be.
pub fn refresh(model: &Model, value: &mut Value, env: &Env, seen: &mut Refreshed) {
    if let Some(access) = &model.access {
        let expected = [super::objects::DESCRIBE_POLICY.to_owned()];
        roles::refresh_role(value, "access_role", Side::Cluster, access, seen);
        roles::find_inline_policies(Side::Cluster, access, &expected, env, seen);
        roles::find_attachments(Side::Cluster, access, &[], env, seen);
    }
    let expected: Vec<String> = model.access.iter().map(|access| super::objects::assume_policy_name(&access.name)).collect();
    roles::refresh_role(value, "workload_role", Side::Workload, &model.workload, seen);
    roles::find_inline_policies(Side::Workload, &model.workload, &expected, env, seen);
    roles::refresh_attachments(value, "workload_role", Side::Workload, &model.workload, &model.managed_policies, env, seen);
    refresh_entry(model, value, env, seen);
}

fn refresh_entry(model: &Model, value: &mut Value, env: &Env, seen: &mut Refreshed) {
    let key = model.entry_key();
    let Some(facts) = seen.observed.get(&key).map(|o| o.facts.clone()) else { return };
    let Some(entry) = seen.ledger.get(&key) else { return };
    let own = entry.origin.is_own();
    let mut kubernetes = value.get("kubernetes").clone();
    if own {
        let default = facts["default_username"].as_bool().unwrap_or(false);
        if !(default && kubernetes.get("username").is_null()) {
            kubernetes.insert("username", Value::optional_string(facts["username"].as_str()));
        }
        kubernetes.insert("groups", common::set_or_null(strings(&facts["groups"]), kubernetes.get("groups")));
    }
    let policies = policies(model, &kubernetes, env, seen, own.then_some(&facts["policies"]));
    kubernetes.insert("policies", policies);
    value.insert("kubernetes", kubernetes);
}

/// The associated policies by the user's keys. On an entry of our own, those of others too, which go into the ledger as found.
fn policies(model: &Model, kubernetes: &Value, env: &Env, seen: &mut Refreshed, all: Option<&Json>) -> Value {
    let mut members = std::collections::BTreeMap::new();
    for name in model.policies.keys() {
        if let Some(observed) = seen.observed.get(&model.association_key(name)) {
            members.insert(name.clone(), scope_value(&observed.facts, kubernetes.get("policies").get(name)));
        }
    }
    for (policy_arn, facts) in all.and_then(Json::as_object).into_iter().flatten() {
        let known = model.policies.keys().any(|name| arn::access_policy(&env.cluster.partition, name) == *policy_arn);
        if !known {
            let short = policy_arn.rsplit('/').next().unwrap_or(policy_arn);
            members.insert(short.to_owned(), scope_value(facts, &Value::Null));
            let key =
                Key::new(Side::Cluster, eks::policy_association::KIND, format!("{}/{}/{short}", model.cluster, model.principal().1.name));
            let entry = found(&env.cluster.account_id, Some(env.region.clone()), Origin::Found);
            seen.ledger.0.entry(key).or_insert(entry);
        }
    }
    if members.is_empty() && kubernetes.get("policies").entries().is_none_or(|p| p.is_empty()) {
        return kubernetes.get("policies").clone();
    }
    Value::Map(members)
}

fn scope_value(facts: &Json, before: &Value) -> Value {
    let namespaces = common::set_or_null(strings(&facts["namespaces"]), before.get("namespaces"));
    Value::object([("scope", Value::optional_string(facts["scope"].as_str())), ("namespaces", namespaces)])
}
