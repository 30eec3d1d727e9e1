//! The shape of `xeks_runner_policy`: the resources' own attributes, as far as they decide what a pipeline must be allowed.

use super::reads;
use crate::aws::{arn, names};
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::{Attribute, Nesting, Schema, Value, attributes, validators};

pub(super) fn schema() -> Schema {
    let doc = "\
The least IAM permissions that a pipeline needs to plan, apply, import, heal and destroy the resources named, one policy per account.

The lists take the attributes of the resources of that name, as far as they matter here, so that both can be written from the same locals. Names may have the \
wildcards `*` and `?`: a platform team grants `team-*` once. Where something is left out, such as `kubernetes.policies`, the policy allows any. No call is made \
but to learn the account ids; with `cluster_account_id` and `workload_account_id` none at all, so that the policies can be had before there is any access.

Each statement's Sid says what it is for. A managed policy holds 6,144 characters: a longer one is warned about. Take a right away only after the resources \
that needed it were changed or destroyed.";
    Schema::new(doc, attributes([asked(), found()]))
}

fn asked() -> Vec<Attribute> {
    let list = |name, attributes, doc| Attribute::nested(name, Nesting::List, attributes, doc).optional();
    vec![
        list("cross_account_access", access(), "What `xeks_cross_account_access` is to be used for."),
        list("irsa_trust", trust(), "What `xeks_irsa_trust` is to be used for."),
        list("cluster_peering", peering(), "What `xeks_cluster_peering` is to be used for."),
        Attribute::set_of_strings(
            "data_sources",
            "Data sources that are to be read: `xeks_access_path`, `xeks_cluster`, `xeks_irsa_path`.",
        )
        .optional()
        .check(validators::each_text(|name| match reads::NAMES.contains(&name) {
            true => Ok(()),
            false => Err(format!("{name:?} is not one of {}.", reads::NAMES.join(", "))),
        })),
        Attribute::string("workload_account", "Key of the provider's `workload_accounts`. Default: its `workload_account`.").optional(),
        Attribute::string("region", "Region that regional ARNs are limited to. Default: `*`; each list may name its own.")
            .optional()
            .check(validators::text(region)),
        Attribute::string(
            "partition",
            "Partition of the ARNs, such as `aws-cn`. Default: that of the provider's accounts, else of `region`, else `aws`.",
        )
        .optional()
        .check(validators::one_of(&["aws", "aws-cn", "aws-us-gov"])),
    ]
}

fn found() -> Vec<Attribute> {
    let account = |name, doc| Attribute::string(name, doc).optional().computed().check(validators::text(arn::account_id));
    vec![
        account("cluster_account_id", "Account that owns the clusters. Default: the provider's `cluster_account`, which is then asked."),
        account("workload_account_id", "The workload account. Default: the provider's, which is then asked."),
        Attribute::string("cluster_policy", "JSON policy for the pipeline's role in the cluster account; null where it needs none.")
            .computed(),
        Attribute::string("workload_policy", "JSON policy for the pipeline's role in the workload account; null where it needs none.")
            .computed(),
    ]
}

fn access() -> Vec<Attribute> {
    let access_role = [
        role("May exist already: only its trust and our inline policy are written."),
        vec![Attribute::set_of_strings("trusted_principal_arns", "Roles that the trust names besides; they are looked for.").optional()],
    ];
    let workload_role = [
        role("Exists already: only the assume policy is written."),
        vec![
            Attribute::bool("manage_policy", "As in the resource. Default: true.").optional(),
            Attribute::bool("instance_profile", "As in the resource. Default: false.").optional(),
            name("instance_profile_name", "Default: the role's name.").optional(),
            managed_policies(),
        ],
    ];
    let policy = vec![
        Attribute::string("scope", "`cluster` or `namespace`. Default: either.")
            .optional()
            .check(validators::one_of(&["cluster", "namespace"])),
        Attribute::set_of_strings("namespaces", "Namespaces that it may hold in. Default: any.").optional(),
    ];
    let policies = Attribute::nested(
        "policies",
        Nesting::Map,
        policy,
        "Access policies that may be associated, by name or ARN. Default: any; also with `adopt`, since others' policies come back where an entry is made anew.",
    );
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
        Attribute::nested("kubernetes", Nesting::Single, vec![policies.optional()], "What may be given in the cluster.").optional(),
        Attribute::string("on_config_map", "`upgrade` also allows the change of the cluster's authentication mode. Default: `error`.")
            .optional()
            .check(validators::one_of(&["error", "upgrade"])),
        adopt(),
    ]
}

fn trust() -> Vec<Attribute> {
    let target = [
        role("Exists already: its trust is written, and the policies that are named."),
        vec![Attribute::map_of_strings("inline_policies", "Of an existing role: whether it gets any.").optional(), managed_policies()],
    ];
    let provider = vec![
        Attribute::string("manage", "`shared` (default), `existing` or `retain`.")
            .optional()
            .check(validators::one_of(&["shared", "existing", "retain"])),
    ];
    vec![
        cluster_name().optional(),
        Attribute::set_of_strings("cluster_names", "Names of several clusters; wildcards allowed.")
            .optional()
            .check(validators::each_text(pattern)),
        Attribute::set_of_strings("issuer_urls", "Issuers, instead of clusters; wildcards allowed.").optional(),
        cluster_region(),
        mode(&["federated", "chained"], "`federated` (default) or `chained`."),
        Attribute::nested("role", Nesting::Single, attributes(target), "The role in the workload account.").required(),
        Attribute::nested("pod_role", Nesting::Single, role("Exists already."), "Mode `chained`: the role in the cluster account.")
            .optional(),
        Attribute::nested("oidc_provider", Nesting::Single, provider, "The provider of the issuer.").optional(),
        adopt(),
    ]
}

fn peering() -> Vec<Attribute> {
    vec![
        cluster_name().required(),
        cluster_region(),
        Attribute::string("workload_vpc_id", "VPC of the workload account, or `*`.").required(),
        Attribute::string("workload_region", "Region of that VPC. Default: `region`.").optional().check(validators::text(region)),
        Attribute::string("cluster_vpc_id", "The cluster's VPC. Default: any of the account.").optional(),
        Attribute::string("peering_connection_id", "As in the resource: a connection that exists is used. Default: one is made.")
            .optional(),
        Attribute::set_of_strings("cluster_route_table_ids", "Default: any table of the VPC.").optional(),
        Attribute::set_of_strings("workload_route_table_ids", "Default: any table of the VPC.").optional(),
        Attribute::bool("allow_https", "As in the resource. Default: true.").optional(),
        Attribute::bool("dns_resolution", "As in the resource. Default: false.").optional(),
    ]
}

fn role(existing: &'static str) -> Vec<Attribute> {
    vec![
        name("name", "Name of the role; wildcards allowed.").required(),
        Attribute::bool("existing", existing).optional(),
        Attribute::string("path", "Path of the role; wildcards allowed. Default: `/`, or any for a role that may exist already.")
            .optional()
            .check(validators::text(names::path)),
        Attribute::string(
            "permissions_boundary",
            "ARN of the boundary, wildcards allowed: roles may be made and given policies only with it, and it may not be taken off.",
        )
        .optional()
        .check(validators::text(|text: &str| if text == "*" { Ok(()) } else { arn::is_policy(text) })),
    ]
}

fn managed_policies() -> Attribute {
    Attribute::set_of_strings("managed_policy_arns", "Managed policies that may be attached; wildcards allowed. Default: none.").optional()
}

fn cluster_name() -> Attribute {
    name("cluster_name", "Name of the cluster; wildcards allowed.")
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
    names::instance_profile_name(&plain).map_err(|_| format!("{text:?} is no name, nor a pattern of names such as team-*."))
}

fn region(text: &str) -> Result<(), String> {
    if text == "*" { Ok(()) } else { names::region(text) }
}

/// Rules over several attributes.
pub(super) fn validate(config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (index, wanted) in config.get("cross_account_access").members().iter().enumerate() {
        let path = Path::of("cross_account_access").index(index).attribute("access_role");
        let direct = wanted.get("mode").as_str() == Some("direct");
        if direct && wanted.get("access_role").is_given() {
            validators::refuse(&path, "In mode \"direct\" there is no access role. Leave access_role out.", &mut diagnostics);
        }
        if !direct && !wanted.get("mode").is_unknown() && wanted.get("access_role").is_null() {
            validators::refuse(
                &path,
                "Name the access role, such as { name = \"eks-access-*\" }, or set mode = \"direct\".",
                &mut diagnostics,
            );
        }
    }
    for (index, wanted) in config.get("irsa_trust").members().iter().enumerate() {
        let path = Path::of("irsa_trust").index(index);
        let sources = ["cluster_name", "cluster_names", "issuer_urls"];
        if sources.iter().filter(|name| !wanted.get(name).is_null()).count() != 1 {
            validators::refuse(&path, "Give exactly one of cluster_name, cluster_names and issuer_urls.", &mut diagnostics);
        }
        let chained = wanted.get("mode").as_str() == Some("chained");
        if chained && wanted.get("pod_role").is_null() {
            validators::refuse(&path.attribute("pod_role"), "Mode \"chained\" has a pod role: name it.", &mut diagnostics);
        }
    }
    diagnostics
}
