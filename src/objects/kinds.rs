//! The table of kinds: what the ledger of a state may name. A new kind is one file, and one line here.

use super::{Context, ec2, eks, iam};
use crate::aws::{Error, Kind as ErrorKind, Side};
use crate::engine::{Accounts, Backend, BadName, Key, Kind};

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

    fn look(&self) {
        self.look.begin();
    }

    fn fresh_look(&self) {
        self.look.begin_fresh();
    }

    fn has_shared(&self) -> bool {
        self.look.has_shared()
    }

    fn end_look(&self) {
        self.look.end();
    }

    fn was_absent(&self, key: &Key) -> bool {
        self.absences.take(self.resource(), self.account_id(key.side), key)
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
    use crate::engine::{Key, Origin};

    /// The form of a kind's names, which is such a name itself.
    fn form(kind: &dyn Kind<Context>) -> &'static str {
        kind.parse("").unwrap_err().form
    }

    #[test]
    fn no_kind_is_listed_twice() {
        let names: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn each_kind_takes_the_names_that_it_writes_and_refuses_every_malformed_one() {
        for kind in KINDS {
            let parts: Vec<&str> = form(*kind).split('/').collect();
            assert_eq!(kind.parse(&parts.join("/")), Ok(()), "{}", kind.name());
            assert_eq!(kind.parse(&format!("{}/more", parts.join("/"))), Ok(()), "{}: the last part may hold slashes", kind.name());
            for missing in 0..parts.len() {
                let mut emptied = parts.clone();
                emptied[missing] = "";
                for text in [emptied.join("/"), parts[..missing].join("/")] {
                    assert_eq!(kind.parse(&text).map_err(|bad| bad.name), Err(text.clone()), "{} {text:?}", kind.name());
                }
            }
        }
    }

    #[test]
    fn what_is_attached_to_an_object_is_deleted_before_it() {
        for kind in KINDS {
            for parent in kind.parents(&Key::new(Side::Workload, kind.name(), form(*kind))) {
                let above = KINDS.iter().find(|kind| kind.name() == parent.kind).unwrap();
                for origin in [Origin::Created, Origin::Adopted] {
                    assert!(kind.delete_order(Origin::Created) < above.delete_order(origin), "{} and {}", kind.name(), parent.kind);
                }
            }
        }
    }
}
