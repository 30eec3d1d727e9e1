//! The shape of `xeks_irsa_path`, and its rules.

use crate::aws::{Arn, arn, names};
use crate::data_sources::hops;
use crate::diagnostics::{Diagnostics, Path};
use crate::schema::{Attribute, Schema, Value, attributes, validators};

pub(super) fn schema() -> Schema {
    let doc = "\
Explains whether the pods of a Kubernetes service account get an IAM role (IRSA), and what the role may do: hop by hop, from the cluster's OIDC issuer over the \
OIDC provider in the role's account and the role's trust policy to its permissions, each with what was found and, where it is broken, what to change.

It reads documents in both accounts and evaluates them; nothing is changed and no role is assumed. What could not be decided, such as for want of a permission to \
read, is `unknown`, and `reason` names the permission. The annotation of the service account lives in the cluster and is not looked at; nor are policies \
on the resources asked about and those of an organisation. A resource of another account is therefore `external`. An answer is never an error of the data source, so that it fits a `check` block.

It has no `live`: to try the chain it would need a pod's token, which only the cluster can sign. To try it, run \
`aws sts get-caller-identity` in a pod of the service account, which answers with the role that the pod got; or, for what STS says of the token itself, \
`aws sts assume-role-with-web-identity --role-arn \"$AWS_ROLE_ARN\" --role-session-name try --web-identity-token \"file://$AWS_WEB_IDENTITY_TOKEN_FILE\" \
--query AssumedRoleUser`.";
    Schema::new(doc, attributes([asked(), hops::attributes()]))
}

fn asked() -> Vec<Attribute> {
    vec![
        Attribute::string("role_arn", "ARN of the role that the pods are to get.").required().check(validators::text(arn::is_role)),
        Attribute::string("cluster_name", "Name of the cluster. Exactly one of this and `issuer_url`.")
            .optional()
            .check(validators::text(names::cluster_name)),
        Attribute::string("region", "Region of the cluster. Default: the region of the provider's `cluster_account`.")
            .optional()
            .computed()
            .check(validators::text(names::region)),
        Attribute::string("issuer_url", "URL of the cluster's OIDC issuer, where the cluster itself can't be read.")
            .optional()
            .check(validators::text(names::issuer_url)),
        Attribute::string("namespace", "Namespace of the service account.").required().check(validators::text(names::namespace)),
        Attribute::string("service_account", "Name of the service account.").required().check(validators::text(names::service_account)),
        Attribute::string("audience", "Audience of the pods' tokens. Default: `sts.amazonaws.com`.")
            .optional()
            .check(validators::length(1, 255)),
        Attribute::string(
            "pod_role_arn",
            "The role that the pods get first, where they assume `role_arn` from there (`mode = \"chained\"` of `xeks_irsa_trust`).",
        )
        .optional()
        .check(validators::text(arn::is_role)),
        Attribute::string(
            "workload_account",
            "Key of the provider's `workload_accounts`, whose roles are read. Default: its `workload_account`.",
        )
        .optional(),
        Attribute::list_of_strings(
            "actions",
            "What the pods want to do, such as `s3:GetObject`. Default: nothing is asked, and `permissions` tells what the role has.",
        )
        .optional()
        .check(validators::count(1, 20))
        .check(validators::each_text(is_action)),
        Attribute::list_of_strings(
            "resources",
            "On what: ARNs without wildcards, such as `arn:aws:s3:::bucket/key`. Each action is asked about on each. Default: `*`, for actions without resources.",
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
        let why = "Exactly one of cluster_name and issuer_url is dependencies: where the tokens come from.";
        validators::refuse(&Path::of("cluster_name"), why, &mut diagnostics);
    }
    if issuer.is_given() && config.get("region").is_given() {
        validators::refuse(&Path::of("region"), "An issuer_url says where it is: leave region out.", &mut diagnostics);
    }
    if config.get("resources").is_given() && config.get("actions").is_null() {
        validators::refuse(&Path::of("resources"), "Resources need actions: say what is to be done on them.", &mut diagnostics);
    }
    diagnostics
}

fn is_action(text: &str) -> Result<(), String> {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text.split_once(':') {
        Some((service, action)) if word(service) && word(action) => Ok(()),
        _ => Err(format!("{text:?} is no action: it must be one, without wildcards, such as s3:GetObject.")),
    }
}

fn is_resource(text: &str) -> Result<(), String> {
    match text {
        "*" => Ok(()),
        // Some of what a pattern means may be allowed and some not: an answer about it would be neither.
        _ if text.contains(['*', '?']) => {
            Err(format!("{text:?} stands for many: it must be one ARN, without wildcards, such as arn:aws:s3:::bucket/key."))
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
    fn resources_need_actions_and_neither_has_wildcards() {
        assert_eq!(refusals(&[("cluster_name", "c"), ("resources", "*")]), ["resources"]);
        assert!(is_action("s3:GetObject").is_ok() && is_action("s3:*").is_err() && is_action("GetObject").is_err());
        assert!(is_resource("arn:aws:s3:::b/key").is_ok() && is_resource("*").is_ok() && is_resource("bucket").is_err());
        assert!(is_resource("arn:aws:s3:::b/*").is_err() && is_resource("arn:aws:s3:::b/k?y").is_err());
    }
}
