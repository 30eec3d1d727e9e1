//! What the states of this run name: the create half of a replace is planned without its state, and what stands under the same
//! names then is no stranger's. Diagnostics alone come of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::engine::{Key, Ledger};

#[derive(Debug, Default)]
pub struct Known(Mutex<BTreeSet<Object>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Object {
    /// An object of the state of the composite with that identity: account and key.
    Of(String, String, String),
    /// An object that is to be replaced, under whatever identity: account and key.
    Replaced(String, String),
    /// The instance of what is to be replaced.
    Instance(String),
}

impl Known {
    /// The composite with that identity has a state.
    pub fn state(&self, resource: &str, ledger: &Ledger) {
        let of = |(key, entry): (&Key, &crate::engine::Entry)| Object::Of(resource.to_owned(), entry.account_id.clone(), key.to_string());
        self.add(ledger.0.iter().map(of));
    }

    /// What the ledger names is going to be replaced.
    pub fn replaced(&self, ledger: &Ledger) {
        self.add(ledger.0.iter().map(|(key, entry)| Object::Replaced(entry.account_id.clone(), key.to_string())));
        self.add(ledger.0.values().filter_map(|entry| entry.instance.clone().map(Object::Instance)));
    }

    /// Whether an object that the composite with that identity is about to make is one that a state of this run names.
    pub fn names(&self, resource: &str, account_id: &str, key: &Key, instance: Option<&str>) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.contains(&Object::Of(resource.to_owned(), account_id.to_owned(), key.to_string()))
            || all.contains(&Object::Replaced(account_id.to_owned(), key.to_string()))
            || instance.is_some_and(|instance| all.contains(&Object::Instance(instance.to_owned())))
    }

    fn add(&self, objects: impl Iterator<Item = Object>) {
        // A panic of another task leaves the set whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(objects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;
    use crate::engine::{Origin, found};

    #[test]
    fn what_was_imported_without_a_tag_is_known_to_its_own_composite_and_to_all_once_it_is_replaced() {
        let key = Key::new(Side::Cluster, "iam_role", "access");
        let ledger = Ledger([(key.clone(), found("183295435445", None, Origin::Imported))].into());
        let known = Known::default();
        known.state("ours", &ledger);
        assert!(known.names("ours", "183295435445", &key, None));
        assert!(!known.names("ours", "185863138492", &key, None) && !known.names("theirs", "183295435445", &key, None));
        known.replaced(&ledger);
        assert!(known.names("renamed", "183295435445", &key, None));
    }
}
