//! Reading: the ledger as the world is now, in one round of concurrent looks.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::converge::{Failure, stands};
use super::key::Key;
use super::ledger::{Entry, Ledger, Origin};
use super::object::{Backend, Object, Observed, OnExisting, Owner, Reconcile};

/// The ledger brought up to date, and what was seen.
#[derive(Debug)]
pub struct Refreshed {
    pub ledger: Ledger,
    pub observed: BTreeMap<Key, Observed>,
    /// What stands in the place of an object of ours that is gone.
    pub replaced: BTreeMap<Key, Observed>,
}

/// Looks at every entry of the ledger that an object describes. What is gone, or was replaced by somebody else's object, leaves the
/// ledger. Entries that no object describes stay: they are what an interrupted apply has still to remove.
pub async fn refresh<W: Backend>(world: &W, objects: &[Box<dyn Object<W>>], prior: Ledger) -> Result<Refreshed, Failure<W::Error>> {
    let mut refreshed = Refreshed { ledger: prior.clone(), observed: BTreeMap::new(), replaced: BTreeMap::new() };
    let described: Vec<&dyn Object<W>> = objects.iter().map(AsRef::as_ref).filter(|object| prior.get(&object.key()).is_some()).collect();
    look(world, &described, &prior, &mut refreshed).await?;
    // What needs an object that turned out to be another one than the ledger's is judged by that one.
    let renewed: Vec<_> =
        described.iter().copied().filter(|object| object.depends_on().iter().any(|key| is_another(key, &prior, &refreshed))).collect();
    let now = refreshed.ledger.clone();
    look(world, &renewed, &now, &mut refreshed).await?;
    leave(&described, &mut refreshed);
    hang(objects, &mut refreshed);
    Ok(refreshed)
}

fn is_another(key: &Key, prior: &Ledger, refreshed: &Refreshed) -> bool {
    let ids = (prior.get(key).and_then(|e| e.id.as_ref()), refreshed.ledger.get(key).and_then(|e| e.id.as_ref()));
    matches!(ids, (Some(before), Some(now)) if before != now)
}

async fn look<W: Backend>(
    world: &W,
    objects: &[&dyn Object<W>],
    prior: &Ledger,
    refreshed: &mut Refreshed,
) -> Result<(), Failure<W::Error>> {
    let looks = objects.iter().filter_map(|object| {
        let entry = prior.get(&object.key())?.clone();
        let origin = entry.origin.described_by(&object.on_existing());
        let dependencies = prior.select(object.depends_on());
        Some(async move {
            let reconcile = Reconcile { origin, instance: String::new(), renewed: false, entry: Some(entry.clone()), dependencies };
            (object.key(), entry, object.observe(world, &reconcile).await)
        })
    });
    for (key, entry, look) in join_all(looks).await {
        refreshed.replaced.remove(&key);
        let observed = look.map_err(|error| Failure { key: key.clone(), verb: "read", error })?;
        let entry = observed.as_ref().map(|observed| with_instance(entry, observed, world.resource()));
        match (entry, observed) {
            (Some(entry), Some(observed)) if stands(&entry, &observed) => {
                refreshed.ledger.0.insert(key.clone(), seen(&entry, &observed));
                refreshed.observed.insert(key, observed);
            }
            (_, other) => {
                refreshed.ledger.0.remove(&key);
                refreshed.observed.remove(&key);
                refreshed.replaced.extend(other.map(|observed| (key, observed)));
            }
        }
    }
    Ok(())
}

/// What hung on an object that is gone went with it. What hangs on its successor under the same name is whoever's that one is: nothing
/// but the name says that it was ours, where it has neither tags nor an id.
fn leave<W: Backend>(described: &[&dyn Object<W>], refreshed: &mut Refreshed) {
    let gone = |key: &Key| refreshed.replaced.contains_key(key);
    let nameless = |key: &Key| {
        let told = |observed: &Observed| observed.owner != Owner::Parent || observed.id.is_some();
        refreshed.observed.get(key).is_some_and(|observed| !told(observed))
    };
    let left: Vec<Key> = described.iter().filter(|p| nameless(&p.key()) && p.depends_on().iter().any(gone)).map(|p| p.key()).collect();
    for key in left {
        refreshed.ledger.0.remove(&key);
        refreshed.observed.remove(&key);
    }
}

/// Looks at every object and records what is found as imported; objects that share or must exist keep their own origin.
pub async fn import<W: Backend>(world: &W, objects: &[Box<dyn Object<W>>]) -> Result<Refreshed, Failure<W::Error>> {
    let looks = objects.iter().map(|object| async move {
        let origin = match object.on_existing() {
            OnExisting::Share => Origin::Shared,
            OnExisting::MustExist => Origin::Adopted,
            _ => Origin::Imported,
        };
        let reconcile = Reconcile { origin, instance: String::new(), renewed: false, entry: None, dependencies: BTreeMap::new() };
        (object.key(), object.region(), origin, object.observe(world, &reconcile).await)
    });
    let mut refreshed = Refreshed { ledger: Ledger::default(), observed: BTreeMap::new(), replaced: BTreeMap::new() };
    for (key, region, origin, look) in join_all(looks).await {
        let Some(observed) = look.map_err(|error| Failure { key: key.clone(), verb: "read", error })? else { continue };
        let mut entry = found(&world.account_id(key.side), region, origin);
        if let (Owner::Tagged { instance, .. }, Origin::Imported) = (&observed.owner, origin) {
            entry.instance.clone_from(instance);
        }
        refreshed.ledger.0.insert(key.clone(), seen(&entry, &observed));
        refreshed.observed.insert(key, observed);
    }
    hang(objects, &mut refreshed);
    Ok(refreshed)
}

/// What carries no tags goes with the object that it hangs on, where its entry names no instance.
fn hang<W: Backend>(objects: &[Box<dyn Object<W>>], refreshed: &mut Refreshed) {
    for object in objects {
        let OnExisting::InheritFrom(parent) = object.on_existing() else { continue };
        let instance = refreshed.ledger.get(&parent).filter(|p| p.origin.is_own()).and_then(|p| p.instance.clone());
        let hangs = refreshed.observed.get(&object.key()).is_some_and(|o| o.owner == Owner::Parent);
        if let Some(entry) = refreshed.ledger.0.get_mut(&object.key())
            && hangs
            && entry.origin.is_own()
            && entry.instance.is_none()
        {
            entry.instance = instance;
        }
    }
}

/// The entry of an old state, which may not say which create made the object: the one that the object names, if it is this composite's.
fn with_instance(entry: Entry, observed: &Observed, resource: &str) -> Entry {
    match &observed.owner {
        Owner::Tagged { resource: Some(r), instance } if entry.instance.is_none() && entry.origin.is_own() && r == resource => {
            Entry { instance: instance.clone(), ..entry }
        }
        _ => entry,
    }
}

/// An entry of something that was there, with nothing known of it yet.
pub fn found(account_id: &str, region: Option<String>, origin: Origin) -> Entry {
    Entry {
        account_id: account_id.to_owned(),
        region,
        arn: None,
        id: None,
        origin,
        document: None,
        tags: None,
        instance: None,
        added: Default::default(),
        pending: false,
    }
}

/// The entry with what was seen. An id that the object itself does not tell stays the ledger's.
pub(super) fn seen(entry: &Entry, observed: &Observed) -> Entry {
    Entry {
        arn: observed.arn.clone(),
        id: observed.id.clone().or_else(|| entry.id.clone()),
        document: observed.document.clone(),
        tags: observed.tags.clone(),
        ..entry.clone()
    }
}
