//! Who relies on an OIDC provider: the trust policies that name it, and the client ids that they ask for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::{Error, Kind, Side, policy};
use crate::objects::context::CLEANUP;
use crate::objects::context::Context;
use crate::objects::locks;

/// The trust policies of the account that name the provider, without those of roles that this process has deleted: a listing may
/// still show them. `None`, with a warning, where the caller may not list roles.
pub(super) async fn trusts_in(cx: &Context, side: Side, arn: &str) -> Result<Option<Vec<Value>>, Error> {
    let iam = cx.iam(side);
    let roles = match cx.ask("iam:ListRoles", side, || iam.list_roles().into_paginator().items().send().try_collect()).await {
        Ok(roles) => roles,
        Err(error) if error.is(Kind::Denied) => {
            cx.warn(CLEANUP, format!(
                "The OIDC provider {arn} in {} was kept: without iam:ListRoles, xeks can't tell whether another role trusts it. Delete it by hand \
                 once no role uses it, or allow iam:ListRoles.",
                cx.label(side)
            ));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let present = roles.iter().filter(|role| !locks::is_deleted(role.role_id()));
    let trusts = present.filter_map(|role| role.assume_role_policy_document().and_then(|text| policy::parse(text).ok()));
    Ok(Some(trusts.filter(|trust| statements_on(trust, arn).next().is_some()).collect()))
}

/// Whether a trust policy lets tokens with that client id in: it names it, or asks for none.
pub(super) fn takes(trust: &Value, arn: &str, issuer: &str, client_id: &str) -> bool {
    let any_of = |asked: &BTreeSet<String>| asked.iter().any(|text| text == client_id || text.contains(['*', '?']));
    audiences(trust, arn, issuer).iter().any(|asked| asked.is_empty() || any_of(asked))
}

/// The audiences that each statement on the provider asks for by name or pattern; none where it asks for none, or in another way.
pub(super) fn audiences(trust: &Value, arn: &str, issuer: &str) -> Vec<BTreeSet<String>> {
    let audience = format!("{issuer}:aud").to_ascii_lowercase();
    let asked = statements_on(trust, arn).map(|statement| {
        let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
        let keys = operators.filter(|(operator, _)| lists(operator)).flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
        keys.filter(|(key, _)| key.to_ascii_lowercase() == audience).flat_map(|(_, values)| policy::values_of(values)).collect()
    });
    asked.collect()
}

/// Whether the values of a condition operator are what it lets in: not so with `Null`, `StringNotEquals` or one that ignores case.
fn lists(operator: &str) -> bool {
    let name = operator.rsplit(':').next().unwrap_or(operator);
    matches!(name.trim_end_matches("IfExists"), "StringEquals" | "StringLike")
}

fn statements_on<'a>(trust: &'a Value, arn: &'a str) -> impl Iterator<Item = &'a Value> {
    let names = move |statement: &&Value| {
        statement.get("Principal").and_then(|p| p.get("Federated")).is_some_and(|f| policy::values_of(f).iter().any(|f| f == arn))
    };
    policy::statements_of(trust).into_iter().filter(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/ABC";
    const ARN: &str = "arn:aws:iam::185863138492:oidc-provider/oidc.eks.ap-south-1.amazonaws.com/id/ABC";

    fn trust(federated: Value, condition: Value) -> Value {
        policy::document([
            json!({"Effect": "Allow", "Principal": {"Federated": federated}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}),
        ])
    }

    #[test]
    fn a_role_uses_the_provider_that_its_trust_names() {
        let of = |federated: Value| statements_on(&trust(federated, json!({})), ARN).count();
        assert_eq!(of(json!(ARN)), 1);
        assert_eq!(of(json!(["cognito-identity.amazonaws.com", ARN])), 1);
        assert_eq!(of(json!(format!("{ARN}DEF"))), 0);
        assert_eq!(statements_on(&json!({"Statement": {"Principal": "*"}}), ARN).count(), 0);
    }

    #[test]
    fn a_client_id_is_needed_where_a_trust_names_it_or_names_none() {
        let audience = |value: Value| json!({"StringEquals": {format!("{ISSUER}:AUD"): value}});
        let takes = |condition: Value| super::takes(&trust(json!(ARN), condition), ARN, ISSUER, "mine");
        assert!(takes(audience(json!("mine"))) && takes(audience(json!(["other", "mine"]))));
        assert!(!takes(audience(json!("other"))));
        assert!(takes(json!({"StringEquals": {format!("{ISSUER}:sub"): "mine"}})), "any audience will do");
        assert!(takes(json!({"StringLike": {format!("{ISSUER}:aud"): "m*"}})), "a pattern may mean it");
        assert!(takes(json!({"StringNotEquals": {format!("{ISSUER}:aud"): "other"}})), "all but some");
        assert!(takes(json!({"Null": {format!("{ISSUER}:aud"): "false"}})), "any audience, so that there is one");
        assert!(takes(json!({"StringEqualsIgnoreCase": {format!("{ISSUER}:aud"): "MINE"}})));
        assert!(!takes(json!({"ForAnyValue:StringLikeIfExists": {format!("{ISSUER}:aud"): ["other"]}})));
        let both = trust(json!(ARN), audience(json!(["b", "a"])));
        assert_eq!(audiences(&both, ARN, ISSUER), [BTreeSet::from(["a".to_owned(), "b".to_owned()])]);
    }
}
