//! What an import took for ours and the configuration says is others': forgotten, never removed.

use crate::engine::{Declared, Entry, Key, Ledger, OnExisting, Origin};
use crate::objects::iam;
use crate::resources::common::OWN_POLICIES;

/// Drops from the ledger what was imported or found on roles that the configuration says exist already (`existing`), and whatever
/// `unmanaged` names. What this resource made stays in the ledger, and is removed where it is wanted no more.
pub fn release(ledger: &mut Ledger, declared: &[Declared], unmanaged: impl Fn(&Key) -> bool) {
    let existing: Vec<&Key> =
        declared.iter().filter(|d| d.key.kind == iam::role::KIND && d.on_existing == OnExisting::MustExist).map(|d| &d.key).collect();
    let others = |key: &Key| existing.iter().any(|role| hangs_on(key, role)) || unmanaged(key);
    let taken = |entry: &Entry| matches!(entry.origin, Origin::Imported | Origin::Found);
    ledger.0.retain(|key, entry| !(taken(entry) && others(key) && !declared.iter().any(|d| d.key == *key)));
}

/// Whether an object hangs on the role, and may be somebody else's.
fn hangs_on(key: &Key, role: &Key) -> bool {
    if key.side != role.side {
        return false;
    }
    match key.kind.as_str() {
        iam::inline_policy::KIND => {
            key.name.strip_prefix(&format!("{}/", role.name)).is_some_and(|policy| !policy.starts_with(OWN_POLICIES))
        }
        iam::policy_attachment::KIND => key.name.starts_with(&format!("{}/", role.name)),
        iam::instance_profile_role::KIND => key.name.ends_with(&format!("/{}", role.name)),
        iam::instance_profile::KIND => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;
    use crate::engine::found;

    #[test]
    fn what_hangs_on_an_existing_role_is_released_and_what_we_made_is_not() {
        let inline = |name: &str| Key::new(Side::Workload, iam::inline_policy::KIND, name);
        for (key, origin, stays) in [
            (inline("theirs/bucket"), Origin::Found, false),
            (inline("theirs/bucket"), Origin::Imported, false),
            (inline("theirs/bucket"), Origin::Created, true),
            (inline("theirs/xeks-assume-a"), Origin::Imported, true),
            (inline("another/bucket"), Origin::Found, true),
            (Key::new(Side::Cluster, iam::inline_policy::KIND, "theirs/bucket"), Origin::Found, true),
            (Key::new(Side::Workload, iam::instance_profile_role::KIND, "p/theirs"), Origin::Imported, false),
        ] {
            let role = Key::new(Side::Workload, iam::role::KIND, "theirs");
            let role = crate::resources::env::tests::declared(role, OnExisting::MustExist);
            let mut ledger = Ledger([(key.clone(), found("185863138492", None, origin))].into());
            release(&mut ledger, &[role], |_| false);
            assert_eq!(ledger.get(&key).is_some(), stays, "{key} {origin:?}");
        }
    }

    #[test]
    fn what_is_managed_no_more_is_forgotten_unless_we_made_it() {
        let key = Key::new(Side::Workload, iam::policy_attachment::KIND, "r/arn");
        for (origin, stays) in [(Origin::Imported, false), (Origin::Found, false), (Origin::Created, true)] {
            let mut ledger = Ledger([(key.clone(), found("185863138492", None, origin))].into());
            release(&mut ledger, &[], |_| true);
            assert_eq!(ledger.get(&key).is_some(), stays, "{origin:?}");
        }
    }
}
