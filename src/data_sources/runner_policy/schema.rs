//! The shape of `xeks_runner_policy`: the resources' own attributes, as far as they decide what a pipeline must be allowed.

use super::{containment, reads};
use crate::aws::{arn, names};
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::{Attribute, Nesting, Schema, Value, attributes, validators};

pub(super) fn schema() -> Schema {
    let doc = "Renders the least IAM permissions that a pipeline needs to plan, apply, import, repair and destroy the given resources, as \
               one policy per account.\n\n\
               The lists have the attributes of the resources with the same name, as far as they affect permissions, so that you can \
               generate both from the same locals. Names can contain the wildcards `*` and `?`: a platform team grants `team-*` once. If \
               an attribute such as `kubernetes` is not set, the policy allows any value. The data source calls AWS only to \
               look up the account IDs; if `cluster_account_id` and `workload_account_id` are set, it makes no call, so that you can \
               render the policies before you have access.\n\n\
               Name a `permissions_boundary` for every role: without it, an attacker in the pipeline can give its roles any permission, and \
               use them. [A compromised pipeline](../guides/compromised-pipeline.md) lists what each policy allows on foreign objects, and \
               what contains it.\n\n\
               The Sid of each statement names its purpose. A managed policy can have 6,144 characters; a longer one causes a warning. \
               Revoke a permission only after the resources that need it were changed or destroyed.";
    Schema::new(doc, attributes([asked(), found()]))
}

fn asked() -> Vec<Attribute> {
    let list = |name, attributes, doc| Attribute::nested(name, Nesting::List, attributes, doc).optional();
    vec![
        list("cross_account_access", access(), "`xeks_cross_account_access` resources that the pipeline manages."),
        list("irsa_trust", trust(), "`xeks_irsa_trust` resources that the pipeline manages."),
        list("cluster_peering", peering(), "`xeks_cluster_peering` resources that the pipeline manages."),
        Attribute::set_of_strings(
            "data_sources",
            "Data sources that the pipeline reads: `xeks_access_path`, `xeks_cluster`, `xeks_irsa_path`.",
        )
        .optional()
        .check(validators::each_text(|name| match reads::NAMES.contains(&name) {
            true => Ok(()),
            false => Err(format!("{name:?} is not one of {}.", reads::NAMES.join(", "))),
        })),
        Attribute::string(
            "workload_account",
            "Key of the workload account in the provider's `workload_accounts`. Default: the provider's `workload_account`.",
        )
        .optional(),
        Attribute::string(
            "region",
            "Region that regional ARNs are limited to. Default: `*`. Each list can set its own. Required for `irsa_trust` with clusters, \
             unless it sets its `cluster_region`.",
        )
        .optional()
        .check(validators::text(region)),
        Attribute::string(
            "partition",
            "Partition of the ARNs, such as `aws-cn`. Default: the partition of the provider's accounts, else of `region`, else `aws`.",
        )
        .optional()
        .check(validators::one_of(&["aws", "aws-cn", "aws-us-gov"])),
    ]
}

fn found() -> Vec<Attribute> {
    let account = |name, doc| Attribute::string(name, doc).optional().computed().check(validators::text(arn::account_id));
    vec![
        account(
            "cluster_account_id",
            "ID of the account that owns the clusters. Default: the provider's `cluster_account`, which the data source then looks up; null if \
             nothing is needed there.",
        ),
        account(
            "workload_account_id",
            "ID of the workload account. Default: the provider's workload account, which the data source then looks up; null if nothing is \
             needed there.",
        ),
        Attribute::string("cluster_policy", "JSON policy for the pipeline's role in the cluster account; null if it needs none.")
            .computed(),
        Attribute::string("workload_policy", "JSON policy for the pipeline's role in the workload account; null if it needs none.")
            .computed(),
    ]
}

fn access() -> Vec<Attribute> {
    let access_role = [
        role("The role may already exist: the pipeline writes only its trust policy and the inline policy of xeks."),
        vec![trusted_principals()],
    ];
    let mut workload = role("The role already exists: the pipeline writes only the assume policy.");
    workload[0] = name("name", "Name of the role; wildcards are allowed. Required unless `permission_set` is set.").optional();
    let workload_role = [
        workload,
        vec![
            Attribute::string("permission_set", "As in the resource, in mode `direct`; wildcards are allowed.")
                .optional()
                .check(validators::text(pattern)),
            Attribute::bool("manage_policy", "As in the resource. Default: true.").optional(),
            Attribute::bool("instance_profile", "As in the resource. Default: false.").optional(),
            name("instance_profile_name", "Default: the role's name.").optional(),
            managed_policies(),
        ],
    ];
    let policy = vec![
        Attribute::string("scope", "`cluster` or `namespace`. Default: both.")
            .optional()
            .check(validators::one_of(&["cluster", "namespace"])),
        Attribute::set_of_strings("namespaces", "Namespaces that the policy can apply to, and no cluster scope. Default: any.").optional(),
    ];
    let policies = Attribute::nested(
        "policies",
        Nesting::Map,
        policy,
        "Access policies that the pipeline can associate, by name or ARN. Default: none.",
    );
    let kubernetes = vec![
        policies.optional(),
        Attribute::set_of_strings("groups", "Groups that the pipeline can set; wildcards are allowed. Default: none.").optional(),
        Attribute::string("username", "User name that the pipeline can set; wildcards are allowed. Default: that of EKS.").optional(),
    ];
    vec![
        cluster_name().required(),
        cluster_region(),
        mode(&["assume_role", "direct"], "`assume_role` (default) or `direct`."),
        Attribute::nested(
            "access_role",
            Nesting::Single,
            attributes(access_role),
            "The role in the cluster account; none in mode `direct`.",
        )
        .optional(),
        Attribute::nested("workload_role", Nesting::Single, attributes(workload_role), "The role in the workload account.").required(),
        Attribute::nested(
            "kubernetes",
            Nesting::Single,
            kubernetes,
            "Permissions that the pipeline can grant in the cluster. Default: any. Also any with `adopt`, because xeks restores a foreign \
             entry when it recreates it.",
        )
        .optional(),
        Attribute::string("on_config_map", "`upgrade` also allows changing the cluster's authentication mode. Default: `error`.")
            .optional()
            .check(validators::one_of(&["error", "upgrade"])),
        adopt(),
    ]
}

fn trust() -> Vec<Attribute> {
    let target = [
        role("The role already exists: the pipeline writes its trust policy and the policies listed here."),
        vec![
            Attribute::map_of_strings("inline_policies", "Inline policies of the role. For an existing role: whether it gets any.")
                .optional(),
            managed_policies(),
            trusted_principals(),
        ],
    ];
    let provider = vec![
        Attribute::string("manage", "`shared` (default), `existing` or `retain`.")
            .optional()
            .check(validators::one_of(&["shared", "existing", "retain"])),
    ];
    vec![
        cluster_name().optional(),
        Attribute::set_of_strings("cluster_names", "Names of several clusters; wildcards are allowed.")
            .optional()
            .check(validators::each_text(pattern)),
        Attribute::set_of_strings("issuer_urls", "Issuers instead of clusters; wildcards are allowed after the host.")
            .optional()
            .check(validators::each_text(issuer)),
        cluster_region(),
        mode(&["federated", "chained"], "`federated` (default) or `chained`."),
        Attribute::nested("role", Nesting::Single, attributes(target), "The role in the workload account.").required(),
        Attribute::nested(
            "pod_role",
            Nesting::Single,
            role("The role already exists."),
            "The role in the cluster account, for mode `chained`.",
        )
        .optional(),
        Attribute::nested("oidc_provider", Nesting::Single, provider, "The OIDC provider of the issuer.").optional(),
        adopt(),
    ]
}

fn peering() -> Vec<Attribute> {
    vec![
        cluster_name().required(),
        cluster_region(),
        Attribute::string("workload_vpc_id", "ID of the VPC in the workload account, or `*`.").required(),
        Attribute::string("workload_region", "Region of the workload VPC. Default: `region`.").optional().check(validators::text(region)),
        Attribute::string("cluster_vpc_id", "ID of the cluster's VPC. Default: any VPC of the account.").optional(),
        Attribute::string("peering_connection_id", "As in the resource: ID of an existing connection to use. Default: xeks creates one.")
            .optional(),
        Attribute::set_of_strings("cluster_route_table_ids", "Default: any route table of the VPC.").optional(),
        Attribute::set_of_strings("workload_route_table_ids", "Default: any route table of the VPC.").optional(),
        Attribute::bool("allow_https", "As in the resource. Default: true.").optional(),
        Attribute::bool("dns_resolution", "As in the resource. Default: false.").optional(),
    ]
}

fn role(existing: &'static str) -> Vec<Attribute> {
    vec![
        name("name", "Name of the role; wildcards are allowed.").required(),
        Attribute::bool("existing", existing).optional(),
        Attribute::string("path", "Path of the role; wildcards are allowed. Default: `/`, or any path for a role that may already exist.")
            .optional()
            .check(validators::text(names::path_pattern)),
        Attribute::string(
            "permissions_boundary",
            "ARN of the permissions boundary; wildcards are allowed. The pipeline can create, change and delete only roles with this \
             boundary, also with `existing`, and can't remove it. `*`: any boundary, which contains nothing.",
        )
        .optional()
        .check(validators::text(|text: &str| if text == "*" { Ok(()) } else { arn::is_policy(text) })),
    ]
}

fn managed_policies() -> Attribute {
    Attribute::set_of_strings(
        "managed_policy_arns",
        "ARNs of managed policies that the pipeline can attach; wildcards are allowed. Default: none.",
    )
    .optional()
}

fn trusted_principals() -> Attribute {
    Attribute::set_of_strings(
        "trusted_principal_arns",
        "ARNs of additional roles and users that the trust policy names; the pipeline looks them up.",
    )
    .optional()
}

fn cluster_name() -> Attribute {
    name("cluster_name", "Name of the cluster; wildcards are allowed.")
}

fn cluster_region() -> Attribute {
    Attribute::string("cluster_region", "Region of the cluster. Default: `region`.").optional().check(validators::text(region))
}

fn mode(modes: &'static [&'static str], doc: &'static str) -> Attribute {
    Attribute::string("mode", doc).optional().check(validators::one_of(modes))
}

fn adopt() -> Attribute {
    Attribute::string("adopt", "As in the resource. Default: `never`.").optional().check(validators::one_of(&["never", "if_exists"]))
}

fn name(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::string(name, doc).check(validators::text(pattern))
}

/// A name of IAM or EKS, or a pattern of such names.
fn pattern(text: &str) -> Result<(), String> {
    let plain: String = text.chars().map(|c| if c == '*' || c == '?' { 'x' } else { c }).collect();
    names::instance_profile_name(&plain).map_err(|_| format!("{text:?} is neither a name nor a pattern of names such as team-*."))
}

fn region(text: &str) -> Result<(), String> {
    if text == "*" { Ok(()) } else { names::region(text) }
}

/// An issuer, or a pattern of issuers of one host: a wildcard in the host also stands for a slash, and so for other hosts.
fn issuer(text: &str) -> Result<(), String> {
    let host = text.strip_prefix("https://").unwrap_or(text).split('/').next().unwrap_or_default();
    if host.contains(['*', '?']) {
        return Err(format!(
            "{text:?} has a wildcard in its host, which also matches issuers of other domains. Use wildcards after the host only, such as \
             https://oidc.eks.ap-south-1.amazonaws.com/id/*."
        ));
    }
    names::issuer_url(&text.replace(['*', '?'], "x"))
}

/// The workload role goes by its name, or in mode `direct` by the permission set that it is of.
fn workload_role_is_named_once(wanted: &Value, path: &Path, direct: bool, diagnostics: &mut Diagnostics) {
    let role = wanted.get("workload_role");
    let (name, set) = (role.get("name"), role.get("permission_set"));
    if role.entries().is_some() && name.is_null() && set.is_null() {
        validators::refuse(&path.attribute("name"), "Set the name of the workload role, such as \"team-*\".", diagnostics);
    }
    if set.is_given() && (name.is_given() || !direct && !wanted.get("mode").is_unknown()) {
        let why =
            "permission_set is for mode \"direct\", in place of name. Remove permission_set, or set mode = \"direct\" and remove name.";
        validators::refuse(&path.attribute("permission_set"), why, diagnostics);
    }
}

/// Rules over several attributes.
pub(super) fn validate(config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (index, wanted) in config.get("cross_account_access").members().iter().enumerate() {
        let direct = wanted.get("mode").as_str() == Some("direct");
        workload_role_is_named_once(
            wanted,
            &Path::of("cross_account_access").index(index).attribute("workload_role"),
            direct,
            &mut diagnostics,
        );
        let path = Path::of("cross_account_access").index(index).attribute("access_role");
        if direct && wanted.get("access_role").is_given() {
            validators::refuse(&path, "Mode \"direct\" has no access role. Remove access_role.", &mut diagnostics);
        }
        if !direct && !wanted.get("mode").is_unknown() && wanted.get("access_role").is_null() {
            validators::refuse(
                &path,
                "Set the access role, such as { name = \"eks-access-*\" }, or set mode = \"direct\".",
                &mut diagnostics,
            );
        }
    }
    for (index, wanted) in config.get("irsa_trust").members().iter().enumerate() {
        let path = Path::of("irsa_trust").index(index);
        let sources = ["cluster_name", "cluster_names", "issuer_urls"];
        if sources.iter().filter(|name| !wanted.get(name).is_null()).count() != 1 {
            validators::refuse(&path, "Set exactly one of cluster_name, cluster_names and issuer_urls.", &mut diagnostics);
        }
        let chained = wanted.get("mode").as_str() == Some("chained");
        if chained && wanted.get("pod_role").is_null() {
            validators::refuse(&path.attribute("pod_role"), "Mode \"chained\" requires a pod role. Set pod_role.", &mut diagnostics);
        }
    }
    containment::refuse(config, &mut diagnostics);
    diagnostics
}
