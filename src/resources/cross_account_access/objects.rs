//! The objects of `xeks_cross_account_access`: which there are, in which account, and what they depend on.

use serde_json::Value as Json;

use super::model::Model;
use crate::aws::policy::statements;
use crate::aws::{Side, arn};
use crate::diagnostics::Path;
use crate::engine::Object;
use crate::objects::eks::access_config::{self, AccessConfig};
use crate::objects::eks::access_entry::AccessEntry;
use crate::objects::eks::policy_association::PolicyAssociation;
use crate::objects::iam::instance_profile::InstanceProfile;
use crate::objects::iam::instance_profile_role::InstanceProfileRole;
use crate::objects::{Context, Env, Ownership};
use crate::resources::role::{RoleModel, document_text};
use crate::resources::trusted_principals;

/// The inline policy with which the access role finds the cluster: name and document.
pub fn describe_policy(model: &Model, env: &Env, ownership: &Ownership) -> (String, String) {
    let document = document_text(&statements::describe_cluster_policy(&env.cluster_arn(&model.cluster)));
    (describe_policy_name(model, ownership), document)
}

/// The inline policy that lets the workload role assume the access role: name and document. `None` where there is none to write.
pub fn assume_policy(model: &Model, env: &Env, ownership: &Ownership) -> Option<(String, String)> {
    let access = model.access.as_ref().filter(|_| model.manage_policy)?;
    let document = document_text(&statements::assume_policy(&[access.arn(env)]));
    Some((assume_policy_name(access, ownership), document))
}

pub fn describe_policy_name(model: &Model, ownership: &Ownership) -> String {
    ownership.policy_name("describe", &model.cluster)
}

/// Name of the inline policy that lets the workload role assume the access role.
pub fn assume_policy_name(access: &RoleModel, ownership: &Ownership) -> String {
    ownership.policy_name("assume", &access.name)
}

type Objects = Vec<Box<dyn Object<Context>>>;

pub fn objects(model: &Model, env: &Env, ownership: &Ownership) -> Objects {
    let mut objects = workload_role(model, env, ownership);
    objects.extend(access_role(model, env, ownership));
    objects.extend(instance_profile(model));
    objects.extend(access_entry(model, env));
    objects
}

fn workload_role(model: &Model, env: &Env, ownership: &Ownership) -> Objects {
    let role = &model.workload;
    let assume = assume_policy(model, env, ownership);
    let inline_policies = assume.iter().map(|(name, _)| name.clone()).collect();
    let mut objects: Objects = vec![Box::new(role.object(&workload_trust(model), inline_policies, vec![]))];
    if let Some((name, document)) = assume {
        objects.push(Box::new(role.inline_policy(&name, document, role.name_path())));
    }
    objects.extend(role.attachments().map(|attachment| Box::new(attachment) as _));
    objects
}

fn access_role(model: &Model, env: &Env, ownership: &Ownership) -> Objects {
    let Some(role) = &model.access else { return vec![] };
    let (name, document) = describe_policy(model, env, ownership);
    vec![
        Box::new(role.object(&access_trust(model, env), vec![name.clone()], vec![model.workload.key()])),
        Box::new(role.inline_policy(&name, document, role.name_path())),
    ]
}

/// The trust of the workload role.
pub fn workload_trust(model: &Model) -> Vec<Json> {
    if model.workload.existing { vec![] } else { vec![statements::trust_services("", &model.trusted_services)] }
}

/// The trust of the access role.
pub fn access_trust(model: &Model, env: &Env) -> Vec<Json> {
    let workload_arn = model.workload.arn(env);
    let external_id = model.external_id.as_deref();
    if !model.trust_account {
        let mut principals = vec![workload_arn];
        principals.extend(trusted_principals::exact(&model.trusted_principals));
        let mut trust = vec![statements::trust_principals("", &principals, external_id)];
        trust.extend(trusted_principals::trust_of_patterns(&model.trusted_principals, external_id));
        return trust;
    }
    let root = arn::account_root(&env.workload.partition, &env.workload.account_id);
    let mut trust = vec![statements::trust_account("", &root, &[workload_arn], external_id)];
    trust.extend(trusted_principals::trust(&model.trusted_principals, external_id));
    trust
}

fn instance_profile(model: &Model) -> Objects {
    let Some(name) = &model.instance_profile else { return vec![] };
    let attribute = || Path::of("workload_role.instance_profile_name");
    let profile = InstanceProfile {
        name: name.clone(),
        path: model.workload.settings.path.clone(),
        role: model.workload.name.clone(),
        tags: model.tags.clone(),
        on_existing: model.on_existing.clone(),
        attribute: attribute(),
    };
    let role = InstanceProfileRole { profile: name.clone(), role: model.workload.name.clone(), attribute: model.workload.name_path() };
    vec![Box::new(profile), Box::new(role)]
}

fn access_entry(model: &Model, env: &Env) -> Objects {
    let role = model.principal();
    let (principal_arn, region) = (role.arn(env), &env.region);
    let mut objects: Objects = Vec::new();
    let mut depends_on = vec![role.key()];
    if model.upgrade {
        let (cluster, attribute) = (model.cluster.clone(), Path::of("on_config_map"));
        objects.push(Box::new(AccessConfig { cluster, region: region.clone(), attribute }));
        depends_on.push(access_config::key(&model.cluster));
    }
    // An entry of the cluster account, whichever role it is for.
    let attribute = || Path::of("access_role.name");
    let policy_arn = |name: &String| arn::access_policy(&env.identity(Side::Cluster).partition, name);
    objects.push(Box::new(AccessEntry {
        cluster: model.cluster.clone(),
        region: region.clone(),
        role: role.name.clone(),
        principal_arn: principal_arn.clone(),
        principal: role.key(),
        username: model.username.clone(),
        groups: model.groups.clone(),
        tags: model.tags.clone(),
        policies: model.policies.iter().map(|(name, reach)| (policy_arn(name), reach.clone())).collect(),
        on_existing: model.on_existing.clone(),
        depends_on,
        attribute: attribute(),
    }));
    objects.extend(model.policies.iter().map(|(name, reach)| {
        let association = PolicyAssociation {
            cluster: model.cluster.clone(),
            region: region.clone(),
            role: role.name.clone(),
            principal_arn: principal_arn.clone(),
            policy_arn: policy_arn(name),
            reach: reach.clone(),
            attribute: attribute(),
        };
        Box::new(association) as _
    }));
    objects
}
