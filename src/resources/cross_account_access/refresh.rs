//! Drift: what was read, in the attributes that the user wrote.

use std::collections::BTreeMap;

use super::model::Model;
use super::objects::{assume_policy_name, describe_policy_name};
use crate::aws::{Side, arn};
use crate::engine::{Origin, Refreshed, found};
use crate::objects::eks::entries::{Association, EntryFacts, Reach};
use crate::objects::{Env, Ownership};
use crate::resources::role::{self, RoleModel};
use crate::resources::values::set_or_null;
use crate::schema::Value;

/// Brings the attributes up to date, and takes into the ledger what others put where only what this resource created may be.
pub fn refresh(model: &Model, ownership: &Ownership, value: &mut Value, env: &Env, seen: &mut Refreshed) {
    if let Some(access) = &model.access {
        role::refresh_role(value, access, seen);
        role::find_inline_policies(access, &[describe_policy_name(model, ownership)], env, seen);
        role::find_attachments(access, env, seen);
    }
    let expected: Vec<String> = model.access.iter().map(|access| assume_policy_name(access, ownership)).collect();
    role::refresh_role(value, &model.workload, seen);
    role::find_inline_policies(&model.workload, &expected, env, seen);
    role::refresh_attachments(value, &model.workload, env, seen);
    let roles: Vec<&RoleModel> = model.access.iter().chain([&model.workload]).collect();
    role::refresh_also_trusted(value, &roles, seen);
    refresh_entry(model, value, env, seen);
}

fn refresh_entry(model: &Model, value: &mut Value, env: &Env, seen: &mut Refreshed) {
    let key = model.entry_key();
    let Some(facts) = seen.observed.get(&key).and_then(|observed| observed.facts.get::<EntryFacts>()).cloned() else { return };
    let Some(entry) = seen.ledger.get(&key) else { return };
    let own = entry.origin.is_own();
    let mut kubernetes = value.get("kubernetes").clone();
    if own {
        if !(facts.default_username && kubernetes.get("username").is_null()) {
            kubernetes.insert("username", Value::string(facts.shown_username()));
        }
        kubernetes.insert("groups", set_or_null(facts.shown_groups(), kubernetes.get("groups")));
    }
    let policies = policies(model, &kubernetes, env, seen, own.then(|| facts.unshared_policies()).as_ref());
    kubernetes.insert("policies", policies);
    value.insert("kubernetes", kubernetes);
}

/// The associated policies by the user's keys. On an entry of this resource those of others too, which go into the ledger as found.
fn policies(model: &Model, kubernetes: &Value, env: &Env, seen: &mut Refreshed, all: Option<&BTreeMap<String, Reach>>) -> Value {
    let before = kubernetes.get("policies");
    let mut members = BTreeMap::new();
    for name in model.policies.keys() {
        if let Some(observed) = seen.observed.get(&model.association_key(name)) {
            let reach = observed.facts.get().map(|association: &Association| &association.reach);
            members.insert(name.clone(), reach_value(reach, before.get(name)));
        }
    }
    for (policy_arn, reach) in all.into_iter().flatten() {
        let known = model.policies.keys().any(|name| arn::access_policy(&env.identity(Side::Cluster).partition, name) == *policy_arn);
        if !known {
            let short = policy_arn.rsplit('/').next().unwrap_or(policy_arn);
            members.insert(short.to_owned(), reach_value(Some(reach), &Value::Null));
            let entry = found(&env.identity(Side::Cluster).account_id, Some(env.region.clone()), Origin::Found);
            seen.ledger.0.entry(model.association_key(short)).or_insert(entry);
        }
    }
    if members.is_empty() && before.entries().is_none_or(|policies| policies.is_empty()) {
        return before.clone();
    }
    Value::Map(members)
}

/// Where a policy applies; null where its scope is of a kind that this version does not know.
fn reach_value(reach: Option<&Reach>, before: &Value) -> Value {
    let namespaces = reach.map(|reach| reach.namespaces.iter().cloned().collect()).unwrap_or_default();
    let scope = Value::optional_string(reach.map(|reach| reach.scope.as_str()));
    Value::object([("scope", scope), ("namespaces", set_or_null(namespaces, before.get("namespaces")))])
}
