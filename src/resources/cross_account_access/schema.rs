//! The attributes of `xeks_cross_account_access`.

use super::model::{ACCESS_ROLE, PERMISSION_SET, ROLE_OF_SET, WORKLOAD_ROLE};
use super::{permission_set, rules};
use crate::aws::{arn, names, policy};
use crate::resources::attributes::{cluster_region, common_attributes};
use crate::resources::role::{also_trusted_attribute, may_turn_existing, role_attributes};
use crate::resources::trusted_principals;
use crate::schema::{Attribute, Nesting, Schema, Type, Value, attributes, validators};

pub fn schema() -> Schema {
    let doc = "Gives an EC2 role of the workload account access to an EKS cluster of the cluster account: an access role that it can \
               assume, an access entry with access policies, and a kubeconfig without static credentials. One resource for both accounts.";
    let own = vec![
        Attribute::string("cluster_name", "Name of the cluster in the cluster account.")
            .required()
            .replaces()
            .decides_objects()
            .check(validators::text(names::cluster_name)),
        cluster_region(),
        Attribute::string(
            "mode",
            "`assume_role` (default): the workload role assumes the access role, which the access entry names. `direct`: the workload role \
             itself is the access entry's principal; there is no access role.",
        )
        .default_value(Value::string("assume_role"))
        .decides_objects()
        .replaces()
        .check(validators::one_of(&["assume_role", "direct"])),
        Attribute::nested(
            "access_role",
            Nesting::Single,
            access_role(),
            "The role in the cluster account. Required unless `mode` is `direct`.",
        )
        .decides_objects()
        .optional(),
        Attribute::nested("workload_role", Nesting::Single, workload_role(), "The role in the workload account.")
            .decides_objects()
            .required(),
        Attribute::nested("kubernetes", Nesting::Single, kubernetes(), "Permissions of the principal in the cluster.")
            .decides_objects()
            .required(),
        Attribute::string(
            "on_config_map",
            "What to do if the cluster's authentication mode is CONFIG_MAP: `error` (default) or `upgrade` (change it to \
             API_AND_CONFIG_MAP, which can't be undone).",
        )
        .default_value(Value::string("error"))
        .decides_objects()
        .check(validators::one_of(&["error", "upgrade"])),
        Attribute::nested("client", Nesting::Single, client(), "Options of the kubeconfig and its AWS profile.").optional(),
    ];
    Schema::new(doc, attributes([own, computed(), common_attributes()])).ruled_by(rules::validate)
}

fn access_role() -> Vec<Attribute> {
    let more = vec![
        Attribute::string("external_id", "External ID that principals must pass to assume the role.")
            .optional()
            .check(validators::text(names::external_id)),
        Attribute::string(
            "trust",
            "What the role trusts: `role` (default), the workload role itself, bound to its unique ID; or `account`, any role with that \
             ARN in the workload account, which survives a recreated role.",
        )
        .default_value(Value::string("role"))
        .decides_objects()
        .check(validators::one_of(&["role", "account"])),
        trusted_principals::attribute(
            "ARNs of additional principals that can assume the role, such as a team's role. `*` and `?` in the part after the account are \
             wildcards, such as in `arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/ap-south-1/AWSReservedSSO_PowerUser_*` \
             for a permission set of IAM Identity Center, whose suffix changes.",
        ),
    ];
    let existing = "Use an existing role: xeks adds only its trust statement and its inline policy, and removes them at destroy.";
    attributes([role_attributes(ACCESS_ROLE, existing), more])
}

fn workload_role() -> Vec<Attribute> {
    let more =
        vec![
        Attribute::string(
            PERMISSION_SET,
            "Name of a permission set of IAM Identity Center, in place of `name`: the role that Identity Center keeps for it in the workload \
             account is looked up, and looked up again after the permission set was assigned again. In mode `direct`.",
        )
        .optional()
        .decides_objects()
        .replaces_unless(permission_set::is_kept)
        .check(validators::text(names::permission_set_name)),
        Attribute::bool(
            "manage_policy",
            "Whether xeks writes the policy that allows the role to assume the access role. Set `false` for roles that can't be edited, \
             such as SSO roles.",
        )
        .default_value(Value::Bool(true))
        .decides_objects(),
        Attribute::set_of_strings(
            "trusted_services",
            "Services that can assume the role. Default `ec2.amazonaws.com`, in China Regions `ec2.amazonaws.com.cn`.",
        )
        .optional()
        .check(validators::count(1, 20))
        .check(validators::each_text(names::service_principal)),
        Attribute::bool("instance_profile", "Whether to create an instance profile that contains the role.")
            .default_value(Value::Bool(false))
            .decides_objects(),
        Attribute::string("instance_profile_name", "Name of the instance profile. Default: the role's name.")
            .optional()
            .decides_objects()
            .check(validators::text(names::instance_profile_name)),
        Attribute::set_of_strings(
            "managed_policy_arns",
            "ARNs of managed policies to attach. Policies that others attach are left alone, unless the role is `exclusive`.",
        )
            .optional()
            .check(validators::count(0, policy::ATTACHMENTS_NEVER))
            .check(validators::each_text(arn::is_policy)),
    ];
    let existing = "Use an existing role: xeks adds only the policy that allows it to assume the access role.";
    let common = role_attributes(WORKLOAD_ROLE, existing).into_iter().map(|mut attribute| match attribute.name {
        "name" => {
            attribute.required = false;
            attribute.optional().replaces_unless(permission_set::is_kept)
        }
        "existing" => attribute
            .replaces_unless(|prior, planned| may_turn_existing(WORKLOAD_ROLE, prior, planned) || permission_set::is_kept(prior, planned)),
        _ => attribute,
    });
    attributes([common.collect(), more])
}

fn kubernetes() -> Vec<Attribute> {
    let policy = vec![
        Attribute::string("scope", "`cluster` or `namespace`.").required().check(validators::one_of(&["cluster", "namespace"])),
        Attribute::set_of_strings("namespaces", "Namespaces for scope `namespace`; a trailing `*` is a wildcard.")
            .optional()
            .check(validators::each_text(names::access_scope_namespace)),
    ];
    vec![
        Attribute::string(
            "username",
            "Kubernetes user name. Default: the EKS default, `arn:aws:sts::ACCOUNT:assumed-role/NAME/{{SessionName}}`.",
        )
        .optional()
        .check(validators::text(rules::is_username)),
        Attribute::set_of_strings("groups", "Kubernetes groups.").optional().check(validators::each_text(rules::is_group)),
        Attribute::nested(
            "policies",
            Nesting::Map,
            policy,
            "EKS access policies, keyed by name, such as `AmazonEKSViewPolicy`, or by ARN.",
        )
        .optional()
        .decides_objects()
        .check(rules::policies_name_each_policy_once),
    ]
}

fn client() -> Vec<Attribute> {
    vec![
        Attribute::string(
            "profile_name",
            "AWS profile that the kubeconfig uses. Default: the access role and the cluster, as `EKS-Access@prod`; none in mode `direct`.",
        )
        .optional()
        .check(validators::text(names::profile_name)),
        Attribute::string(
            "context_name",
            "Name of the kubeconfig's context. Default: the access role and the cluster, as `EKS-Access@prod`; in mode `direct` the workload \
             role or permission set and the cluster.",
        )
        .optional()
        .check(validators::text(names::kubeconfig_name)),
        Attribute::string("user_name", "Name of the kubeconfig's user. Default: as for `context_name`.")
            .optional()
            .check(validators::text(names::kubeconfig_name)),
        Attribute::string("config_file", "Path of the AWS config file that contains the profile, if it is not the default file.")
            .optional()
            .check(validators::text(names::file_path)),
        Attribute::string("session_name", "Session name that the profile sets. Default: chosen by the client.")
            .optional()
            .check(validators::text(names::session_name)),
        Attribute::string("credential_source", "Source of the workload role's credentials in the profile. Default `Ec2InstanceMetadata`.")
            .optional()
            .check(validators::one_of(&["Ec2InstanceMetadata", "EcsContainer", "Environment"])),
        Attribute::string("source_profile", "Profile with the workload role's credentials, instead of `credential_source`.")
            .optional()
            .check(validators::text(names::profile_name)),
        Attribute::string(
            "auth",
            "How the kubeconfig authenticates: `profile` (default), or `role_arn` for `aws eks get-token \
                                   --role-arn`, as in many guides.",
        )
        .default_value(Value::string("profile"))
        .check(validators::one_of(&["profile", "role_arn"])),
    ]
}

fn computed() -> Vec<Attribute> {
    let cluster = ["arn", "endpoint", "certificate_authority", "version", "authentication_mode", "vpc_id", "security_group_id"];
    let cluster = Type::object(cluster.map(|name| (name, Type::String)));
    let exec = Type::object([
        ("api_version", Type::String),
        ("command", Type::String),
        ("args", Type::list(Type::String)),
        ("env", Type::map(Type::String)),
    ]);
    vec![
        Attribute::string("access_role_arn", "ARN of the access role.").computed(),
        Attribute::string("access_role_id", "RoleId of the access role.").computed(),
        Attribute::string("workload_role_arn", "ARN of the workload role.").computed(),
        Attribute::string("workload_role_id", "RoleId of the workload role.").computed(),
        Attribute::string(ROLE_OF_SET, "Name of the role of `workload_role.permission_set`; null without one.")
            .observed(permission_set::planned),
        Attribute::string("instance_profile_arn", "ARN of the instance profile.").computed(),
        also_trusted_attribute(),
        Attribute::string("access_entry_arn", "ARN of the access entry.").computed(),
        Attribute::string("username", "Kubernetes user name of the access entry.").computed(),
        Attribute::plain("cluster", cluster, "Attributes of the cluster that clients need. `certificate_authority` is base64-encoded.")
            .observed(planned_cluster),
        Attribute::string("kubeconfig", "A kubeconfig that contains no secret.").computed(),
        Attribute::string("aws_config", "The AWS profile for the kubeconfig; null if it needs none.").computed(),
        Attribute::plain("exec", exec, "The kubeconfig's credential command, for the kubernetes and helm providers.").computed(),
    ]
}

/// The upgrade of the authentication mode is the one change of the cluster that this resource makes.
fn planned_cluster(config: &Value, prior: &Value) -> Option<Value> {
    let on_config_map = prior.at("cluster.authentication_mode").as_str() == Some("CONFIG_MAP");
    (on_config_map && config.get("on_config_map").as_str() == Some("upgrade")).then(|| {
        let mut cluster = prior.get("cluster").clone();
        cluster.insert("authentication_mode", Value::string("API_AND_CONFIG_MAP"));
        cluster
    })
}
