//! The rules of who may assume a role, account by account.

use serde_json::json;

use super::*;

const APP: &str = "arn:aws:iam::185863138492:role/app";
const ADMIN: &str = "arn:aws:iam::185863138492:role/admin";
const ACCESS: &str = "arn:aws:iam::183295435445:role/access";

fn trusting(principal: Value) -> Source {
    trusting_if(principal, json!({}))
}

fn trusting_if(principal: Value, condition: Value) -> Source {
    let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition});
    Source::new("the trust policy", json!({"Version": "2012-10-17", "Statement": statement}))
}

fn policy(effect: &str, action: &str, resource: &str) -> Source {
    let statement = json!({"Effect": effect, "Action": action, "Resource": resource});
    Source::new("inline policy p", json!({"Version": "2012-10-17", "Statement": [statement]}))
}

fn with(policies: &[Source]) -> Identity {
    Identity { policies: policies.to_vec(), ..Identity::default() }
}

fn asking(role: &str) -> Request {
    let principal = Principal { unique_id: Some("AROAEXAMPLE000000001".into()), ..Principal::of_arn(APP).unwrap() };
    Request::assume_role(principal, role, None)
}

fn allows(trust: &Source, identity: &Identity, role: &str) -> bool {
    assume_role(trust, identity, &asking(role)).is_allowed()
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let may = with(&[policy("Allow", "sts:*", ACCESS)]);
    assert!(allows(&trusting(json!({"AWS": APP})), &may, ACCESS));
    assert!(allows(&trusting(json!({"AWS": "185863138492"})), &may, ACCESS));
    assert!(!allows(&trusting(json!({"AWS": APP})), &with(&[]), ACCESS));
    assert!(!allows(&trusting(json!({"AWS": ADMIN})), &may, ACCESS));
}

#[test]
fn within_an_account_naming_the_role_is_enough_and_naming_the_account_is_not() {
    assert!(allows(&trusting(json!({"AWS": APP})), &with(&[]), ADMIN));
    assert!(allows(&trusting(json!("*")), &with(&[]), ADMIN));
    assert!(!allows(&trusting(json!({"AWS": "185863138492"})), &with(&[]), ADMIN));
    assert!(allows(&trusting(json!({"AWS": "185863138492"})), &with(&[policy("Allow", "*", "*")]), ADMIN));
}

#[test]
fn a_boundary_limits_a_role_named_by_its_arn_and_not_a_user() {
    let bounded = |policies: &[Source]| Identity { boundary: Some(policy("Allow", "s3:*", "*")), ..with(policies) };
    assert!(!allows(&trusting(json!({"AWS": APP})), &bounded(&[]), ADMIN));
    assert!(!allows(&trusting(json!({"AWS": APP})), &bounded(&[policy("Allow", "*", "*")]), ACCESS));
    let user = "arn:aws:iam::185863138492:user/ann";
    let request = Request::assume_role(Principal::of_arn(user).unwrap(), ADMIN, None);
    assert!(assume_role(&trusting(json!({"AWS": user})), &bounded(&[]), &request).is_allowed());
}

#[test]
fn an_explicit_deny_is_final_in_every_policy() {
    let denied = with(&[policy("Allow", "*", "*"), policy("Deny", "STS:Assume*", "*")]);
    let answer = assume_role(&trusting(json!({"AWS": APP})), &denied, &asking(ADMIN));
    assert_eq!(answer, Answer::Denied(Denial::Explicit { statement: "statement 1 of inline policy p".into() }));
}

#[test]
fn what_is_missing_is_reported_for_the_side_that_lacks_it() {
    let trust = trusting_if(json!({"AWS": APP}), json!({"StringEquals": {"sts:ExternalId": "xeks"}}));
    let answer = assume_role(&trust, &with(&[policy("Allow", "*", "*")]), &asking(ACCESS));
    assert_eq!(
        answer.to_string(),
        "nothing in the trust policy allows it: statement 1 of the trust policy requires StringEquals sts:ExternalId (an external ID), but the request has \
         no such key"
    );
    let answer = assume_role(&trusting(json!({"AWS": APP})), &with(&[policy("Allow", "sts:*", ADMIN)]), &asking(ACCESS));
    assert!(
        answer.to_string().contains("nothing in its policies allows it: statement 1 of inline policy p is for the resource"),
        "{answer}"
    );
}

#[test]
fn a_recreated_role_differs_from_a_wrong_one() {
    let answer = assume_role(&trusting(json!({"AWS": "AROAEXAMPLE000000009"})), &with(&[policy("Allow", "*", "*")]), &asking(ACCESS));
    let Some(NearMiss { miss: Miss::Principal { stale, .. }, .. }) = answer.nearest() else { panic!("{answer}") };
    assert_eq!(stale, &["AROAEXAMPLE000000009"]);
}

#[test]
fn an_unknown_deny_makes_an_allow_unknown_and_one_that_surely_does_not_match_does_not() {
    let deny = |condition: Value| {
        let statement = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition});
        Source::new("p", json!({"Version": "2012-10-17", "Statement": statement}))
    };
    let allow = policy("Allow", "*", "*");
    let unknown = deny(json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
    let request = asking(ACCESS);
    assert!(permissions(&with(&[allow.clone(), unknown.clone()]), &request).is_unknown());
    let never = deny(json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "StringEquals": {"aws:PrincipalType": "User"}}));
    assert!(permissions(&with(&[allow, never]), &request).is_allowed());
    // Without an allow it is denied whatever the deny does.
    assert!(matches!(permissions(&with(&[unknown]), &request), Answer::Denied(_)));
}

#[test]
fn a_document_that_can_not_be_read_makes_the_answer_unknown_unless_another_denies() {
    let unread = Source::unread("inline policy q", "iam:GetRolePolicy is not allowed");
    let request = asking(ACCESS);
    assert!(permissions(&with(&[policy("Allow", "*", "*"), unread.clone()]), &request).is_unknown());
    assert!(permissions(&with(std::slice::from_ref(&unread)), &request).is_unknown());
    assert!(matches!(permissions(&with(&[policy("Deny", "*", "*"), unread]), &request), Answer::Denied(_)));
}

#[test]
fn session_policies_make_what_they_limit_unknown() {
    let identity = Identity { has_session_policies: true, ..with(&[policy("Allow", "*", "*")]) };
    assert!(permissions(&identity, &asking(ACCESS)).is_unknown());
}

#[test]
fn a_web_identity_is_allowed_by_the_trust_policy_alone() {
    let (provider, issuer) = ("arn:aws:iam::185863138492:oidc-provider/oidc.example/id/1", "oidc.example/id/1");
    let trust = |condition: Value| {
        let statement = json!({"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition});
        Source::new("the trust policy", json!({"Version": "2012-10-17", "Statement": [statement]}))
    };
    let request = Request::web_identity(provider, issuer, "system:serviceaccount:a:b", "sts.amazonaws.com", APP);
    let sub = |operator: &str, wanted: &str| trust(json!({operator: {(format!("{issuer}:sub")): wanted}}));
    assert!(self::trust(&sub("StringEquals", "system:serviceaccount:a:b"), &request).is_allowed());
    assert!(self::trust(&sub("StringLike", "system:serviceaccount:a:*"), &request).is_allowed());
    assert!(!self::trust(&sub("StringEquals", "system:serviceaccount:a:*"), &request).is_allowed());
    let wrong_key = trust(json!({"StringEquals": {(format!("https://{issuer}:sub")): "system:serviceaccount:a:b"}}));
    assert!(matches!(self::trust(&wrong_key, &request), Answer::Denied(_)));
    let everyone = Source::new("t", json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}}));
    assert!(self::trust(&everyone, &request).is_unknown());
}

#[test]
fn a_service_is_allowed_by_its_name() {
    let request = Request { caller: Caller::Service("ec2.amazonaws.com".into()), ..asking(APP) };
    assert!(trust(&trusting(json!({"Service": "ec2.amazonaws.com"})), &request).is_allowed());
    assert!(!trust(&trusting(json!({"Service": "ecs.amazonaws.com"})), &request).is_allowed());
}

#[test]
fn not_action_and_not_resource_are_the_rest() {
    let but =
        Source::new("p", json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": "iam:*", "NotResource": ADMIN}}));
    assert!(permissions(&with(std::slice::from_ref(&but)), &asking(ACCESS)).is_allowed());
    assert!(!permissions(&with(&[but]), &asking(ADMIN)).is_allowed());
}
