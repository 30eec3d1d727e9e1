//! The configuration of `xeks_cross_account_access` as the rest of the resource reads it. Texts may have holes.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::Side;
use crate::engine::{Key, OnExisting, Tags};
use crate::objects::{eks, iam};
use crate::resources::env::Env;
use crate::resources::roles::RoleModel;
use crate::schema::{Value, placeholder};

#[derive(Clone, Debug)]
pub struct Model {
    pub cluster: String,
    /// The access role; `None` in mode `direct`.
    pub access: Option<RoleModel>,
    pub workload: RoleModel,
    pub external_id: Option<String>,
    pub trust_account: bool,
    pub trusted_principals: Vec<String>,
    pub manage_policy: bool,
    pub trusted_services: Vec<String>,
    pub instance_profile: Option<String>,
    pub managed_policies: Vec<String>,
    pub username: Option<String>,
    pub groups: BTreeSet<String>,
    /// By name or ARN, as the user wrote it.
    pub policies: BTreeMap<String, Policy>,
    pub adopt: bool,
    pub upgrade: bool,
    pub tags: Tags,
}

/// The service that a workload role trusts unless others are named. In China, EC2 goes by a name under amazonaws.com.cn.
pub fn default_service(partition: &str) -> &'static str {
    if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" }
}

/// The scope of an access policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub namespace_scope: bool,
    pub namespaces: BTreeSet<String>,
}

impl Model {
    /// Reads a value with defaults in env.
    pub fn of(value: &Value, env: &Env) -> Self {
        let tags = env.tags_all(value);
        let adopt = value.get("adopt").as_str() == Some("if_exists");
        let (access, workload) = (value.get("access_role"), value.get("workload_role"));
        let direct = value.get("mode").as_str() == Some("direct");
        let role = |role: &Value| RoleModel::of(role, adopt, &tags, env);
        let policies = value.at("kubernetes.policies").entries().into_iter().flatten();
        let workload_role = role(workload);
        Model {
            cluster: placeholder::text(value.get("cluster_name")).unwrap_or_default(),
            access: (!direct).then(|| role(access)),
            external_id: placeholder::text(access.get("external_id")),
            trust_account: access.get("trust").as_str() == Some("account"),
            trusted_principals: placeholder::texts(access.get("trusted_principal_arns")),
            manage_policy: workload.get("manage_policy").as_bool().unwrap_or(true),
            trusted_services: match placeholder::texts(workload.get("trusted_services")) {
                services if services.is_empty() => vec![default_service(&env.workload.partition).to_owned()],
                services => services,
            },
            instance_profile: workload
                .get("instance_profile")
                .as_bool()
                .unwrap_or(false)
                .then(|| placeholder::text(workload.get("instance_profile_name")).unwrap_or_else(|| workload_role.name.clone())),
            managed_policies: placeholder::texts(workload.get("managed_policy_arns")),
            username: placeholder::text(value.at("kubernetes.username")),
            groups: placeholder::texts(value.at("kubernetes.groups")).into_iter().collect(),
            policies: policies
                .map(|(name, policy)| {
                    let namespaces = placeholder::texts(policy.get("namespaces")).into_iter().collect();
                    (name.clone(), Policy { namespace_scope: policy.get("scope").as_str() == Some("namespace"), namespaces })
                })
                .collect(),
            adopt,
            upgrade: value.get("on_config_map").as_str() == Some("upgrade"),
            workload: workload_role,
            tags,
        }
    }

    /// The role that the access entry names, and the side it lives on.
    pub fn principal(&self) -> (Side, &RoleModel) {
        match &self.access {
            Some(access) => (Side::Cluster, access),
            None => (Side::Workload, &self.workload),
        }
    }

    pub fn on_existing(&self) -> OnExisting {
        if self.adopt { OnExisting::Adopt } else { OnExisting::Fail }
    }

    pub fn entry_key(&self) -> Key {
        Key::new(Side::Cluster, eks::access_entry::KIND, format!("{}/{}", self.cluster, self.principal().1.name))
    }

    pub fn association_key(&self, policy: &str) -> Key {
        let short = policy.rsplit('/').next().unwrap_or(policy);
        Key::new(Side::Cluster, eks::policy_association::KIND, format!("{}/{}/{short}", self.cluster, self.principal().1.name))
    }

    pub fn instance_profile_key(&self) -> Option<Key> {
        self.instance_profile.as_ref().map(|name| Key::new(Side::Workload, iam::instance_profile::KIND, name))
    }

    pub fn access_config_key(&self) -> Key {
        Key::new(Side::Cluster, eks::access_config::KIND, &self.cluster)
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
