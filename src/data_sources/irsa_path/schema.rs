//! The shape of `xeks_irsa_path`, and its rules.

use crate::aws::{Arn, arn, names};
use crate::data_sources::hops;
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::{Attribute, Schema, Value, attributes, validators};

pub(super) fn schema() -> Schema {
    let doc = "Explains whether the pods of a Kubernetes service account can use an IAM role (IRSA), and what the role allows, hop by \
               hop: from the cluster's OIDC issuer through the OIDC provider in the role's account and the role's trust policy to its \
               permissions. Each hop has a reason and, if it is broken, a fix.\n\n\
               The data source reads documents in both accounts and evaluates them; it changes nothing and assumes no role. A hop is \
               `unknown` if it could not be evaluated, for example because a read permission is missing; `reason` then names the \
               permission. The data source does not check the annotation of the service account, which is stored in the cluster, \
               policies on the resources in question, or an organization's policies. A resource of another account is therefore \
               `external`. A missing or broken object is a result and never an error of the data source, so that you can use it in a \
               `check` block.\n\n\
               It has no `live` argument: a live test would need a pod's token, which only the cluster can sign. To test the chain, run \
               `aws sts get-caller-identity` in a pod of the service account, which returns the role that the pod uses; or, to see what \
               STS says about the token itself, run `aws sts assume-role-with-web-identity --role-arn \"$AWS_ROLE_ARN\" \
               --role-session-name try --web-identity-token \"file://$AWS_WEB_IDENTITY_TOKEN_FILE\" --query AssumedRoleUser`.";
    Schema::new(doc, attributes([asked(), hops::attributes()]))
}

fn asked() -> Vec<Attribute> {
    vec![
        Attribute::string("role_arn", "ARN of the role that the pods use.").required().check(validators::text(arn::is_role)),
        Attribute::string("cluster_name", "Name of the cluster. Set exactly one of `cluster_name` and `issuer_url`.")
            .optional()
            .check(validators::text(names::cluster_name)),
        Attribute::string("region", "Region of the cluster. Default: the region of the provider's `cluster_account`.")
            .optional()
            .computed()
            .check(validators::text(names::region)),
        Attribute::string("issuer_url", "URL of the cluster's OIDC issuer, if the cluster itself can't be read.")
            .optional()
            .check(validators::text(names::issuer_url)),
        Attribute::string("namespace", "Namespace of the service account.").required().check(validators::text(names::namespace)),
        Attribute::string("service_account", "Name of the service account.").required().check(validators::text(names::service_account)),
        Attribute::string("audience", "Audience of the pods' tokens. Default: `sts.amazonaws.com`.")
            .optional()
            .check(validators::length(1, 255)),
        Attribute::string(
            "pod_role_arn",
            "ARN of the role that the pods use first, if they assume `role_arn` from there (`mode = \"chained\"` of `xeks_irsa_trust`).",
        )
        .optional()
        .check(validators::text(arn::is_role)),
        Attribute::string("external_id", "External ID to pass if `pod_role_arn` assumes `role_arn` (`external_id` of `xeks_irsa_trust`).")
            .optional()
            .sensitive()
            .check(validators::text(names::external_id)),
        Attribute::string(
            "workload_account",
            "Key of the workload account in the provider's `workload_accounts`. Default: the provider's `workload_account`.",
        )
        .optional(),
        Attribute::list_of_strings(
            "actions",
            "IAM actions to check, such as `s3:GetObject`. Default: none, and `permissions` lists the role's policies.",
        )
        .optional()
        .check(validators::count(1, 20))
        .check(validators::each_text(is_action)),
        Attribute::list_of_strings(
            "resources",
            "ARNs of resources to check, without wildcards, such as `arn:aws:s3:::bucket/key`. Every action is checked on every resource. \
             Default: `*`, for actions without resources.",
        )
        .optional()
        .check(validators::count(1, 20))
        .check(validators::each_text(is_resource)),
    ]
}

/// Rules over several attributes.
pub(super) fn validate(config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let (cluster, issuer) = (config.get("cluster_name"), config.get("issuer_url"));
    if cluster.is_null() && issuer.is_null() || cluster.is_given() && issuer.is_given() {
        let why = "Set exactly one of cluster_name and issuer_url: the cluster or issuer that issues the tokens.";
        validators::refuse(&Path::of("cluster_name"), why, &mut diagnostics);
    }
    if issuer.is_given() && config.get("region").is_given() {
        validators::refuse(&Path::of("region"), "issuer_url already contains the region. Remove region.", &mut diagnostics);
    }
    if config.get("external_id").is_given() && config.get("pod_role_arn").is_null() {
        let why = "Pods pass no external ID with their token. Set pod_role_arn, the role that passes it, or remove external_id.";
        validators::refuse(&Path::of("external_id"), why, &mut diagnostics);
    }
    if config.get("resources").is_given() && config.get("actions").is_null() {
        validators::refuse(&Path::of("resources"), "resources requires actions. Set the actions to check on them.", &mut diagnostics);
    }
    diagnostics
}

fn is_action(text: &str) -> Result<(), String> {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text.split_once(':') {
        Some((service, action)) if word(service) && word(action) => Ok(()),
        _ => Err(format!("{text:?} is not an action: use a single action without wildcards, such as s3:GetObject.")),
    }
}

fn is_resource(text: &str) -> Result<(), String> {
    match text {
        "*" => Ok(()),
        // Some of what a pattern means may be allowed and some not: an answer about it would be neither.
        _ if text.contains(['*', '?']) => {
            Err(format!("{text:?} is a pattern: use a single ARN without wildcards, such as arn:aws:s3:::bucket/key."))
        }
        _ => Arn::parse(text).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(attributes: &[(&'static str, &str)]) -> Vec<String> {
        let config = Value::object(attributes.iter().map(|(name, text)| (*name, Value::string(*text))));
        validate(&config).0.iter().map(|d| d.path.to_string()).collect()
    }

    #[test]
    fn tokens_come_from_one_place() {
        assert_eq!(refusals(&[]), ["cluster_name"]);
        assert_eq!(refusals(&[("cluster_name", "c"), ("issuer_url", "https://i")]), ["cluster_name"]);
        assert!(refusals(&[("cluster_name", "c"), ("region", "r")]).is_empty());
        assert_eq!(refusals(&[("issuer_url", "https://i"), ("region", "r")]), ["region"]);
    }

    #[test]
    fn an_external_id_needs_the_role_that_passes_it() {
        assert_eq!(refusals(&[("cluster_name", "c"), ("external_id", "xeks")]), ["external_id"]);
        assert!(refusals(&[("cluster_name", "c"), ("external_id", "xeks"), ("pod_role_arn", "arn")]).is_empty());
    }

    #[test]
    fn resources_need_actions_and_neither_has_wildcards() {
        assert_eq!(refusals(&[("cluster_name", "c"), ("resources", "*")]), ["resources"]);
        assert!(is_action("s3:GetObject").is_ok() && is_action("s3:*").is_err() && is_action("GetObject").is_err());
        assert!(is_resource("arn:aws:s3:::b/key").is_ok() && is_resource("*").is_ok() && is_resource("bucket").is_err());
        assert!(is_resource("arn:aws:s3:::b/*").is_err() && is_resource("arn:aws:s3:::b/k?y").is_err());
    }
}
