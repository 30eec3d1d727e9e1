//! The role of a permission set of IAM Identity Center, looked up: AWS creates and deletes it.

use crate::aws::{Error, Kind, Side, arn, identity_center};
use crate::diagnostics::did_you_mean;
use crate::objects::Context;

/// The role that IAM Identity Center keeps in the account for a permission set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionSetRole {
    pub name: String,
    pub arn: String,
}

/// The role of that permission set.
///
/// # Errors
/// The account has none, or more than one.
pub async fn find(cx: &Context, side: Side, permission_set: &str) -> Result<PermissionSetRole, Error> {
    let iam = cx.iam(side);
    let pages = || iam.list_roles().path_prefix(identity_center::PATH).into_paginator().items().send().try_collect();
    let listed: Vec<aws_sdk_iam::types::Role> = cx.ask("iam:ListRoles", side, pages).await?;
    let names = listed.iter().map(|role| role.role_name().to_owned()).collect();
    let name = chosen(names, permission_set).map_err(|wrong| {
        let (kind, message) = wrong.explain(permission_set, cx.label(side));
        Error::of_kind(kind, "iam:ListRoles", cx.label(side), message)
    })?;
    let path = listed.iter().find(|role| role.role_name() == name).map_or(identity_center::PATH, |role| role.path());
    let identity = cx.account(side).identity();
    let arn = arn::role(&identity.partition, &identity.account_id, path, &name);
    Ok(PermissionSetRole { name, arn })
}

/// Why no role was chosen, with what there is.
#[derive(Debug, PartialEq, Eq)]
enum NotOne {
    /// The permission sets of the account.
    Absent(Vec<String>),
    /// The roles of the permission set.
    Several(Vec<String>),
}

/// The one among these names of roles that is of the permission set.
fn chosen(names: Vec<String>, permission_set: &str) -> Result<String, NotOne> {
    let is_of_set = |name: &&String| identity_center::permission_set_of(name) == Some(permission_set);
    let mut found: Vec<String> = names.iter().filter(is_of_set).cloned().collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(one), false) => {
            found.push(one);
            Err(NotOne::Several(found))
        }
        (None, _) => {
            let mut sets: Vec<String> =
                names.iter().filter_map(|name| identity_center::permission_set_of(name)).map(str::to_owned).collect();
            sets.sort();
            sets.dedup();
            Err(NotOne::Absent(sets))
        }
    }
}

impl NotOne {
    fn explain(&self, permission_set: &str, account: &str) -> (Kind, String) {
        match self {
            NotOne::Absent(sets) => {
                let there = match sets.as_slice() {
                    [] => format!("No permission set is assigned to account {account}."),
                    sets => {
                        let names: Vec<&str> = sets.iter().map(String::as_str).collect();
                        format!("{}Permission sets there: {}.", did_you_mean(permission_set, &names), sets.join(", "))
                    }
                };
                let message = format!(
                    "the account has no role of permission set {permission_set} (AWSReservedSSO_{permission_set}_SUFFIX under {}). {there} Assign the \
                     permission set to the account in IAM Identity Center, which then creates the role",
                    identity_center::PATH
                );
                (Kind::Absent, message)
            }
            NotOne::Several(roles) => (
                Kind::Invalid,
                format!(
                    "the account has {} roles of permission set {permission_set}: {}. Set workload_role.name with existing = true to choose one",
                    roles.len(),
                    roles.join(", ")
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_role_is_the_one_of_exactly_that_permission_set() {
        let all = names(&["AWSReservedSSO_Power_0123456789abcdef", "AWSReservedSSO_Power_User_0123456789abcdef", "AWSReservedSSO_x"]);
        assert_eq!(chosen(all.clone(), "Power").as_deref(), Ok("AWSReservedSSO_Power_0123456789abcdef"));
        assert_eq!(chosen(all.clone(), "Power_User").as_deref(), Ok("AWSReservedSSO_Power_User_0123456789abcdef"));
        let absent = chosen(all, "PowerUser").unwrap_err();
        assert_eq!(absent, NotOne::Absent(names(&["Power", "Power_User"])));
        let (kind, text) = absent.explain("PowerUser", "185863138492 (workload)");
        assert!(kind == Kind::Absent && text.contains("Did you mean Power_User? Permission sets there: Power, Power_User."), "{text}");
    }

    #[test]
    fn two_roles_of_one_permission_set_are_named() {
        let two = chosen(names(&["AWSReservedSSO_A_0123456789abcdef", "AWSReservedSSO_A_fedcba9876543210"]), "A").unwrap_err();
        let (kind, text) = two.explain("A", "x");
        assert!(kind == Kind::Invalid && text.contains("2 roles") && text.contains("AWSReservedSSO_A_fedcba9876543210"), "{text}");
    }
}
