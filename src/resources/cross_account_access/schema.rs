//! The attributes of `xeks_cross_account_access`, and the rules that need no AWS.

use std::collections::BTreeSet;

use crate::aws::{arn, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::resources::common;
use crate::resources::roles::{self, role_attributes};
use crate::schema::{Attribute, Nesting, Schema, Type, Value, attributes, validators};

/// What an existing role keeps as it is.
const KEPT_BY_EXISTING: &[&str] = &["path", "description", "permissions_boundary", "max_session_duration", "tags"];

pub fn schema() -> Schema {
    let doc = "Lets an EC2 role of the workload account use the EKS cluster of the cluster account: a role there that it may assume, an \
               access entry with access policies, and a kubeconfig without static credentials. One resource over both accounts.";
    let own = vec![
        Attribute::string("cluster_name", "Name of the cluster in the cluster account.")
            .required()
            .replaces()
            .check(validators::text(names::cluster_name)),
        common::cluster_region(),
        Attribute::string(
            "mode",
            "`assume_role` (default): the workload role assumes the access role, which the access entry names. `direct`: the workload role \
             itself is the access entry's principal; there is no access role.",
        )
        .default_value(Value::string("assume_role"))
        .replaces()
        .check(validators::one_of(&["assume_role", "direct"])),
        Attribute::nested(
            "access_role",
            Nesting::Single,
            access_role(),
            "The role in the cluster account. Required unless `mode` is `direct`.",
        )
        .optional(),
        Attribute::nested("workload_role", Nesting::Single, workload_role(), "The role in the workload account.").required(),
        Attribute::nested("kubernetes", Nesting::Single, kubernetes(), "What the principal may do in the cluster.").required(),
        Attribute::string(
            "on_config_map",
            "What to do with a cluster whose authentication mode is CONFIG_MAP: `error` (default) or `upgrade` it one step to \
             API_AND_CONFIG_MAP, which can't be undone.",
        )
        .default_value(Value::string("error"))
        .check(validators::one_of(&["error", "upgrade"])),
        Attribute::nested("client", Nesting::Single, client(), "Shapes the kubeconfig.").optional(),
    ];
    Schema::new(doc, attributes([own, computed(), common::common_attributes()]))
}

fn access_role() -> Vec<Attribute> {
    let more = vec![
        Attribute::string("external_id", "External ID that callers must pass.").optional().check(validators::text(names::external_id)),
        Attribute::string(
            "trust",
            "Whom the role trusts: `role` (default), the workload role, bound to its hidden id; or `account`, whatever role of that ARN the \
             workload account has, which survives a recreated role.",
        )
        .default_value(Value::string("role"))
        .check(validators::one_of(&["role", "account"])),
        Attribute::set_of_strings("trusted_principal_arns", "Further principals that may assume the role, such as a team's SSO role.")
            .optional()
            .check(validators::each_text(arn::is_principal)),
    ];
    let existing = "Use a role that exists: only our trust statement and our inline policy are added, and taken out again.";
    attributes([role_attributes(existing), more])
}

fn workload_role() -> Vec<Attribute> {
    let more = vec![
        Attribute::bool(
            "manage_policy",
            "Whether to write the policy that lets the role assume the access role. `false` for roles that can't be edited, such as SSO's.",
        )
        .default_value(Value::Bool(true)),
        Attribute::set_of_strings(
            "trusted_services",
            "Services that may assume the role. Default `ec2.amazonaws.com`, in China `ec2.amazonaws.com.cn`.",
        )
        .optional()
        .check(validators::count(1, 20))
        .check(validators::each_text(is_service)),
        Attribute::bool("instance_profile", "Whether to make an instance profile that holds the role.").default_value(Value::Bool(false)),
        Attribute::string("instance_profile_name", "Name of the instance profile. Default: the role's name.")
            .optional()
            .check(validators::text(names::instance_profile_name)),
        Attribute::set_of_strings("managed_policy_arns", "Managed policies to attach. When set on a role made here: these and no others.")
            .optional()
            .check(validators::count(0, 20))
            .check(validators::each_text(arn::is_policy)),
    ];
    attributes([role_attributes("Use a role that exists: only the policy that lets it assume the access role is added."), more])
}

fn kubernetes() -> Vec<Attribute> {
    let policy = vec![
        Attribute::string("scope", "`cluster` or `namespace`.").required().check(validators::one_of(&["cluster", "namespace"])),
        Attribute::set_of_strings("namespaces", "Namespaces of scope `namespace`; a trailing `*` is a wildcard.")
            .optional()
            .check(validators::each_text(names::access_scope_namespace)),
    ];
    vec![
        Attribute::string(
            "username",
            "Kubernetes user name. Default: EKS's own, `arn:aws:sts::ACCOUNT:assumed-role/NAME/{{SessionName}}`.",
        )
        .optional()
        .check(validators::text(is_username)),
        Attribute::set_of_strings("groups", "Kubernetes groups.").optional().check(validators::each_text(is_group)),
        Attribute::nested("policies", Nesting::Map, policy, "EKS access policies by name, such as `AmazonEKSViewPolicy`, or ARN.")
            .optional()
            .check(policies_name_each_policy_once),
    ]
}

fn client() -> Vec<Attribute> {
    vec![
        Attribute::string("profile_name", "AWS profile that the kubeconfig uses. Default `xeks-CLUSTER`; in mode `direct` none.")
            .optional(),
        Attribute::string("config_file", "Path of the AWS config file that holds the profile, where it is not the default one.").optional(),
        Attribute::string("session_name", "Session name that the profile sets. Default: the client's own.")
            .optional()
            .check(validators::text(names::session_name)),
        Attribute::string("credential_source", "Where the profile finds the workload role's credentials. Default `Ec2InstanceMetadata`.")
            .optional()
            .check(validators::one_of(&["Ec2InstanceMetadata", "EcsContainer", "Environment"])),
        Attribute::string("source_profile", "A profile with the workload role's credentials, in place of `credential_source`.").optional(),
        Attribute::string("auth", "`profile` (default) or `role_arn`: `aws eks get-token --role-arn`, as in many guides.")
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
        Attribute::string("instance_profile_arn", "ARN of the instance profile.").computed(),
        Attribute::string("access_entry_arn", "ARN of the access entry.").computed(),
        Attribute::string("username", "Kubernetes user name of the access entry.").computed(),
        Attribute::plain("cluster", cluster, "The cluster, as far as clients need it. `certificate_authority` is base64.").computed(),
        Attribute::string("kubeconfig", "A kubeconfig that holds no secret.").computed(),
        Attribute::string("aws_config", "The AWS profile that goes with the kubeconfig; null where it needs none.").computed(),
        Attribute::plain("exec", exec, "The kubeconfig's credential command, for the kubernetes and helm providers.").computed(),
    ]
}

/// Rules over several attributes.
pub fn validate(config: &Value, partition: Option<&str>) -> Diagnostics {
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
        refuse("access_role", "Mode assume_role needs the access role, such as access_role = { name = \"EKS-Access\" }.", &mut diagnostics);
    }
    roles::refuse_on_existing(access, &Path::of("access_role"), KEPT_BY_EXISTING, &mut diagnostics);
    roles::refuse_on_existing(workload, &Path::of("workload_role"), KEPT_BY_EXISTING, &mut diagnostics);
    roles::refuse_on_existing(workload, &Path::of("workload_role"), &["trusted_services"], &mut diagnostics);
    if workload.get("manage_policy").as_bool() == Some(false)
        && workload.get("existing").as_bool() != Some(true)
        && !workload.get("existing").is_unknown()
    {
        refuse(
            "workload_role.manage_policy",
            "A role made here needs its policy. Set existing = true for a role that can't be edited.",
            &mut diagnostics,
        );
    }
    if workload.get("instance_profile_name").is_given()
        && workload.get("instance_profile").as_bool() != Some(true)
        && !workload.get("instance_profile").is_unknown()
    {
        refuse(
            "workload_role.instance_profile_name",
            "There is no instance profile to name. Set instance_profile = true.",
            &mut diagnostics,
        );
    }
    if client.get("credential_source").is_given() && client.get("source_profile").is_given() {
        refuse("client.source_profile", "An AWS profile has either credential_source or source_profile. Remove one.", &mut diagnostics);
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
    scopes_fit(config.at("kubernetes.policies"), &mut diagnostics);
    principals_fit(config.at("access_role.trusted_principal_arns"), &mut diagnostics);
    partitions_agree(config, partition, &mut diagnostics);
    diagnostics
}

/// More principals than any trust policy has room for, whatever else stands in it; the plan measures it in full.
fn principals_fit(principals: &Value, diagnostics: &mut Diagnostics) {
    let quotes_and_comma = 3;
    let size: usize = principals.strings().iter().map(|arn| arn.len() + quotes_and_comma).sum();
    if size > policy::TRUST_NEVER {
        let why = format!(
            "{} principals take {size} characters of the role's trust policy, and IAM takes {} at most, {} unless the quota was raised. \
             Trust a role that they all assume.",
            principals.members().len(),
            policy::TRUST_NEVER,
            policy::TRUST_LIMIT
        );
        validators::refuse(&Path::of("access_role.trusted_principal_arns"), why, diagnostics);
    }
}

fn scopes_fit(policies: &Value, diagnostics: &mut Diagnostics) {
    for (name, policy) in policies.entries().into_iter().flatten() {
        let path = Path::of("kubernetes.policies").key(name).attribute("namespaces");
        let namespaces = policy.get("namespaces");
        match policy.get("scope").as_str() {
            Some("namespace") if !namespaces.is_unknown() && namespaces.members().is_empty() => {
                validators::refuse(&path, "Scope namespace needs namespaces, such as [\"team-a\", \"dev-*\"].", diagnostics);
            }
            Some("cluster") if !namespaces.members().is_empty() => {
                validators::refuse(
                    &path,
                    "Scope cluster reaches every namespace. Remove namespaces, or set scope = \"namespace\".",
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
    common::arns_in_partition(partition, config, &[roles, sets].concat(), diagnostics);
    let policies = config.at("kubernetes.policies").entries().into_iter().flatten();
    for (name, _) in policies.filter(|(name, _)| name.starts_with("arn:")) {
        let path = Path::of("kubernetes.policies").key(name);
        common::arn_in_partition(common::partition_of(config, partition), name, &path, diagnostics);
    }
}

fn policies_name_each_policy_once(policies: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for name in policies.entries().into_iter().flatten().map(|(name, _)| name) {
        let path = path.key(name);
        let short = name.rsplit('/').next().unwrap_or(name);
        if let Err(why) = arn::is_access_policy(name) {
            validators::refuse(&path, why, diagnostics);
        } else if !seen.insert(short.to_owned()) {
            validators::refuse(&path, format!("Another key names {short} already. Keep one of them."), diagnostics);
        }
    }
}

fn is_service(text: &str) -> Result<(), String> {
    let plain = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-');
    if plain && text.contains(".amazonaws.com") {
        return Ok(());
    }
    Err(format!("{text:?} is not a service principal, such as ec2.amazonaws.com."))
}

const RESERVED: &[&str] = &["system:", "eks:", "aws:", "amazon:", "iam:"];

/// EKS user guide, "Create access entries": reserved prefixes, and a colon before `{{SessionName}}`.
fn is_username(text: &str) -> Result<(), String> {
    if let Some(prefix) = RESERVED.iter().find(|p| text.starts_with(**p)) {
        return Err(format!("A user name may not begin with {prefix:?}. Try {:?}.", text.replacen(prefix, "team:", 1)));
    }
    match text.find("{{SessionName") {
        Some(at) if !text[..at].contains(':') => Err("A colon must stand before {{SessionName}}, such as team:{{SessionName}}.".into()),
        _ if text.is_empty() => Err("A user name is not empty. Leave it out for EKS's own.".into()),
        _ => Ok(()),
    }
}

fn is_group(text: &str) -> Result<(), String> {
    match RESERVED.iter().find(|p| text.starts_with(**p)) {
        Some(prefix) => Err(format!(
            "{text:?} begins with {prefix:?}, which EKS refuses in access entries. Bind a group of your own, such as platform-admins."
        )),
        None if text.is_empty() => Err("A group's name is not empty.".into()),
        None => Ok(()),
    }
}

/// Whether a trust document fits into AWS's default quota.
pub fn trust_fits(document: &serde_json::Value) -> Result<(), String> {
    let size = policy::size(document);
    if size <= policy::TRUST_LIMIT {
        return Ok(());
    }
    Err(format!(
        "The trust policy would have {size} characters; AWS allows {} unless the account's quota was raised. Trust fewer principals, or a \
         role that they all assume.",
        policy::TRUST_LIMIT
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &[(&str, Value)]) -> Vec<String> {
        let schema = schema();
        let mut object = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
        object.insert("workload_role", Value::object([("name", Value::string("w"))]));
        object.insert("access_role", Value::object([("name", Value::string("a"))]));
        object.insert("kubernetes", Value::object([("policies", Value::Null)]));
        for (name, value) in config {
            object.insert(name, value.clone());
        }
        let mut diagnostics = schema.validate(&object);
        diagnostics.extend(validate(&object, None));
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
    fn modes_refuse_what_the_other_needs() {
        assert_eq!(refused(&[("mode", Value::string("direct"))]), ["access_role"]);
        assert_eq!(refused(&[("access_role", Value::Null)]), ["access_role"]);
        assert_eq!(refused(&[("mode", Value::string("other"))]), ["mode"]);
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
