//! The attributes of `xeks_irsa_trust`, and the rules that need no AWS.

use super::client;
use super::model::{POD_ROLE, ROLE};
use crate::aws::{arn, names, policy};
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::OWN_POLICIES;
use crate::objects::iam::oidc_provider::are_same_thumbprints;
use crate::resources::attributes::{
    arns_in_partition, cluster_region, common_attributes, one_partition, partition_of, role_tag_keys, tags_attribute,
};
use crate::resources::role::{KEPT_BY_EXISTING, also_trusted_attribute, refuse_on_existing, refuse_service_linked, role_attributes};
use crate::resources::trusted_principals;
use crate::schema::{Attribute, Nesting, Partitions, Schema, Type, Value, attributes, validators};

/// The three ways to say whose tokens are trusted.
const SOURCES: [&str; 3] = ["cluster_name", "cluster_names", "issuer_urls"];

pub fn schema() -> Schema {
    let doc = "Gives pods of EKS clusters in the cluster account a role of the workload account: through an OIDC provider there whose \
               tokens the role trusts (IRSA), or through a pod role in the cluster account that assumes it. One resource for both \
               accounts.";
    let own = vec![
        Attribute::string(
            "cluster_name",
            "Name of the cluster whose pods use the role. Set exactly one of `cluster_name`, \
                                           `cluster_names`, `issuer_urls`.",
        )
        .optional()
        .replaces()
        .check(validators::text(names::cluster_name)),
        Attribute::set_of_strings("cluster_names", "Names of the clusters whose pods use the role, such as blue and green.")
            .optional()
            .check(validators::count(1, 20))
            .check(validators::each_text(names::cluster_name)),
        Attribute::set_of_strings(
            "issuer_urls",
            "OIDC issuers whose tokens the role trusts. In mode `federated`, xeks needs no access to the clusters, and never uses the \
             provider's `cluster_account`. The issuer may belong to another AWS partition than the role: see `mode`.",
        )
            .optional()
            .replaces_unless(keeps_its_accounts)
            .check(validators::count(1, 20))
            .check(validators::each_text(names::issuer_url)),
        cluster_region(),
        Attribute::nested("service_accounts", Nesting::Set, service_account(), "Service accounts that can use the role.")
            .required()
            .check(validators::count(1, 10_000)),
        Attribute::string(
            "mode",
            "`federated` (default): the workload account trusts the cluster's tokens through its own OIDC provider. `chained`: a pod role \
             in the cluster account trusts the tokens and assumes the role. Only `federated` works across AWS partitions, such as a \
             cluster in GovCloud and a role in the commercial partition: set `AWS_REGION` of such pods to a region of the role's partition \
             (or `AWS_ENDPOINT_URL_STS` to a regional STS endpoint there), because STS of the cluster's own partition does not know the role.",
        )
        .default_value(Value::string("federated"))
        .decides_objects()
        .replaces()
        .check(validators::one_of(&["federated", "chained"])),
        Attribute::nested(
            "pod_role",
            Nesting::Single,
            role_attributes(POD_ROLE, EXISTING),
            "The role in the cluster account. Required in mode `chained`.",
        )
        .decides_objects()
        .optional(),
        Attribute::nested("role", Nesting::Single, role(), "The role in the workload account that the pods use.")
            .decides_objects()
            .required(),
        Attribute::string(
            "external_id",
            "External ID that the role's trust policy requires of the pod role, and that `aws_config` passes. In mode `chained` only.",
        )
        .optional()
        .check(validators::text(names::external_id)),
        Attribute::bool(
            "session_tags",
            "Allow pods to assume the role with session tags, also with transitive ones of their own session: `sts:TagSession` in the role's \
             trust policy and in the pod role's policy. In mode `chained` only. Default `false`.",
        )
        .decides_objects()
        .optional(),
        Attribute::bool(
            "source_identity",
            "Allow pods to assume the role with a source identity: `sts:SetSourceIdentity` in the role's trust policy and in the pod role's \
             policy. In mode `chained` only. Default `false`.",
        )
        .decides_objects()
        .optional(),
        Attribute::set_of_strings(
            "audiences",
            "Audiences of the tokens. Default `sts.amazonaws.com`. Another audience also appears in \
                                                the annotations.",
        )
        .optional()
        .check(validators::count(1, 100))
        .check(validators::each_text(names::audience)),
        Attribute::nested("oidc_provider", Nesting::Single, oidc_provider(), "How xeks manages the account's OIDC provider.")
            .decides_objects()
            .optional(),
        Attribute::nested("client", Nesting::Single, client::attributes(), "Names in `aws_config` and `service_account_manifests`.").optional(),
    ];
    Schema::new(doc, attributes([own, computed(), common_attributes()])).ruled_by(validate)
}

const EXISTING: &str = "Use an existing role: xeks adds only its trust statement, identified by its Sid, and removes it at destroy.";

fn service_account() -> Vec<Attribute> {
    vec![
        Attribute::string("namespace", "Namespace; `*` and `?` are wildcards.")
            .required()
            .check(validators::text(names::namespace_pattern)),
        Attribute::string("name", "Name; `*` and `?` are wildcards.").required().check(validators::text(names::service_account_pattern)),
    ]
}

fn role() -> Vec<Attribute> {
    let more = vec![
        Attribute::map_of_strings("inline_policies", "Inline policies as JSON, keyed by name.")
            .optional()
            .equivalent(same_documents)
            .check(validators::each_text(policy::is_document))
            .check(policy_names),
        Attribute::set_of_strings(
            "managed_policy_arns",
            "ARNs of managed policies to attach. Policies that others attach are left alone, unless the role is `exclusive`.",
        )
        .optional()
        .check(validators::count(0, policy::ATTACHMENTS_NEVER))
        .check(validators::each_text(arn::is_policy)),
        trusted_principals::attribute(
            "ARNs of additional principals that can assume the role with sts:AssumeRole, such as a team's role. `*` and `?` in the part after \
             the account are wildcards, such as in \
             `arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/ap-south-1/AWSReservedSSO_PowerUser_*`.",
        ),
    ];
    attributes([role_attributes(ROLE, EXISTING), more])
}

fn oidc_provider() -> Vec<Attribute> {
    vec![
        Attribute::string(
            "manage",
            "`shared` (default): xeks creates the provider if it does not exist, and deletes it with the last resource that uses it if \
             xeks created it. `existing`: the provider must exist. `retain`: xeks creates it if it does not exist, and never deletes it.",
        )
        .default_value(Value::string("shared"))
        .decides_objects()
        .check(validators::one_of(&["shared", "existing", "retain"])),
        Attribute::list_of_strings(
            "thumbprints",
            "SHA-1 thumbprints of the issuer's certificate. EKS needs none. xeks changes them on a provider that it created; on another one, a \
             value that differs is an error. If they are removed, the provider keeps those that it has.",
        )
        .optional()
        .equivalent(same_thumbprints)
        .check(validators::count(1, 5))
        .check(validators::each_text(is_thumbprint)),
        tags_attribute(
            "Tags of the OIDC provider. They override `tags`. xeks changes them on a provider that it created; on another one, a value that \
             differs is an error. Tags of `tags` and `default_tags` follow the resource that created the provider.",
        ),
    ]
}

fn computed() -> Vec<Attribute> {
    vec![
        Attribute::string("role_arn", "ARN of the role.").computed(),
        Attribute::string("role_id", "RoleId of the role.").computed(),
        Attribute::string("pod_role_arn", "ARN of the pod role; null in mode `federated`.").computed(),
        also_trusted_attribute(),
        Attribute::plain("issuers", Type::set(Type::String), "OIDC issuers that the role trusts, as https URLs.").observed(planned_issuers),
        Attribute::map_of_strings("oidc_provider_arns", "ARNs of the OIDC providers, keyed by issuer.").computed(),
        Attribute::map_of_strings(
            "service_account_annotations",
            "Annotations of the service account, for Helm values; empty in mode `chained`.",
        )
        .computed(),
        Attribute::string(
            "service_account_manifests",
            "Kubernetes manifests as YAML: the service accounts; in mode `chained` also a ConfigMap with `aws_config`, and for each service \
             account a PodTemplate to merge into the workload's own; in mode `federated` also the ConfigMap if `client` is set.",
        )
        .computed(),
        Attribute::string(
            "aws_config",
            "An AWS config file for the pods, with the profile `client.profile_name`. Mode `federated`: it gets the role with the token that EKS \
             mounts for an annotated service account, so that one token serves several roles. Programs must name a profile of another role \
             than the annotation's themselves, because the variables that EKS injects take precedence. Mode `chained`: it assumes the role, \
             with the pod role's credentials from a second profile. Files of several trusts can be concatenated if their `profile_name` \
             differs.",
        )
        .computed(),
    ]
}

/// The issuers follow from the given URLs, and else are asked for again where the clusters are others than before.
fn planned_issuers(config: &Value, prior: &Value) -> Option<Value> {
    let given = config.get("issuer_urls");
    if !given.is_null() {
        return Some(https(given));
    }
    let others = config.get("cluster_names") != prior.get("cluster_names") || !prior.get("issuer_urls").is_null();
    others.then_some(Value::Unknown)
}

/// Whether the trust is of issuers rather than of clusters; `None` while that is open. Exactly one of the sources is set.
pub fn names_issuers(value: &Value) -> Option<bool> {
    let [cluster, clusters, issuers] = SOURCES.map(|name| value.get(name));
    if issuers.is_given() || cluster.is_null() && clusters.is_null() {
        return Some(true);
    }
    (cluster.is_given() || clusters.is_given() || issuers.is_null()).then_some(false)
}

/// Whether a change of `issuer_urls` leaves the trust in its accounts: a federated one of clusters works in the cluster account too.
fn keeps_its_accounts(prior: &Value, planned: &Value) -> bool {
    let has_urls = |value: &Value| !value.get("issuer_urls").is_null();
    planned.get("mode").as_str() == Some("chained") || has_urls(prior) == has_urls(planned)
}

/// Issuer URLs in one form: with `https://`, without a slash at the end.
pub fn https(urls: &Value) -> Value {
    if !urls.is_wholly_known() {
        return Value::Unknown;
    }
    Value::set_of_strings(urls.strings().iter().map(|url| format!("https://{}", arn::issuer_host(url))))
}

/// Whether all policies mean the same. All or none: Terraform accepts of a map either what is configured or the prior value, and no mixture.
fn same_documents(new: &Value, old: &Value) -> bool {
    let (Some(new), Some(old)) = (new.entries(), old.entries()) else { return false };
    let same = |(new, old): (&Value, &Value)| match (new.as_str(), old.as_str()) {
        (Some(new), Some(old)) => policy::equivalent_text(new, old),
        _ => new == old,
    };
    new.keys().eq(old.keys()) && new.values().zip(old.values()).all(same)
}

/// What does not work across partitions.
pub const ONE_PARTITION: &str = "A role trusts no principal of another partition, so the pod role can't assume the role.";

/// Rules over several attributes.
fn validate(config: &Value, partitions: Partitions) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let given: Vec<&str> = SOURCES.into_iter().filter(|name| config.get(name).is_given()).collect();
    let open = SOURCES.into_iter().any(|name| config.get(name).is_unknown());
    match given.as_slice() {
        [] if open => {}
        [] => validators::refuse(
            &Path::of("cluster_name"),
            "Exactly one of cluster_name, cluster_names and issuer_urls is required; none is set.",
            &mut diagnostics,
        ),
        [_] => {}
        [_, more @ ..] => {
            for name in more {
                let why = format!("Exactly one of cluster_name, cluster_names and issuer_urls is allowed. Remove {name} or the others.");
                validators::refuse(&Path::of(name), why, &mut diagnostics);
            }
        }
    }
    let chained = config.get("mode").as_str() == Some("chained");
    if chained && config.get("pod_role").is_null() {
        validators::refuse(
            &Path::of("pod_role"),
            "Mode chained requires a pod role in the cluster account, such as pod_role = { name = \"nodejs-pod\" }.",
            &mut diagnostics,
        );
    }
    if !chained && !config.get("mode").is_unknown() && config.get("pod_role").entries().is_some() {
        validators::refuse(
            &Path::of("pod_role"),
            "Mode federated has no pod role. Remove pod_role, or set mode = \"chained\".",
            &mut diagnostics,
        );
    }
    if !chained && !config.get("mode").is_unknown() {
        chained_only(config, &mut diagnostics);
    }
    subjects_fit(config.get("service_accounts"), &mut diagnostics);
    for attribute in ["role", "pod_role"] {
        refuse_service_linked(config.get(attribute), &Path::of(attribute), &mut diagnostics);
        refuse_on_existing(config.get(attribute), &Path::of(attribute), KEPT_BY_EXISTING, &mut diagnostics);
    }
    role_tag_keys(config, &["role", "pod_role"], &mut diagnostics);
    inline_policies_fit(config.at("role.inline_policies"), &mut diagnostics);
    trusted_principals::fit(config, "role.trusted_principal_arns", &mut diagnostics);
    partitions_fit(config, partitions, chained, &mut diagnostics);
    diagnostics
}

/// A federated trust may be of another partition than its cluster: the role and its policies are of the workload account's.
fn partitions_fit(config: &Value, partitions: Partitions, chained: bool, diagnostics: &mut Diagnostics) {
    let (role, pod_role) =
        (["role.permissions_boundary", "role.managed_policy_arns", "role.trusted_principal_arns"], ["pod_role.permissions_boundary"]);
    if chained {
        one_partition(config, partitions, &Path::of("mode"), ONE_PARTITION, diagnostics);
        let partition = partition_of(config, partitions);
        arns_in_partition(partition, config, &pod_role, diagnostics);
        arns_in_partition(partition, config, &role, diagnostics);
    } else {
        arns_in_partition(partitions.workload, config, &role, diagnostics);
    }
}

/// AssumeRoleWithWebIdentity takes neither an external ID nor tags nor a source identity (STS API reference); Kubernetes puts neither of the latter
/// two into its tokens.
fn chained_only(config: &Value, diagnostics: &mut Diagnostics) {
    for (name, what) in [("external_id", "external ID"), ("session_tags", "session tags"), ("source_identity", "source identity")] {
        let given = config.get(name);
        if given.as_str().is_some() || given.as_bool() == Some(true) {
            let why = format!(
                "In mode federated, pods get the role with their token alone, which passes no {what}. Remove {name}, or set mode = \"chained\"."
            );
            validators::refuse(&Path::of(name), why, diagnostics);
        }
    }
}

/// All inline policies of a role have one quota, which can't be raised (IAM quotas). The plan counts those of an existing role too.
fn inline_policies_fit(policies: &Value, diagnostics: &mut Diagnostics) {
    let texts = policies.entries().into_iter().flatten().filter_map(|(_, text)| text.as_str());
    let size: usize = texts.map(policy::text_size).sum();
    if size > policy::INLINE_LIMIT {
        let why = format!(
            "The inline policies have {size} characters together. IAM allows {} for all inline policies of a role, and this quota can't be \
             raised. Use managed policies (managed_policy_arns) for some of them.",
            policy::INLINE_LIMIT
        );
        validators::refuse(&Path::of("role.inline_policies"), why, diagnostics);
    }
}

/// More service accounts than any trust policy has room for, regardless of its other statements; the plan measures it in full.
fn subjects_fit(service_accounts: &Value, diagnostics: &mut Diagnostics) {
    // Each is in the trust policy as "system:serviceaccount:NAMESPACE:NAME", in quotes and with a comma.
    const AROUND: usize = "\"system:serviceaccount::\",".len();
    let length = |account: &Value, name: &str| account.get(name).as_str().map_or(1, str::len);
    let members = service_accounts.members();
    let size: usize = members.iter().map(|account| AROUND + length(account, "namespace") + length(account, "name")).sum();
    if size > policy::TRUST_NEVER {
        let why = format!(
            "{} service accounts need {size} characters in the role's trust policy. IAM allows at most {}, and {} unless the quota was \
             raised. Use a wildcard in a namespace of your own, fewer service accounts, or several roles.",
            members.len(),
            policy::TRUST_NEVER,
            policy::TRUST_LIMIT
        );
        validators::refuse(&Path::of("service_accounts"), why, diagnostics);
    }
}

fn policy_names(policies: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    for name in policies.entries().into_iter().flatten().map(|(name, _)| name) {
        if let Err(why) = names::policy_name(name) {
            validators::refuse(&path.key(name), why, diagnostics);
        } else if name.starts_with(OWN_POLICIES) {
            validators::refuse(
                &path.key(name),
                "Names that begin with xeks- are reserved for this provider. Choose another name.",
                diagnostics,
            );
        }
    }
}

/// IAM stores thumbprints in lower case, and ignores their order.
fn same_thumbprints(new: &Value, old: &Value) -> bool {
    new.is_wholly_known() && old.is_wholly_known() && are_same_thumbprints(&new.strings(), &old.strings())
}

/// IAM `thumbprintType`: 40 hexadecimal digits.
fn is_thumbprint(text: &str) -> Result<(), String> {
    if text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(format!("{text:?} is not a SHA-1 thumbprint of 40 hexadecimal digits. Remove thumbprints: EKS needs none."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &[(&str, Value)]) -> Vec<String> {
        let schema = schema();
        let mut object = Value::object(schema.attributes.iter().map(|a| (a.name, Value::Null)));
        object.insert("cluster_name", Value::string("c"));
        object.insert("role", Value::object([("name", Value::string("r"))]));
        object.insert(
            "service_accounts",
            Value::set([Value::object([("namespace", Value::string("nodejs")), ("name", Value::string("nodejs-sa"))])]),
        );
        for (name, value) in config {
            object.insert(name, value.clone());
        }
        let mut diagnostics = schema.validate(&object);
        diagnostics.extend(validate(&object, Partitions::default()));
        diagnostics.0.iter().map(|d| d.path.to_string()).collect()
    }

    #[test]
    fn issuers_are_the_source_as_soon_as_nothing_else_can_be() {
        let of = |cluster: Value, clusters: Value, issuers: Value| {
            names_issuers(&Value::object([("cluster_name", cluster), ("cluster_names", clusters), ("issuer_urls", issuers)]))
        };
        let (null, unknown) = (|| Value::Null, || Value::Unknown);
        let urls = || Value::set_of_strings(["https://a.example"]);
        assert_eq!(of(null(), null(), urls()), Some(true));
        assert_eq!(of(unknown(), null(), urls()), Some(true));
        assert_eq!(of(null(), null(), unknown()), Some(true));
        assert_eq!(of(unknown(), null(), unknown()), None);
        assert_eq!(of(unknown(), unknown(), null()), Some(false));
        assert_eq!(of(Value::string("c"), unknown(), unknown()), Some(false));
        assert_eq!(of(null(), Value::set_of_strings(["c"]), null()), Some(false));
    }

    #[test]
    fn exactly_one_source_of_issuers_passes() {
        assert_eq!(refused(&[]), Vec::<String>::new());
        assert_eq!(refused(&[("cluster_name", Value::Null)]), ["cluster_name"]);
        assert_eq!(refused(&[("cluster_names", Value::set_of_strings(["d"]))]), ["cluster_names"]);
    }

    #[test]
    fn a_chain_needs_its_pod_role_and_a_federation_has_none() {
        let pod = Value::object([("name", Value::string("p"))]);
        assert_eq!(refused(&[("mode", Value::string("chained"))]), ["pod_role"]);
        assert_eq!(refused(&[("pod_role", pod.clone())]), ["pod_role"]);
        assert_eq!(refused(&[("mode", Value::string("chained")), ("pod_role", pod)]), Vec::<String>::new());
    }

    #[test]
    fn what_only_a_chain_can_pass_is_refused_of_a_federation() {
        let text = || Value::string("xeks");
        let given = [("external_id", text()), ("session_tags", Value::Bool(true)), ("source_identity", Value::Bool(true))];
        assert_eq!(refused(&given), ["external_id", "session_tags", "source_identity"]);
        let chained = [("mode", Value::string("chained")), ("pod_role", Value::object([("name", text())]))];
        assert_eq!(refused(&[&given[..], &chained[..]].concat()), Vec::<String>::new());
        assert_eq!(refused(&[("session_tags", Value::Bool(false)), ("source_identity", Value::Unknown)]), Vec::<String>::new());
        assert_eq!(refused(&[&chained[..], &[("external_id", Value::string("x"))]].concat()), ["external_id"], "too short");
    }

    #[test]
    fn more_service_accounts_than_a_trust_policy_holds_are_one_refusal_at_once() {
        let account = |n: usize| Value::object([("namespace", Value::string("team")), ("name", Value::string(format!("sa-{n}")))]);
        let accounts = |count: usize| [("service_accounts", Value::set((0..count).map(account)))];
        assert_eq!(refused(&accounts(100)), Vec::<String>::new());
        let begin = std::time::Instant::now();
        assert_eq!(refused(&accounts(10_000)), ["service_accounts"]);
        let wrong =
            Value::set((0..10_000).map(|n| Value::object([("namespace", Value::string("N")), ("name", Value::string(format!("_{n}")))])));
        assert!((2..40).contains(&refused(&[("service_accounts", wrong)]).len()), "not one for each");
        assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
    }

    #[test]
    fn broken_json_is_refused_with_the_policys_key() {
        let role = Value::object([("name", Value::string("r")), ("inline_policies", Value::map([("bucket", Value::string("{not json"))]))]);
        assert_eq!(refused(&[("role", role)]), ["role.inline_policies[\"bucket\"]"]);
    }
}
