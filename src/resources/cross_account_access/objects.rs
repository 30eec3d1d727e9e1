//! The objects of `xeks_cross_account_access`: which objects there are, in which account, and what they need before them.

use serde_json::Value as Json;

use super::model::{Model, Policy};
use crate::aws::policy::statements;
use crate::aws::{Side, arn};
use crate::engine::{Declared, Key, OnExisting};
use crate::objects::{eks, iam};
use crate::resources::common::document_text;
use crate::resources::env::{Env, Part};
use crate::schema::{Value, placeholder};

/// Name of the inline policy of the access role.
pub const DESCRIBE_POLICY: &str = "xeks-eks-describe";

/// Name of the inline policy that lets the workload role assume the access role.
pub fn assume_policy_name(access_role: &str) -> String {
    format!("xeks-assume-{access_role}")
}

pub fn objects(model: &Model, env: &Env) -> Vec<Part> {
    let mut parts = workload_role(model, env);
    parts.extend(access_role(model, env));
    parts.extend(instance_profile(model, env));
    parts.extend(access_entry(model, env));
    parts
}

fn workload_role(model: &Model, env: &Env) -> Vec<Part> {
    let role = &model.workload;
    let trust = if role.existing { vec![] } else { vec![statements::trust_services("", &model.trusted_services)] };
    let mut parts = vec![role.part(Side::Workload, trust, vec![], env)];
    if let Some(access) = model.access.as_ref().filter(|_| model.manage_policy) {
        let document = statements::assume_policy(&[env.role_arn(Side::Cluster, access)]);
        parts.push(role.inline_policy_part(Side::Workload, &assume_policy_name(&access.name), document_text(&document), vec![], env));
    }
    parts.extend(model.managed_policies.iter().map(|policy| role.attachment_part(Side::Workload, policy, env)));
    parts
}

fn access_role(model: &Model, env: &Env) -> Vec<Part> {
    let Some(role) = &model.access else { return vec![] };
    let describe = statements::describe_cluster_policy(&env.cluster_arn(&model.cluster));
    vec![
        role.part(Side::Cluster, access_trust(model, env), vec![model.workload.key(Side::Workload)], env),
        role.inline_policy_part(Side::Cluster, DESCRIBE_POLICY, document_text(&describe), vec![], env),
    ]
}

/// The trust of the access role, without Sids.
pub fn access_trust(model: &Model, env: &Env) -> Vec<Json> {
    let workload_arn = env.role_arn(Side::Workload, &model.workload);
    let external_id = model.external_id.as_deref();
    if !model.trust_account {
        let mut principals = vec![workload_arn];
        principals.extend(model.trusted_principals.iter().cloned());
        return vec![statements::trust_principals("", &principals, external_id)];
    }
    let root = arn::account_root(&env.workload.partition, &env.workload.account_id);
    let mut trust = vec![statements::trust_account("", &root, &[workload_arn], external_id)];
    if !model.trusted_principals.is_empty() {
        trust.push(statements::trust_principals("", &model.trusted_principals, external_id));
    }
    trust
}

fn instance_profile(model: &Model, env: &Env) -> Vec<Part> {
    let (Some(name), Some(key)) = (&model.instance_profile, model.instance_profile_key()) else { return vec![] };
    let path = model.workload.path.clone();
    let tags = placeholder::map_value(&model.tags);
    let arn = match (env.arns.get(&key), model.adopt) {
        (Some(arn), _) => Value::string(arn),
        (None, true) => Value::Unknown,
        (None, false) => {
            let path = path.as_deref().unwrap_or("/");
            placeholder::value(arn::instance_profile(&env.workload.partition, &env.workload.account_id, path, name))
        }
    };
    let profile = Declared { arn, has_id: true, tags: tags.clone(), adopted_tags: tags, ..env.declare(key.clone(), model.on_existing()) };
    let object =
        iam::instance_profile::InstanceProfile { name: name.clone(), path, tags: model.tags.clone(), on_existing: model.on_existing() };

    let role = &model.workload.name;
    let member_key = Key::new(Side::Workload, iam::instance_profile_role::KIND, format!("{name}/{role}"));
    let on_existing = OnExisting::InheritFrom(key.clone());
    let member = iam::instance_profile_role::InstanceProfileRole {
        profile: name.clone(),
        role: role.clone(),
        depends_on: vec![key, model.workload.key(Side::Workload)],
        on_existing: on_existing.clone(),
    };
    vec![
        Part { declared: profile, object: Box::new(object) },
        Part { declared: env.declare(member_key, on_existing), object: Box::new(member) },
    ]
}

fn access_entry(model: &Model, env: &Env) -> Vec<Part> {
    let (side, role) = model.principal();
    let principal_arn = env.role_arn(side, role);
    let key = model.entry_key();
    let region = placeholder::value(env.region.as_str());
    let tags = placeholder::map_value(&model.tags);
    let mut parts = Vec::new();
    let mut depends_on = vec![role.key(side)];
    if model.upgrade {
        let key = model.access_config_key();
        let declared = Declared { region: region.clone(), ..env.declare(key.clone(), OnExisting::MustExist) };
        let object = eks::access_config::AccessConfig { cluster: model.cluster.clone(), region: env.region.clone() };
        parts.push(Part { declared, object: Box::new(object) });
        depends_on.push(key);
    }
    let declared = Declared {
        region: region.clone(),
        // The entry's ARN ends in an id that EKS chooses.
        arn: Value::Unknown,
        tags: tags.clone(),
        adopted_tags: tags,
        bound_to: Some(role.key(side)),
        needs_unknown_arn: placeholder::is_in(&principal_arn),
        ..env.declare(key.clone(), model.on_existing())
    };
    let object = eks::access_entry::AccessEntry {
        cluster: model.cluster.clone(),
        region: env.region.clone(),
        role: role.name.clone(),
        principal_arn: principal_arn.clone(),
        principal: role.key(side),
        username: model.username.clone(),
        groups: model.groups.clone(),
        tags: model.tags.clone(),
        policies: model.policies.keys().map(|name| arn::access_policy(&env.cluster.partition, name)).collect(),
        on_existing: model.on_existing(),
        depends_on,
    };
    parts.push(Part { declared, object: Box::new(object) });
    parts.extend(model.policies.iter().map(|(name, policy)| association(model, env, name, policy, &principal_arn, &key)));
    parts
}

fn association(model: &Model, env: &Env, name: &str, policy: &Policy, principal_arn: &str, entry: &Key) -> Part {
    let on_existing = OnExisting::InheritFrom(entry.clone());
    let declared = Declared {
        region: placeholder::value(env.region.as_str()),
        needs_unknown_arn: placeholder::is_in(principal_arn),
        ..env.declare(model.association_key(name), on_existing.clone())
    };
    let object = eks::policy_association::PolicyAssociation {
        cluster: model.cluster.clone(),
        region: env.region.clone(),
        role: model.principal().1.name.clone(),
        principal_arn: principal_arn.to_owned(),
        policy_arn: arn::access_policy(&env.cluster.partition, name),
        scope: if policy.namespace_scope { eks::policy_association::Scope::Namespace } else { eks::policy_association::Scope::Cluster },
        namespaces: policy.namespaces.clone(),
        depends_on: vec![entry.clone()],
        on_existing,
    };
    Part { declared, object: Box::new(object) }
}
