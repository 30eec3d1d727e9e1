//! The configuration of `xeks_cross_account_access` as the rest of the resource reads it. Texts may have placeholders.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{Side, identity_center};
use crate::engine::{Key, OnExisting, Tags};
use crate::objects::Env;
use crate::objects::eks::entries::{Reach, Scope};
use crate::objects::eks::{access_entry, policy_association};
use crate::objects::iam::instance_profile;
use crate::resources::lifecycle::FromValue;
use crate::resources::role::{RoleAttribute, RoleModel};
use crate::resources::values::Location;
use crate::schema::{Value, placeholder};

pub const ACCESS_ROLE: RoleAttribute = RoleAttribute { name: "access_role", side: Side::Cluster, lists_policies: false };
pub const WORKLOAD_ROLE: RoleAttribute = RoleAttribute { name: "workload_role", side: Side::Workload, lists_policies: true };

/// The attribute of the workload role that stands in place of its name.
pub const PERMISSION_SET: &str = "permission_set";
/// The attribute with the name of the permission set's role.
pub const ROLE_OF_SET: &str = "permission_set_role_name";

#[derive(Clone, Debug)]
pub struct Model {
    pub cluster: String,
    pub location: Location,
    /// The access role; `None` in mode `direct`.
    pub access: Option<RoleModel>,
    pub workload: RoleModel,
    /// The permission set whose role the workload role is.
    pub permission_set: Option<String>,
    pub external_id: Option<String>,
    pub trust_account: bool,
    pub trusted_principals: Vec<String>,
    pub manage_policy: bool,
    pub trusted_services: Vec<String>,
    pub instance_profile: Option<String>,
    pub username: Option<String>,
    pub groups: BTreeSet<String>,
    /// By name or ARN, as the user wrote it.
    pub policies: BTreeMap<String, Reach>,
    /// Whether an instance profile or an access entry that exists is adopted.
    pub on_existing: OnExisting,
    pub upgrade: bool,
    pub tags: Tags,
}

/// The service that a workload role trusts unless others are named. In China, EC2 goes by a name under amazonaws.com.cn.
pub fn default_service(partition: &str) -> &'static str {
    if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" }
}

impl FromValue for Model {
    fn from_value(value: &Value, env: &Env) -> Self {
        let tags = env.tags_all(value);
        let (access, workload) = (value.get(ACCESS_ROLE.name), value.get(WORKLOAD_ROLE.name));
        let direct = value.get("mode").as_str() == Some("direct");
        let policies = value.at("kubernetes.policies").entries().into_iter().flatten();
        let permission_set = placeholder::text(workload.get(PERMISSION_SET));
        let workload_role = match &permission_set {
            Some(_) => role_of_set(value, &tags, env),
            None => RoleModel::of(WORKLOAD_ROLE, value, &tags, env),
        };
        let has_profile = workload.get("instance_profile").as_bool() == Some(true);
        let profile_name = placeholder::text(workload.get("instance_profile_name"));
        Model {
            cluster: placeholder::text(value.get("cluster_name")).unwrap_or_default(),
            location: Location::of(value, env),
            access: (!direct).then(|| RoleModel::of(ACCESS_ROLE, value, &tags, env)),
            external_id: placeholder::text(access.get("external_id")),
            trust_account: access.get("trust").as_str() == Some("account"),
            trusted_principals: placeholder::texts(access.get("trusted_principal_arns")),
            manage_policy: workload.get("manage_policy").as_bool().unwrap_or(true),
            trusted_services: match placeholder::texts(workload.get("trusted_services")) {
                services if services.is_empty() => vec![default_service(&env.workload.partition).to_owned()],
                services => services,
            },
            instance_profile: has_profile.then(|| profile_name.unwrap_or_else(|| workload_role.name.clone())),
            username: placeholder::text(value.at("kubernetes.username")),
            groups: placeholder::texts(value.at("kubernetes.groups")).into_iter().collect(),
            policies: policies.map(|(name, policy)| (name.clone(), reach(policy))).collect(),
            on_existing: if value.get("adopt").as_str() == Some("if_exists") { OnExisting::Adopt } else { OnExisting::Fail },
            upgrade: value.get("on_config_map").as_str() == Some("upgrade"),
            workload: workload_role,
            permission_set,
            tags,
        }
    }
}

/// The role that IAM Identity Center keeps for the permission set: looked up, and AWS's alone to change.
fn role_of_set(value: &Value, tags: &Tags, env: &Env) -> RoleModel {
    RoleModel {
        name: placeholder::text(value.get(ROLE_OF_SET)).unwrap_or_else(placeholder::unknown),
        named_by: PERMISSION_SET,
        existing: true,
        on_existing: OnExisting::MustExist,
        ..RoleModel::of(WORKLOAD_ROLE, value, tags, env)
    }
}

fn reach(policy: &Value) -> Reach {
    Reach {
        scope: if policy.get("scope").as_str() == Some("namespace") { Scope::Namespace } else { Scope::Cluster },
        namespaces: placeholder::texts(policy.get("namespaces")).into_iter().collect(),
    }
}

impl Model {
    /// The role that the access entry is for.
    pub fn principal(&self) -> &RoleModel {
        self.access.as_ref().unwrap_or(&self.workload)
    }

    /// What the workload role is called in the resource's identity. The role of a permission set gets another name when the set is assigned
    /// again, and stays the same connection, however the configuration names it.
    pub fn workload_identity(&self) -> String {
        match (&self.permission_set, identity_center::permission_set_of(&self.workload.name)) {
            (Some(set), _) => identity_center::role_of(set),
            (None, Some(set)) if self.access.is_none() => identity_center::role_of(set),
            _ => self.workload.name.clone(),
        }
    }

    /// What clients call the connection, unless they are configured otherwise.
    pub fn client_name(&self) -> String {
        let role = self.access.as_ref().map_or_else(|| self.permission_set.as_ref().unwrap_or(&self.workload.name), |access| &access.name);
        format!("{role}@{}", self.cluster)
    }

    pub fn entry_key(&self) -> Key {
        access_entry::key(&self.cluster, &self.principal().name)
    }

    pub fn association_key(&self, policy: &str) -> Key {
        policy_association::key(&self.cluster, &self.principal().name, policy)
    }

    pub fn instance_profile_key(&self) -> Option<Key> {
        self.instance_profile.as_deref().map(instance_profile::key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_service_is_that_of_the_partition() {
        assert_eq!(default_service("aws-us-gov"), "ec2.amazonaws.com");
        assert_eq!(default_service("aws-cn"), "ec2.amazonaws.com.cn");
    }
}
