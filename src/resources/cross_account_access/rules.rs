//! The rules of a configuration that need no AWS.

use std::collections::BTreeSet;

use super::model::PERMISSION_SET;
use crate::aws::{arn, names};
use crate::diagnostics::{Diagnostics, Path};
use crate::resources::attributes;
use crate::resources::role::{KEPT_BY_EXISTING, refuse_on_existing, refuse_service_linked};
use crate::resources::trusted_principals;
use crate::schema::{Partitions, Value, validators};

/// What does not work across partitions.
pub const ONE_PARTITION: &str = "Roles and access entries accept no principal of another partition.";

/// Rules over several attributes.
pub fn validate(config: &Value, partitions: Partitions) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let (access, workload, client) = (config.get("access_role"), config.get("workload_role"), config.get("client"));
    let direct = config.get("mode").as_str() == Some("direct");
    let refuse = |path: &str, why: &str, diagnostics: &mut Diagnostics| validators::refuse(&Path::of(path), why, diagnostics);

    if direct && access.entries().is_some() {
        refuse(
            "access_role",
            "Mode direct has no access role: the workload role itself is the access entry's principal. Remove access_role.",
            &mut diagnostics,
        );
    }
    if !direct && access.is_null() && !config.get("mode").is_unknown() {
        refuse(
            "access_role",
            "Mode assume_role requires an access role, such as access_role = { name = \"EKS-Access\" }.",
            &mut diagnostics,
        );
    }
    workload_role_is_named_once(workload, config.get("mode"), &mut diagnostics);
    profile_can_be_named(config, &mut diagnostics);
    refuse_service_linked(access, &Path::of("access_role"), &mut diagnostics);
    refuse_service_linked(workload, &Path::of("workload_role"), &mut diagnostics);
    refuse_on_existing(access, &Path::of("access_role"), KEPT_BY_EXISTING, &mut diagnostics);
    refuse_on_existing(workload, &Path::of("workload_role"), KEPT_BY_EXISTING, &mut diagnostics);
    refuse_on_existing(workload, &Path::of("workload_role"), &["trusted_services"], &mut diagnostics);
    if workload.get("manage_policy").as_bool() == Some(false)
        && workload.get("existing").as_bool() != Some(true)
        && !workload.get("existing").is_unknown()
        && workload.get(PERMISSION_SET).is_null()
    {
        refuse(
            "workload_role.manage_policy",
            "A role that xeks creates needs its policy. Set existing = true for a role that can't be edited.",
            &mut diagnostics,
        );
    }
    if workload.get("instance_profile_name").is_given()
        && workload.get("instance_profile").as_bool() != Some(true)
        && !workload.get("instance_profile").is_unknown()
    {
        refuse(
            "workload_role.instance_profile_name",
            "instance_profile_name requires an instance profile. Set instance_profile = true.",
            &mut diagnostics,
        );
    }
    if client.get("credential_source").is_given() && client.get("source_profile").is_given() {
        refuse(
            "client.source_profile",
            "An AWS profile uses either credential_source or source_profile. Remove one of them.",
            &mut diagnostics,
        );
    }
    if client.get("auth").as_str() == Some("role_arn") {
        if direct {
            refuse("client.auth", "Mode direct has no role to assume. Use auth = \"profile\".", &mut diagnostics);
        }
        if access.get("external_id").is_given() {
            refuse(
                "client.auth",
                "`aws eks get-token --role-arn` can't pass an external ID. Use auth = \"profile\", or remove access_role.external_id.",
                &mut diagnostics,
            );
        }
    }
    attributes::role_tag_keys(config, &["access_role", "workload_role"], &mut diagnostics);
    warn_of_no_rights(config, &mut diagnostics);
    scopes_fit(config.at("kubernetes.policies"), &mut diagnostics);
    trusted_principals::fit(config, "access_role.trusted_principal_arns", &mut diagnostics);
    attributes::one_partition(config, partitions, &Path::of("cluster_name"), ONE_PARTITION, &mut diagnostics);
    partitions_agree(config, attributes::partition_of(config, partitions), &mut diagnostics);
    diagnostics
}

/// An access entry with a default user name, no group and no access policy lets its principal in and allows it nothing.
fn warn_of_no_rights(config: &Value, diagnostics: &mut Diagnostics) {
    let kubernetes = config.get("kubernetes");
    let gives = ["policies", "groups", "username"].iter().any(|name| !kubernetes.get(name).is_null());
    if kubernetes.entries().is_none() || gives || config.get("adopt").as_str() == Some("if_exists") {
        return;
    }
    diagnostics.warning(
        Path::of("kubernetes"),
        "The principal can do nothing in the cluster",
        "kubernetes has no policies, groups or username: the cluster authenticates the principal and authorizes nothing. Add an access policy, \
         such as policies = { AmazonEKSViewPolicy = { scope = \"cluster\" } }, or groups that a Kubernetes role binding names.",
    );
}

/// The workload role goes by its name or by the permission set that it is of.
fn workload_role_is_named_once(workload: &Value, mode: &Value, diagnostics: &mut Diagnostics) {
    const CHANGES: &[&str] = &[
        "path",
        "description",
        "permissions_boundary",
        "max_session_duration",
        "trusted_services",
        "instance_profile_name",
        "managed_policy_arns",
        "tags",
    ];
    if workload.entries().is_none() {
        return;
    }
    let path = Path::of("workload_role");
    let set = workload.get(PERMISSION_SET);
    match (workload.get("name").is_null(), set.is_null()) {
        (true, true) => validators::refuse(
            &path.attribute("name"),
            "The workload role needs a name. Set name, or in mode direct permission_set for a permission set of IAM Identity Center.",
            diagnostics,
        ),
        (false, false) if workload.get("name").is_given() && set.is_given() => {
            validators::refuse(&path.attribute(PERMISSION_SET), "Set either name or permission_set. Remove one of them.", diagnostics);
        }
        _ => {}
    }
    if set.is_null() {
        return;
    }
    if !mode.is_unknown() && mode.as_str() != Some("direct") {
        validators::refuse(
            &path.attribute(PERMISSION_SET),
            "A role of IAM Identity Center can't be given the policy that mode assume_role needs. Set mode = \"direct\". For mode assume_role, \
             allow sts:AssumeRole in the permission set, and set access_role.trusted_principal_arns to the ARNs of its roles, such as \
             arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_PowerUser_*.",
            diagnostics,
        );
    }
    let has_profile = workload.get("instance_profile").as_bool() == Some(true);
    for name in CHANGES.iter().copied().filter(|name| workload.get(name).is_given()).chain(has_profile.then_some("instance_profile")) {
        let why = format!(
            "Only AWS can change the role of a permission set. Remove {name}, or change the permission set in IAM Identity Center."
        );
        validators::refuse(&path.attribute(name), why, diagnostics);
    }
}

/// The default of the profile's name is made of the access role's, which may begin as an option of the AWS CLI does.
fn profile_can_be_named(config: &Value, diagnostics: &mut Diagnostics) {
    let client = config.get("client");
    let default = config.at("access_role.name").as_str().filter(|name| names::role_name(name).is_ok());
    let Some(role) = default.filter(|_| client.get("profile_name").is_null() && !client.is_unknown()) else { return };
    if role.starts_with('-') {
        let why =
            format!("The default, which begins with {role:?}, is an option to the AWS CLI. Set profile_name, context_name and user_name.");
        validators::refuse(&Path::of("client.profile_name"), why, diagnostics);
    }
}

fn scopes_fit(policies: &Value, diagnostics: &mut Diagnostics) {
    for (name, policy) in policies.entries().into_iter().flatten() {
        let path = Path::of("kubernetes.policies").key(name).attribute("namespaces");
        let namespaces = policy.get("namespaces");
        match policy.get("scope").as_str() {
            Some("namespace") if !namespaces.is_unknown() && namespaces.members().is_empty() => {
                validators::refuse(&path, "Scope namespace requires namespaces, such as [\"team-a\", \"dev-*\"].", diagnostics);
            }
            Some("cluster") if !namespaces.members().is_empty() => {
                validators::refuse(
                    &path,
                    "Scope cluster applies to every namespace. Remove namespaces, or set scope = \"namespace\".",
                    diagnostics,
                );
            }
            _ => {}
        }
    }
}

/// Every ARN is of the connection's partition, the keys of `policies` too.
fn partitions_agree(config: &Value, partition: Option<&str>, diagnostics: &mut Diagnostics) {
    let roles = ["access_role.permissions_boundary", "workload_role.permissions_boundary"];
    let sets = ["access_role.trusted_principal_arns", "workload_role.managed_policy_arns"];
    attributes::arns_in_partition(partition, config, &[roles, sets].concat(), diagnostics);
    let policies = config.at("kubernetes.policies").entries().into_iter().flatten();
    for (name, _) in policies.filter(|(name, _)| name.starts_with("arn:")) {
        let path = Path::of("kubernetes.policies").key(name);
        attributes::arn_in_partition(partition, name, &path, diagnostics);
    }
}

pub(super) fn policies_name_each_policy_once(policies: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for name in policies.entries().into_iter().flatten().map(|(name, _)| name) {
        let path = path.key(name);
        let short = name.rsplit('/').next().unwrap_or(name);
        if let Err(why) = arn::is_access_policy(name) {
            validators::refuse(&path, why, diagnostics);
        } else if !seen.insert(short.to_owned()) {
            validators::refuse(&path, format!("Another key already names {short}. Keep one of them."), diagnostics);
        }
    }
}

const RESERVED: &[&str] = &["system:", "eks:", "aws:", "amazon:", "iam:"];

/// EKS user guide, "Create access entries": reserved prefixes, and a colon before `{{SessionName}}`.
pub(super) fn is_username(text: &str) -> Result<(), String> {
    if let Some(prefix) = RESERVED.iter().find(|p| text.starts_with(**p)) {
        return Err(format!("A user name can't begin with {prefix:?}. Try {:?}.", text.replacen(prefix, "team:", 1)));
    }
    match text.find("{{SessionName") {
        Some(at) if !text[..at].contains(':') => Err("A colon must come before {{SessionName}}, such as team:{{SessionName}}.".into()),
        _ if text.is_empty() => Err("A user name can't be empty. Remove username to use the EKS default.".into()),
        _ => names::one_line(text, "a user name", "team:{{SessionName}}"),
    }
}

pub(super) fn is_group(text: &str) -> Result<(), String> {
    match RESERVED.iter().find(|p| text.starts_with(**p)) {
        Some(prefix) => Err(format!(
            "{text:?} begins with {prefix:?}, which EKS rejects in access entries. Bind a group of your own, such as platform-admins."
        )),
        None if text.is_empty() => Err("A group name can't be empty.".into()),
        None => names::one_line(text, "a group name", "platform-admins"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::schema;
    use super::*;

    fn refused(config: &[(&str, Value)]) -> Vec<String> {
        let schema = schema();
        let mut object = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
        object.insert("workload_role", Value::object([("name", Value::string("w"))]));
        object.insert("access_role", Value::object([("name", Value::string("a"))]));
        object.insert("kubernetes", Value::object([("groups", Value::set_of_strings(["viewers"]))]));
        for (name, value) in config {
            object.insert(name, value.clone());
        }
        let mut diagnostics = schema.validate(&object);
        diagnostics.extend(validate(&object, Partitions::default()));
        diagnostics.0.iter().map(|d| d.path.to_string()).collect()
    }

    fn role(attributes: &[(&str, Value)]) -> Value {
        let mut role = Value::object([("name", Value::string("r"))]);
        attributes.iter().for_each(|(name, value)| role.insert(name, value.clone()));
        role
    }

    #[test]
    fn a_plain_configuration_passes() {
        assert_eq!(refused(&[]), Vec::<String>::new());
    }

    #[test]
    fn an_entry_that_allows_nothing_is_warned_of() {
        let nothing = ("kubernetes", Value::object([("policies", Value::Null)]));
        assert_eq!(refused(std::slice::from_ref(&nothing)), ["kubernetes"]);
        assert!(refused(&[nothing, ("adopt", Value::string("if_exists"))]).is_empty());
        assert!(refused(&[("kubernetes", Value::object([("policies", Value::Unknown)]))]).is_empty());
    }

    #[test]
    fn modes_refuse_what_the_other_needs() {
        assert_eq!(refused(&[("mode", Value::string("direct"))]), ["access_role"]);
        assert_eq!(refused(&[("access_role", Value::Null)]), ["access_role"]);
        assert_eq!(refused(&[("mode", Value::string("other"))]), ["mode"]);
    }

    #[test]
    fn a_workload_role_has_a_name_or_a_permission_set_which_only_direct_mode_takes() {
        let set = |more: &[(&str, Value)]| {
            let mut role = Value::object([("permission_set", Value::string("PowerUser"))]);
            more.iter().for_each(|(name, value)| role.insert(name, value.clone()));
            [("mode", Value::string("direct")), ("access_role", Value::Null), ("workload_role", role)]
        };
        assert_eq!(refused(&set(&[])), Vec::<String>::new());
        assert_eq!(refused(&set(&[("manage_policy", Value::Bool(false)), ("existing", Value::Bool(true))])), Vec::<String>::new());
        assert_eq!(refused(&set(&[("name", Value::string("w"))])), ["workload_role.permission_set"]);
        assert_eq!(refused(&set(&[])[2..]), ["workload_role.permission_set"]);
        assert_eq!(refused(&set(&[("instance_profile", Value::Bool(true))])), ["workload_role.instance_profile"]);
        assert_eq!(refused(&set(&[("description", Value::string("d"))])), ["workload_role.description"]);
        assert_eq!(refused(&set(&[("permission_set", Value::string("a b"))])), ["workload_role.permission_set"]);
        assert_eq!(refused(&[("workload_role", Value::object([("existing", Value::Bool(true))]))]), ["workload_role.name"]);
    }

    #[test]
    fn an_access_role_that_begins_like_an_option_needs_a_name_for_its_profile() {
        let access = [("access_role", role(&[("name", Value::string("-x"))]))];
        assert_eq!(refused(&access), ["client.profile_name"]);
        let client = Value::object([("profile_name", Value::string("x"))]);
        assert_eq!(refused(&[access[0].clone(), ("client", client)]), Vec::<String>::new());
    }

    #[test]
    fn an_existing_role_keeps_its_own_attributes() {
        let existing = role(&[
            ("existing", Value::Bool(true)),
            ("path", Value::string("/x/")),
            ("trusted_services", Value::set_of_strings(["ec2.amazonaws.com"])),
        ]);
        assert_eq!(refused(&[("workload_role", existing)]), ["workload_role.path", "workload_role.trusted_services"]);
    }

    #[test]
    fn names_are_refused_with_their_path() {
        assert_eq!(refused(&[("access_role", role(&[("name", Value::string("x".repeat(65)))]))]), ["access_role.name"]);
    }

    #[test]
    fn policies_need_fitting_scopes_and_one_key_each() {
        let policy = |scope: &str, namespaces: &[&str]| {
            Value::object([("scope", Value::string(scope)), ("namespaces", Value::set_of_strings(namespaces.iter().copied()))])
        };
        let policies = Value::map([
            ("AmazonEKSViewPolicy", policy("namespace", &[])),
            ("AmazonEKSEditPolicy", policy("cluster", &["a"])),
            ("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy", policy("cluster", &[])),
        ]);
        let paths = refused(&[("kubernetes", Value::object([("policies", policies)]))]);
        assert_eq!(paths.len(), 3, "{paths:?}");
        assert!(paths.iter().any(|p| p.contains("arn:aws:eks")), "{paths:?}");
    }

    #[test]
    fn reserved_names_and_groups_are_refused() {
        let kubernetes =
            Value::object([("username", Value::string("system:masters")), ("groups", Value::set_of_strings(["system:masters"]))]);
        assert_eq!(refused(&[("kubernetes", kubernetes)]), ["kubernetes.username", "kubernetes.groups"]);
        assert!(is_username("{{SessionName}}").is_err());
        assert!(is_username("team:{{SessionName}}").is_ok());
    }

    #[test]
    fn get_token_with_a_role_arn_can_pass_no_external_id() {
        let access = role(&[("external_id", Value::string("xeks"))]);
        assert_eq!(refused(&[("access_role", access), ("client", Value::object([("auth", Value::string("role_arn"))]))]), ["client.auth"]);
    }

    #[test]
    fn an_arn_of_another_partition_than_the_region_is_refused() {
        let access = role(&[("permissions_boundary", Value::string("arn:aws-cn:iam::183295435445:policy/b"))]);
        assert_eq!(
            refused(&[("cluster_region", Value::string("ap-south-1")), ("access_role", access)]),
            ["access_role.permissions_boundary"]
        );
    }
}
