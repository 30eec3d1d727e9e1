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

/// All resources of the provider share one.
#[derive(Clone, Debug, Default)]
pub struct Run(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    provider: Weak<Configured>,
    known: BTreeSet<Known>,
    claims: BTreeMap<String, Claims>,
    /// What plans of this run create: account and kind, name.
    created: BTreeSet<(String, String, String)>,
    /// The composites whose last plan did not find everything that they need.
    incomplete: BTreeSet<String>,
    /// What was deleted and readers may still be shown.
    deleted: Vec<(Key, Entry)>,
    /// Of each thing, which composites will have it, and how.
    wanted: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a state of this run names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// An object of the composite with that identity.
    Object { resource: String, account_id: String, key: Key },
    /// An object that a resource of that type is going to replace, under whatever identity.
    Replaced { resource_type: String, account_id: String, key: Key },
    /// The instance of what is to be replaced.
    Instance(String),
    /// The ID of an object that is the composite's alone.
    Own { resource: String, id: String },
    /// The ID of an object that a replacement deletes.
    Deleted(String),
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
        let known = &mut self.0.lock().known;
        known.extend(ledger.0.iter().map(object));
        known.extend(own_ids(ledger).map(|id| Known::Own { resource: resource.to_owned(), id }));
    }

    /// What the ledger of a resource of that type has is going to be replaced.
    pub fn replaces(&self, resource_type: &str, ledger: &Ledger) {
        let known = &mut self.0.lock().known;
        let replaced = |(key, entry): (&Key, &Entry)| Known::Replaced {
            resource_type: resource_type.to_owned(),
            account_id: entry.account_id.clone(),
            key: key.clone(),
        };
        known.extend(ledger.0.iter().map(replaced));
        known.extend(ledger.0.values().filter_map(|entry| entry.instance.clone().map(Known::Instance)));
        known.extend(own_ids(ledger).map(Known::Deleted));
    }

    /// The create half of a replacement is planned under that identity: what is the composite's alone is deleted before. The identity may be
    /// longer than the one that its state has, unless another composite of this run has it.
    pub fn replans(&self, resource: &str) {
        let known = &mut self.0.lock().known;
        let has_state = known.iter().any(|known| matches!(known, Known::Object { resource: of, .. } if of == resource));
        let is_of = |own: &str| own == resource || !has_state && resource.strip_prefix(own).is_some_and(|rest| rest.starts_with(':'));
        let own = known.iter().filter_map(|known| match known {
            Known::Own { resource, id } if is_of(resource) => Some(Known::Deleted(id.clone())),
            _ => None,
        });
        let deleted: Vec<Known> = own.collect();
        known.extend(deleted);
    }

    /// Whether a state of this run names the object that the composite with that identity is about to create.
    pub fn knows(&self, resource: &str, account_id: &str, key: &Key, instance: Option<&str>) -> bool {
        let known = &self.0.lock().known;
        let (account_id, key) = (account_id.to_owned(), key.clone());
        known.contains(&Known::Object { resource: resource.to_owned(), account_id: account_id.clone(), key: key.clone() })
            || known.contains(&Known::Replaced { resource_type: type_of(resource).to_owned(), account_id, key })
            || instance.is_some_and(|instance| known.contains(&Known::Instance(instance.to_owned())))
    }

    /// Records that a plan creates the object.
    pub fn creates(&self, account_id: &str, key: &Key) {
        self.0.lock().created.insert((account_id.to_owned(), key.kind.clone(), key.name.clone()));
    }

    /// Whether a resource of this run will create the object, on whichever side it sees the account.
    pub fn will_create(&self, account_id: &str, key: &Key) -> bool {
        self.0.lock().created.contains(&(account_id.to_owned(), key.kind.clone(), key.name.clone()))
    }

    /// Records whether the plan of the composite with that identity found everything that its apply needs.
    pub fn is_incomplete(&self, resource: &str, incomplete: bool) {
        let mut memory = self.0.lock();
        if incomplete {
            memory.incomplete.insert(resource.to_owned());
        } else {
            memory.incomplete.remove(resource);
        }
    }

    /// Whether the last plan of the composite with that identity did not find everything.
    pub fn was_incomplete(&self, resource: &str) -> bool {
        self.0.lock().incomplete.contains(resource)
    }

    /// Whether the object with that ID is the composite's alone, or is deleted by a replacement.
    pub fn owns(&self, resource: &str, id: &str) -> bool {
        let known = &self.0.lock().known;
        known.contains(&Known::Own { resource: resource.to_owned(), id: id.to_owned() }) || known.contains(&Known::Deleted(id.to_owned()))
    }

    /// Remembers what was deleted and readers may still be shown.
    pub fn has_deleted(&self, deleted: Vec<(Key, Entry)>) {
        self.0.lock().deleted.extend(deleted);
    }

    /// Takes what was deleted under the names of these objects.
    pub fn take_deleted(&self, objects: &[(String, Key)]) -> Vec<(Key, Entry)> {
        let deleted = &mut self.0.lock().deleted;
        let is_named =
            |(key, entry): &mut (Key, Entry)| objects.iter().any(|(account_id, named)| named == key && *account_id == entry.account_id);
        deleted.extract_if(.., is_named).collect()
    }

    /// Whether a replacement deletes the object with that ID.
    pub fn deletes(&self, id: &str) -> bool {
        self.0.lock().known.contains(&Known::Deleted(id.to_owned()))
    }

    /// The object of a state, and its composite, that differs from this one in the case of its name only and is not to be replaced.
    pub fn knows_in_another_case(&self, account_id: &str, key: &Key) -> Option<(String, Key)> {
        let known = &self.0.lock().known;
        let is_replaced = |replaced: &Key| known.iter().any(|known| matches!(known, Known::Replaced { key, .. } if key == replaced));
        known.iter().find_map(|known| match known {
            Known::Object { resource, account_id: account, key: other }
                if account == account_id && differ_in_case(key, other) && !is_replaced(other) =>
            {
                Some((resource.clone(), other.clone()))
            }
            _ => None,
        })
    }

    /// Records that the composite will have a thing, and how. The other composites of this run that will have it: identity and how.
    pub fn wants(&self, thing: &str, resource: &str, how: &str) -> Vec<(String, String)> {
        self.0.lock().wanted.entry(thing.to_owned()).or_default().insert(resource.to_owned(), how.to_owned());
        self.others_want(thing, resource)
    }

    /// The other composites of this run that will have the thing: identity and how.
    pub fn others_want(&self, thing: &str, resource: &str) -> Vec<(String, String)> {
        let all = self.0.lock().wanted.get(thing).cloned().unwrap_or_default();
        all.into_iter().filter(|(other, _)| other != resource).collect()
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
    pub fn wants_otherwise(&self, what: &str, resource: &str, value: &str) -> Option<(String, String)> {
        self.wants(what, resource, value).into_iter().find(|(_, other)| other != value)
    }
}

/// The first part of an identity.
fn type_of(resource: &str) -> &str {
    resource.split(':').next().unwrap_or_default()
}

/// The IDs of objects that are the composite's alone. What it put on a foreign object may have that one's ID.
fn own_ids(ledger: &Ledger) -> impl Iterator<Item = String> {
    let ids = |is_own: bool| ledger.0.values().filter(move |entry| entry.origin.is_own() == is_own).filter_map(|entry| entry.id.clone());
    let foreign: BTreeSet<String> = ids(false).collect();
    ids(true).filter(move |id| !foreign.contains(id))
}

fn differ_in_case(one: &Key, other: &Key) -> bool {
    one.kind == other.kind && one.name != other.name && one.name.eq_ignore_ascii_case(&other.name)
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
        run.replaces("xeks_irsa_trust", &ledger);
        assert!(run.knows("xeks_irsa_trust:renamed", "183295435445", &key, None));
        assert!(!run.knows("xeks_cross_account_access:other", "183295435445", &key, None), "nothing says that it goes first");
    }

    #[test]
    fn ids_are_owned_by_the_composite_whose_state_names_them_until_a_replacement_deletes_them() {
        let entry = |origin| Entry { id: Some("pcx-1".into()), ..found("185863138492", None, origin) };
        let ledger = |origin| Ledger([(Key::new(Side::Workload, "ec2_vpc_peering_connection", "c/v"), entry(origin))].into());
        let run = Run::default();
        run.has_state("user", &ledger(Origin::Adopted));
        assert!(!run.owns("user", "pcx-1"));
        run.has_state("owner", &ledger(Origin::Created));
        assert!(run.owns("owner", "pcx-1") && !run.owns("user", "pcx-1") && !run.deletes("pcx-1"));
        run.replaces("xeks_cluster_peering", &ledger(Origin::Adopted));
        assert!(!run.deletes("pcx-1"), "a replacement keeps what was adopted");
        run.has_state("owner:reused", &ledger(Origin::Adopted));
        run.replans("owner:reused");
        assert!(!run.deletes("pcx-1"), "another resource has that state");
        let forced = Run::default();
        forced.has_state("owner", &ledger(Origin::Imported));
        forced.replans("owner:reused");
        assert!(forced.deletes("pcx-1"), "the same one, whose configuration names the connection");
        run.replaces("xeks_cluster_peering", &ledger(Origin::Created));
        assert!(run.deletes("pcx-1") && run.owns("user", "pcx-1"));
    }

    #[test]
    fn a_name_in_another_case_is_found_in_any_state_of_the_run_unless_it_is_replaced() {
        let role = |name: &str| Key::new(Side::Cluster, "iam_role", name);
        let ledger = Ledger([(role("Deployer"), found("183295435445", None, Origin::Created))].into());
        let run = Run::default();
        run.has_state("xeks_irsa_trust:a", &ledger);
        let found = |account: &str, key: &Key| run.knows_in_another_case(account, key).map(|(_, key)| key.name);
        assert_eq!(found("183295435445", &role("deployer")).as_deref(), Some("Deployer"));
        assert_eq!(found("183295435445", &role("Deployer")), None);
        assert_eq!(found("185863138492", &role("deployer")), None);
        run.replaces("xeks_irsa_trust", &ledger);
        assert_eq!(found("183295435445", &role("deployer")), None);
    }

    #[test]
    fn what_several_composites_want_is_listed_with_how_and_without_their_own() {
        let run = Run::default();
        assert_eq!(run.wants("rtb-1/10.0.0.0/16", "blue", "pcx-1"), []);
        assert_eq!(run.wants("rtb-1/10.0.0.0/16", "blue", "pcx-1"), [], "planned again");
        assert_eq!(run.wants("rtb-2/10.0.0.0/16", "green", "pcx-2"), []);
        assert_eq!(run.wants("rtb-1/10.0.0.0/16", "green", "pcx-2"), [("blue".to_owned(), "pcx-1".to_owned())]);
    }

    #[test]
    fn two_composites_that_want_different_things_of_one_object_are_found_and_one_that_changed_its_mind_is_not() {
        let run = Run::default();
        assert_eq!(run.wants_otherwise("thumbprints", "one", "a"), None);
        assert_eq!(run.wants_otherwise("thumbprints", "one", "b"), None, "planned again");
        assert_eq!(run.wants_otherwise("thumbprints", "two", "b"), None);
        assert_eq!(run.wants_otherwise("tag", "two", "c"), None, "another setting");
        assert_eq!(run.wants_otherwise("thumbprints", "three", "c"), Some(("one".into(), "b".into())));
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
