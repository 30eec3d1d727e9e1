//! The table of kinds: what the ledger of a state may name. A new kind is one file, and one line here.

use super::{Context, ec2, eks, iam};
use crate::aws::{Error, Kind as ErrorKind, Side};
use crate::engine::{Accounts, Backend, BadName, Kind};

/// Every kind of object that this version of the provider knows.
pub static KINDS: &[&dyn Kind<Context>] = &[
    &iam::inline_policy::InlinePolicyKind,
    &iam::instance_profile::InstanceProfileKind,
    &iam::instance_profile_role::InstanceProfileRoleKind,
    &iam::oidc_provider::OidcProviderKind,
    &iam::policy_attachment::PolicyAttachmentKind,
    &iam::role::RoleKind,
    &eks::access_config::AccessConfigKind,
    &eks::access_entry::AccessEntryKind,
    &eks::policy_association::PolicyAssociationKind,
    &ec2::peering::connection::ConnectionKind,
    &ec2::peering::accepter::AccepterKind,
    &ec2::peering::options::OptionsKind,
    &ec2::peering::route::RouteKind,
    &ec2::peering::usage::UsageKind,
    &ec2::security_group_rule::SecurityGroupRuleKind,
];

impl Accounts for Context {
    fn account_id(&self, side: Side) -> &str {
        &self.pair.identity(side).account_id
    }
}

impl Backend for Context {
    type Error = Error;
    type Env = super::Env;

    fn resource(&self) -> &str {
        &self.ownership.resource
    }

    fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    fn is_conflict(&self, error: &Error) -> bool {
        error.is(ErrorKind::Exists)
    }

    fn kind(&self, name: &str) -> Option<&'static dyn Kind<Self>> {
        KINDS.iter().copied().find(|kind| kind.name() == name)
    }
}

impl From<BadName> for Error {
    fn from(bad: BadName) -> Self {
        Error::of_kind(ErrorKind::Invalid, "xeks", "the ledger", bad.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::engine::Key;

    /// Of each kind, names as ledgers have them, and malformed ones.
    const NAMES: &[(&str, &[&str], &[&str])] = &[
        ("iam_role", &["app"], &[""]),
        ("iam_role_policy", &["app/bucket"], &["", "app", "app/", "/bucket", "/"]),
        ("iam_role_policy_attachment", &["app/arn:aws:iam::aws:policy/ReadOnlyAccess"], &["", "app", "app/", "/arn:aws:iam::aws:policy/X"]),
        ("iam_instance_profile", &["app"], &[""]),
        ("iam_instance_profile_role", &["profile/app"], &["", "profile", "profile/", "/app"]),
        ("iam_oidc_provider", &["oidc.eks.ap-south-1.amazonaws.com/id/ABC"], &[""]),
        ("eks_access_config", &["prod"], &[""]),
        ("eks_access_entry", &["prod/app"], &["", "prod", "prod/", "/app"]),
        ("eks_access_policy_association", &["prod/app/AmazonEKSViewPolicy"], &["", "prod", "prod/app", "prod/app/", "prod//X", "/app/X"]),
        ("ec2_vpc_peering_connection", &["prod/vpc-1"], &["", "prod", "prod/", "/vpc-1"]),
        ("ec2_vpc_peering_connection_accepter", &["prod/vpc-1"], &["", "prod", "prod/", "/vpc-1"]),
        ("ec2_vpc_peering_connection_options", &["prod/vpc-1"], &["", "prod", "prod/", "/vpc-1"]),
        ("ec2_vpc_peering_connection_use", &["prod/vpc-1"], &["", "prod", "prod/", "/vpc-1"]),
        ("ec2_route", &["rtb-1/10.0.0.0/8", "rtb-1/2001:db8::/56"], &["", "rtb-1", "rtb-1/", "/10.0.0.0/8"]),
        (
            "ec2_security_group_rule",
            &["sg-1/443/10.0.0.0/8", "sg-1/443-444/another source"],
            &["", "sg-1", "sg-1/443", "sg-1/443/", "sg-1//10.0.0.0", "/443/10.0.0.0"],
        ),
    ];

    fn kind(name: &str) -> &'static dyn Kind<Context> {
        KINDS.iter().copied().find(|kind| kind.name() == name).unwrap()
    }

    #[test]
    fn each_kind_takes_the_names_that_it_writes_and_refuses_every_malformed_one() {
        let named: BTreeSet<&str> = NAMES.iter().map(|(name, ..)| *name).collect();
        assert_eq!(named, KINDS.iter().map(|kind| kind.name()).collect(), "every kind has names here");
        assert_eq!(named.len(), KINDS.len(), "no kind is listed twice");
        for (name, good, malformed) in NAMES {
            for text in *good {
                assert_eq!(kind(name).parse(text), Ok(()), "{name} {text:?}");
            }
            for text in *malformed {
                assert_eq!(kind(name).parse(text).map_err(|bad| bad.name), Err((*text).to_owned()), "{name} {text:?}");
            }
        }
    }

    #[test]
    fn what_is_attached_to_an_object_is_deleted_before_it() {
        for (name, good, _) in NAMES {
            for parent in kind(name).parents(&Key::new(Side::Workload, *name, good[0])) {
                assert!(kind(name).delete_order() < kind(&parent.kind).delete_order(), "{name} and {}", parent.kind);
            }
        }
    }
}
