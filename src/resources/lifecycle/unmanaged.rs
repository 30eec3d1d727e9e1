//! What an import took for this resource's and the configuration leaves to others: forgotten, never deleted.

use crate::engine::{Entry, Ledger, Object, Origin};
use crate::objects::Context;

/// Drops from the ledger what was imported or found and no object of the configuration manages. What this resource created is kept, and is
/// deleted where it is no longer wanted.
pub fn forget_unmanaged(ledger: &mut Ledger, objects: &[Box<dyn Object<Context>>]) {
    let taken = |entry: &Entry| matches!(entry.origin, Origin::Imported | Origin::Found);
    ledger.0.retain(|key, entry| {
        let wanted = objects.iter().any(|object| object.key() == *key);
        wanted || !taken(entry) || !objects.iter().any(|object| object.is_unmanaged(key, entry.origin))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;
    use crate::diagnostics::Path;
    use crate::engine::{Key, OnExisting, Tags, found};
    use crate::objects::iam::{inline_policy, instance_profile_role, policy_attachment, role};

    fn existing() -> Box<dyn Object<Context>> {
        Box::new(role::Role {
            side: Side::Workload,
            name: "theirs".into(),
            settings: role::RoleSettings::default(),
            trust: vec![],
            tags: Tags::new(),
            adopted_tags: false,
            inline_policies: vec![],
            managed_policies: vec![],
            manages_attachments: false,
            exclusive: true,
            force_detach_policies: false,
            on_existing: OnExisting::MustExist,
            depends_on: vec![],
            attribute: Path::root(),
        })
    }

    #[test]
    fn what_is_attached_to_an_existing_role_is_forgotten_unless_this_resource_created_it() {
        let inline = |name: &str| inline_policy::key(Side::Workload, name.split_once('/').unwrap().0, name.split_once('/').unwrap().1);
        for (key, origin, kept) in [
            (inline("theirs/bucket"), Origin::Found, false),
            (inline("theirs/bucket"), Origin::Imported, false),
            (inline("theirs/bucket"), Origin::Created, true),
            (inline("theirs/xeks-assume-a"), Origin::Imported, true),
            (inline("another/bucket"), Origin::Found, true),
            (inline_policy::key(Side::Cluster, "theirs", "bucket"), Origin::Found, true),
            (Key::new(Side::Workload, instance_profile_role::KIND, "p/theirs"), Origin::Imported, false),
            (policy_attachment::key(Side::Workload, "another", "arn"), Origin::Imported, false),
            (policy_attachment::key(Side::Workload, "another", "arn"), Origin::Created, true),
        ] {
            let mut ledger = Ledger([(key.clone(), found("185863138492", None, origin))].into());
            forget_unmanaged(&mut ledger, &[existing()]);
            assert_eq!(ledger.get(&key).is_some(), kept, "{key} {origin:?}");
        }
    }
}
