//! The roles that IAM Identity Center keeps in an account for the permission sets that are assigned there.
//!
//! IAM Identity Center user guide, "Referencing permission sets in resource policies, Amazon EKS, and AWS KMS": such a role is named
//! AWSReservedSSO_NAME_SUFFIX. Its ARN has the path `/aws-reserved/sso.amazonaws.com/REGION/`, without REGION if Identity Center is in
//! us-east-1. When all assignments are removed, the role is deleted; a new assignment creates one with another suffix.

use super::arn::{self, Arn};

/// Begins the path of each such role.
pub const PATH: &str = "/aws-reserved/sso.amazonaws.com/";
const NAME: &str = "AWSReservedSSO_";
/// Hexadecimal digits of a suffix, as all of AWS's examples have them.
const SUFFIX: usize = 16;

/// The permission set of the role of that name; `None` for every other role.
pub fn permission_set_of(role: &str) -> Option<&str> {
    let (set, suffix) = role.strip_prefix(NAME)?.rsplit_once('_')?;
    let is_suffix = suffix.len() == SUFFIX && suffix.bytes().all(|b| b.is_ascii_hexdigit());
    (is_suffix && !set.is_empty()).then_some(set)
}

/// What all roles of that permission set are called, whatever their suffix.
pub fn role_of(permission_set: &str) -> String {
    format!("{NAME}{permission_set}")
}

/// Whether the resource part of an ARN names such a role without its path. No role of Identity Center has an ARN like that.
pub fn lacks_path(resource: &str) -> bool {
    resource.strip_prefix("role/").is_some_and(|name| name.starts_with(NAME))
}

/// What to write for a principal that names such a role without its path, or with a suffix that it no longer has: `found` is the ARN of the
/// role that the account has for the permission set.
pub fn advice(principal: &Arn, found: Option<&str>) -> Option<String> {
    let (_, name) = principal.role()?;
    let set = permission_set_of(&name)?;
    let path = found.and_then(|arn| Some(Arn::parse(arn).ok()?.role()?.0)).unwrap_or_else(|| format!("{PATH}REGION/"));
    let pattern = arn::role(&principal.partition, &principal.account, &path, &format!("{}_*", role_of(set)));
    let region = if found.is_some() { "" } else { " Leave REGION out if Identity Center is in us-east-1." };
    Some(format!(
        "The ARN of a role of IAM Identity Center includes its path, and its suffix changes when the permission set is assigned again: use the \
         pattern {pattern}.{region}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permission_set_of_a_role_is_between_prefix_and_suffix() {
        let set = |role: &str| permission_set_of(role).map(str::to_owned);
        assert_eq!(set("AWSReservedSSO_PowerUser_0123456789abcdef"), Some("PowerUser".into()));
        assert_eq!(set("AWSReservedSSO_Power_User_0123456789abcdef"), Some("Power_User".into()));
        for role in ["PowerUser", "AWSReservedSSO_PowerUser", "AWSReservedSSO_PowerUser_0123", "AWSReservedSSO__0123456789abcdef"] {
            assert_eq!(set(role), None, "{role}");
        }
    }

    #[test]
    fn the_advice_has_the_path_of_the_role_that_exists() {
        let written = Arn::parse("arn:aws:iam::185863138492:role/AWSReservedSSO_PowerUser_0123456789abcdef").unwrap();
        assert!(lacks_path(&written.resource));
        let found = "arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/eu-west-2/AWSReservedSSO_PowerUser_0123456789abcdef";
        let pattern = "arn:aws:iam::185863138492:role/aws-reserved/sso.amazonaws.com/eu-west-2/AWSReservedSSO_PowerUser_*";
        assert!(advice(&written, Some(found)).unwrap().contains(pattern));
        assert!(advice(&written, None).unwrap().contains("/REGION/AWSReservedSSO_PowerUser_*"));
        assert_eq!(advice(&Arn::parse("arn:aws:iam::185863138492:role/app").unwrap(), None), None);
    }
}
