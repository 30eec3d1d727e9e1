//! Reading: the ledger as AWS is now, in one round of reads at the same time.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::error::Failure;
use super::key::Key;
use super::kind::Backend;
use super::ledger::{Entry, Ledger, Origin, value_of};
use super::object::{Object, Observed, OnExisting, Owner, Reconcile};

/// The ledger brought up to date, and what was read.
#[derive(Debug)]
pub struct Refreshed {
    pub ledger: Ledger,
    pub observed: BTreeMap<Key, Observed>,
    /// Foreign objects under the names of objects of this resource that are gone.
    pub replaced: BTreeMap<Key, Observed>,
}

/// Reads every object that is in the ledger. An entry whose object is gone, or was replaced by a foreign one, leaves the ledger. Entries
/// that no object describes are kept: an interrupted apply has still to delete them.
pub async fn refresh<B: Backend>(backend: &B, objects: &[Box<dyn Object<B>>], prior: Ledger) -> Result<Refreshed, Failure<B::Error>> {
    backend.look();
    let mut refreshed = Refreshed { ledger: prior.clone(), observed: BTreeMap::new(), replaced: BTreeMap::new() };
    let recorded: Vec<&dyn Object<B>> = objects.iter().map(AsRef::as_ref).filter(|object| prior.get(&object.key()).is_some()).collect();
    read(backend, &recorded, &prior, &mut refreshed).await?;
    if backend.has_shared() {
        // What looks changed by an answer that may be older is read by itself.
        let doubtful: Vec<_> = recorded.iter().copied().filter(|object| !is_as_recorded(*object, &prior, &refreshed)).collect();
        if !doubtful.is_empty() {
            backend.fresh_look();
            read(backend, &doubtful, &prior, &mut refreshed).await?;
        }
    }
    // What depends on an object that turned out to have another id than the ledger's is read with that one.
    let depends_on_another = |object: &&dyn Object<B>| object.depends_on().iter().any(|key| has_another_id(key, &prior, &refreshed));
    let again: Vec<_> = recorded.iter().copied().filter(depends_on_another).collect();
    let now = refreshed.ledger.clone();
    read(backend, &again, &now, &mut refreshed).await?;
    drop_orphans(&recorded, &mut refreshed);
    inherit_instances(objects, &mut refreshed);
    Ok(refreshed)
}

fn is_as_recorded<B: Backend>(object: &dyn Object<B>, prior: &Ledger, refreshed: &Refreshed) -> bool {
    let key = object.key();
    let shown = |ledger: &Ledger| ledger.get(&key).map(|entry| value_of(entry, None));
    let is_same = shown(prior) == shown(&refreshed.ledger);
    is_same && refreshed.observed.get(&key).is_some_and(|observed| !observed.differs)
}

fn has_another_id(key: &Key, prior: &Ledger, refreshed: &Refreshed) -> bool {
    let ids = (prior.get(key).and_then(|e| e.id.as_ref()), refreshed.ledger.get(key).and_then(|e| e.id.as_ref()));
    matches!(ids, (Some(before), Some(now)) if before != now)
}

async fn read<B: Backend>(
    backend: &B,
    objects: &[&dyn Object<B>],
    prior: &Ledger,
    refreshed: &mut Refreshed,
) -> Result<(), Failure<B::Error>> {
    let reads = objects.iter().filter_map(|object| {
        let entry = prior.get(&object.key())?.clone();
        let origin = entry.origin.described_by(&object.on_existing());
        let dependencies = prior.select(object.depends_on());
        Some(async move {
            let reconcile = Reconcile { entry: Some(entry.clone()), dependencies, ..Reconcile::unrecorded(origin) };
            (object.key(), entry, object.read(backend, &reconcile).await)
        })
    });
    for (key, entry, read) in join_all(reads).await {
        refreshed.replaced.remove(&key);
        let observed = read.map_err(|error| Failure { key: key.clone(), error })?;
        let entry = observed.as_ref().map(|observed| with_instance(entry, observed, backend.resource()));
        match (entry, observed) {
            (Some(entry), Some(observed)) if observed.is_same_as(&entry) => {
                refreshed.ledger.0.insert(key.clone(), observed.recorded_in(&entry));
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

/// What was attached to an object that is gone is gone too. What is attached to a foreign object under the same name belongs to that one's
/// owner: where it has neither tags nor an id, nothing but the name says that it was this resource's.
fn drop_orphans<B: Backend>(recorded: &[&dyn Object<B>], refreshed: &mut Refreshed) {
    let replaced = |key: &Key| refreshed.replaced.contains_key(key);
    let is_known_by_name_only =
        |key: &Key| refreshed.observed.get(key).is_some_and(|observed| observed.owner == Owner::Parent && observed.id.is_none());
    let is_orphan = |object: &&&dyn Object<B>| is_known_by_name_only(&object.key()) && object.depends_on().iter().any(replaced);
    let orphans: Vec<Key> = recorded.iter().filter(is_orphan).map(|object| object.key()).collect();
    for key in orphans {
        refreshed.ledger.0.remove(&key);
        refreshed.observed.remove(&key);
    }
}

/// Reads every object and records what is found as imported; objects that are shared or must exist keep their own origin, and what is
/// attached to one that must exist is kept with it unless it is marked as this resource's.
pub async fn import<B: Backend>(backend: &B, objects: &[Box<dyn Object<B>>]) -> Result<Refreshed, Failure<B::Error>> {
    backend.look();
    let mut refreshed = Refreshed { ledger: Ledger::default(), observed: BTreeMap::new(), replaced: BTreeMap::new() };
    let (attached, others): (Vec<_>, Vec<_>) = objects.iter().map(AsRef::as_ref).partition(|object| parent_of(*object).is_some());
    for objects in [others, attached] {
        read_for_import(backend, &objects, &mut refreshed).await?;
    }
    inherit_instances(objects, &mut refreshed);
    Ok(refreshed)
}

async fn read_for_import<B: Backend>(backend: &B, objects: &[&dyn Object<B>], refreshed: &mut Refreshed) -> Result<(), Failure<B::Error>> {
    let ledger = refreshed.ledger.clone();
    let reads = objects.iter().map(|object| {
        let origin = match object.on_existing() {
            OnExisting::Share => Origin::Shared,
            OnExisting::MustExist => Origin::Adopted,
            _ => Origin::Imported,
        };
        let dependencies = ledger.select(object.depends_on());
        async move { (object, origin, object.read(backend, &Reconcile { dependencies, ..Reconcile::unrecorded(origin) }).await) }
    });
    for (object, mut origin, read) in join_all(reads).await {
        let key = object.key();
        let read = read.map_err(|error| Failure { key: key.clone(), error })?;
        let Some(observed) = read else { continue };
        let parent = parent_of(*object).and_then(|parent| ledger.get(&parent));
        if observed.owner == Owner::Parent && parent.is_some_and(|parent| parent.origin == Origin::Adopted) {
            origin = Origin::Adopted;
        }
        let mut entry = found(backend.account_id(key.side), object.region(), origin);
        if let (Owner::Tagged { instance, .. }, Origin::Imported) = (&observed.owner, origin) {
            entry.instance.clone_from(instance);
        }
        refreshed.ledger.0.insert(key.clone(), observed.recorded_in(&entry));
        refreshed.observed.insert(key, observed);
    }
    Ok(())
}

/// The object that decides what happens to this one, where it is attached to another.
fn parent_of<B: Backend>(object: &dyn Object<B>) -> Option<Key> {
    if let OnExisting::InheritFrom(parent) = object.on_existing() { Some(parent) } else { None }
}

/// An entry without tags that names no instance has that of the object that it is attached to.
fn inherit_instances<B: Backend>(objects: &[Box<dyn Object<B>>], refreshed: &mut Refreshed) {
    for object in objects {
        let OnExisting::InheritFrom(parent) = object.on_existing() else { continue };
        let instance = refreshed.ledger.get(&parent).filter(|p| p.origin.is_own()).and_then(|p| p.instance.clone());
        let is_attached = refreshed.observed.get(&object.key()).is_some_and(|o| o.owner == Owner::Parent);
        if let Some(entry) = refreshed.ledger.0.get_mut(&object.key())
            && is_attached
            && entry.origin.is_own()
            && entry.instance.is_none()
        {
            entry.instance = instance;
        }
    }
}

/// The entry of an old state, which may not say which create made the object: the instance that the object carries, if it is this composite's.
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
