//! The memory of one run of Terraform: what its states name, and what its plans will create.
//!
//! Terraform does not say which resource of the configuration a plan is for. A run begins with its configuration of the provider; within
//! it each resource is planned once, but for a replacement, whose create half is planned a second time and without its state. Diagnostics
//! alone come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::engine::{Entry, Key, Ledger};
use crate::provider::configuration::Configured;

#[derive(Debug, Default)]
pub struct Run(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    provider: Weak<Configured>,
    known: BTreeSet<Known>,
    claims: BTreeMap<String, Claims>,
    /// What is wanted of shared objects, by each composite.
    wants: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a state of this run names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// An object of the composite with that identity.
    Object { resource: String, account_id: String, key: Key },
    /// An object that is to be replaced, under whatever identity.
    Replaced { account_id: String, key: Key },
    /// The instance of what is to be replaced.
    Instance(String),
}

/// How many plans of this run claim a thing.
#[derive(Debug, Default)]
struct Claims {
    creates: usize,
    all: usize,
}

impl Run {
    /// The run that this configuration of the provider begins: forgets an earlier one.
    pub fn begin(&self, provider: &Arc<Configured>) {
        let mut memory = self.0.lock();
        if !memory.provider.upgrade().is_some_and(|known| Arc::ptr_eq(&known, provider)) {
            *memory = Memory { provider: Arc::downgrade(provider), ..Memory::default() };
        }
    }

    /// The composite with that identity has a state.
    pub fn has_state(&self, resource: &str, ledger: &Ledger) {
        let object = |(key, entry): (&Key, &Entry)| Known::Object {
            resource: resource.to_owned(),
            account_id: entry.account_id.clone(),
            key: key.clone(),
        };
        self.0.lock().known.extend(ledger.0.iter().map(object));
    }

    /// What the ledger has is going to be replaced.
    pub fn replaces(&self, ledger: &Ledger) {
        let mut memory = self.0.lock();
        let replaced = |(key, entry): (&Key, &Entry)| Known::Replaced { account_id: entry.account_id.clone(), key: key.clone() };
        memory.known.extend(ledger.0.iter().map(replaced));
        memory.known.extend(ledger.0.values().filter_map(|entry| entry.instance.clone().map(Known::Instance)));
    }

    /// Whether a state of this run names the object that the composite with that identity is about to create.
    pub fn knows(&self, resource: &str, account_id: &str, key: &Key, instance: Option<&str>) -> bool {
        let known = &self.0.lock().known;
        let (account_id, key) = (account_id.to_owned(), key.clone());
        known.contains(&Known::Object { resource: resource.to_owned(), account_id: account_id.clone(), key: key.clone() })
            || known.contains(&Known::Replaced { account_id, key })
            || instance.is_some_and(|instance| known.contains(&Known::Instance(instance.to_owned())))
    }

    /// Records that a plan claims that. Whether another one of this run does too, and one of them has yet to create it.
    pub fn is_claimed_twice(&self, claim: &str, creates: bool) -> bool {
        let mut memory = self.0.lock();
        let claims = memory.claims.entry(claim.to_owned()).or_default();
        claims.creates += usize::from(creates);
        claims.all += 1;
        claims.creates > 0 && claims.all > 1
    }

    /// Records what a composite's plan wants of a shared object. Another composite of this run that wants something else, and what.
    pub fn wants(&self, what: &str, resource: &str, value: &str) -> Option<(String, String)> {
        let mut memory = self.0.lock();
        let all = memory.wants.entry(what.to_owned()).or_default();
        all.insert(resource.to_owned(), value.to_owned());
        all.iter().find(|(_, other)| *other != value).map(|(resource, other)| (resource.clone(), other.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;
    use crate::engine::{Origin, found};

    #[test]
    fn an_object_imported_without_a_tag_is_known_to_its_own_composite_and_to_all_once_it_is_replaced() {
        let key = Key::new(Side::Cluster, "iam_role", "access");
        let ledger = Ledger([(key.clone(), found("183295435445", None, Origin::Imported))].into());
        let run = Run::default();
        run.has_state("ours", &ledger);
        assert!(run.knows("ours", "183295435445", &key, None));
        assert!(!run.knows("ours", "185863138492", &key, None) && !run.knows("theirs", "183295435445", &key, None));
        run.replaces(&ledger);
        assert!(run.knows("renamed", "183295435445", &key, None));
    }

    #[test]
    fn two_composites_that_want_different_things_of_one_object_are_found_and_one_that_changed_its_mind_is_not() {
        let run = Run::default();
        assert_eq!(run.wants("thumbprints", "one", "a"), None);
        assert_eq!(run.wants("thumbprints", "one", "b"), None, "planned again");
        assert_eq!(run.wants("thumbprints", "two", "b"), None);
        assert_eq!(run.wants("tag", "two", "c"), None, "another setting");
        assert_eq!(run.wants("thumbprints", "three", "c"), Some(("one".into(), "b".into())));
    }

    #[test]
    fn a_second_claim_is_found_whichever_is_planned_first_and_runs_do_not_mix() {
        let (first, next) = (Arc::new(Configured::default()), Arc::new(Configured::default()));
        let run = Run::default();
        run.begin(&first);
        assert!(!run.is_claimed_twice("a", false) && !run.is_claimed_twice("b", true));
        run.begin(&first);
        assert!(run.is_claimed_twice("a", true), "one exists, another is to be created");
        assert!(run.is_claimed_twice("b", false), "the other way round");
        assert!(!run.is_claimed_twice("c", false) && !run.is_claimed_twice("c", false), "both exist: nothing to refuse");
        run.begin(&next);
        assert!(!run.is_claimed_twice("a", true), "another run");
    }
}
