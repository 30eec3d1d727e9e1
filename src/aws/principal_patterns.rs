//! Patterns of principals: ARNs with `*` and `?` for roles and users of one account, as a condition on `aws:PrincipalArn` compares them.
//!
//! A principal in a policy takes no wildcard but a lone `*` (IAM user guide, "AWS JSON policy elements: Principal"). IAM Identity Center
//! user guide, "Referencing permission sets in resource policies, Amazon EKS, and AWS KMS": the account's root as principal, and ArnLike.

use super::arn::{self, Arn};
use super::identity_center;
use crate::terminal::is_control;

const WILDCARDS: [char; 2] = ['*', '?'];
/// How the resource part of the ARN of a principal that can assume roles begins. `aws:PrincipalArn` is a role's ARN for its sessions, too (IAM
/// user guide, "AWS global condition context keys").
const KINDS: [&str; 2] = ["role/", "user/"];

/// Whether the resource part of the ARN has a wildcard.
pub fn is_pattern(text: &str) -> bool {
    Arn::parse(text).is_ok_and(|arn| arn.resource.contains(WILDCARDS))
}

/// The ARN of a principal that a trust policy can name, or a pattern of such ARNs of one account.
pub fn is_principal_or_pattern(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text)?;
    if !arn.resource.contains(WILDCARDS) {
        return arn::is_principal(text);
    }
    let example = "such as arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_PowerUser_*";
    if arn.partition.contains(WILDCARDS) || !arn::is_account_id(&arn.account) {
        return Err(format!("{text:?} has no valid partition or account ID: a pattern is of one account, {example}."));
    }
    if arn.service == "sts" {
        return Err(format!(
            "{text:?} is a pattern of sessions. A session is compared by the ARN of its role: use a pattern of roles, {example}."
        ));
    }
    let literal = arn.resource.split(WILDCARDS).next().unwrap_or_default();
    let is_of_kind = KINDS.iter().any(|kind| literal.starts_with(kind) || kind.starts_with(literal));
    if arn.service != "iam" || !arn.region.is_empty() || !is_of_kind || text.contains("${") || text.contains(is_control) {
        return Err(format!("{text:?} matches no principal: use the ARN of a role or user with * or ? after the account, {example}."));
    }
    if identity_center::lacks_path(&arn.resource) {
        return Err(format!(
            "{text:?} matches no role of IAM Identity Center: their ARNs include the path {}REGION/ (without REGION if Identity Center is in \
             us-east-1). Add the path, {example}.",
            identity_center::PATH
        ));
    }
    Ok(())
}

/// The root of the account whose principals the pattern matches.
pub fn root_of(pattern: &str) -> Option<String> {
    Arn::parse(pattern).ok().map(|arn| arn::account_root(&arn.partition, &arn.account))
}

/// What of its account a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of this kind: `principal`, `role` or `user`.
    All(&'static str),
    /// Roles of IAM Identity Center, which only AWS creates.
    IdentityCenter,
    /// Some names.
    Names,
}

pub fn reach(pattern: &Arn) -> Reach {
    let resource = pattern.resource.as_str();
    let is_any = |rest: &str| rest.contains('*') && rest.chars().all(|c| matches!(c, '*' | '?' | '/'));
    match resource.split_once('/') {
        _ if is_any(resource) => Reach::All("principal"),
        Some(("role", rest)) if is_any(rest) => Reach::All("role"),
        Some(("user", rest)) if is_any(rest) => Reach::All("user"),
        Some(("role", rest)) if format!("/{rest}").starts_with(identity_center::PATH) => Reach::IdentityCenter,
        _ => Reach::Names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSO: &str = "arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/ap-south-1/AWSReservedSSO_PowerUser_*";

    #[test]
    fn the_resource_part_takes_wildcards_and_no_other_part_does() {
        for text in [
            SSO,
            "arn:aws:iam::185863138492:role/app",
            "arn:aws:iam::185863138492:root",
            "arn:aws:iam::185863138492:role/team-?/*",
            "arn:aws:iam::185863138492:user/*",
            "arn:aws:iam::185863138492:*",
            "arn:aws:iam::185863138492:r*",
        ] {
            assert_eq!(is_principal_or_pattern(text), Ok(()), "{text}");
        }
        for text in [
            "*",
            "arn:aws:iam::*:role/app",
            "arn:aws:iam::18586313849?:role/app*",
            "arn:aws-*:iam::185863138492:role/app*",
            "arn:*:iam::185863138492:role/app",
            "arn:aws:iam:*:185863138492:role/app*",
            "arn:aws:*:*:185863138492:role/app",
            "arn:aws:iam::aws:role/*",
            "arn:aws:iam::185863138492:role/${aws:username}*",
            "arn:aws:iam::185863138492:role/\u{1b}*",
            "arn:aws:iam::185863138492:group/*",
            "arn:aws:iam::185863138492:policy/a?",
            "arn:aws:sts::185863138492:assumed-role/app/*",
            "arn:aws:s3:::bucket*",
        ] {
            assert!(is_principal_or_pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_of_identity_centers_roles_has_their_path() {
        let refused = is_principal_or_pattern("arn:aws:iam::185863138492:role/AWSReservedSSO_PowerUser_*").unwrap_err();
        assert!(refused.contains("/aws-reserved/sso.amazonaws.com/REGION/"), "{refused}");
        assert_eq!(root_of(SSO).as_deref(), Some("arn:aws:iam::185863138492:root"));
    }

    #[test]
    fn a_pattern_that_matches_every_principal_is_known_by_its_wildcards() {
        let reach = |resource: &str| super::reach(&Arn::parse(&format!("arn:aws:iam::185863138492:{resource}")).unwrap());
        for (resource, kind) in [("*", "principal"), ("**", "principal"), ("*/*", "principal"), ("role/*", "role"), ("user/**", "user")] {
            assert_eq!(reach(resource), Reach::All(kind), "{resource}");
        }
        for resource in ["role/team-*", "role/?", "role/*/x", "r*"] {
            assert_eq!(reach(resource), Reach::Names, "{resource}");
        }
        assert_eq!(super::reach(&Arn::parse(SSO).unwrap()), Reach::IdentityCenter);
    }
}
