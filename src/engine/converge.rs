//! Creating, updating and deleting until AWS is what the objects say.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;

use super::error::{Error, Failure};
use super::key::Key;
use super::kind::{Backend, Deleted};
use super::ledger::{Added, Entry, Ledger, Origin};
use super::object::{Object, Observed, OnExisting, Owner, Reconcile, Written};

/// What exists after a converge, and what failed.
#[derive(Debug)]
pub struct Converged<E> {
    pub ledger: Ledger,
    pub failures: Vec<Failure<Error<E>>>,
    /// What was created or updated.
    pub changes: BTreeMap<Key, Change>,
    /// What was deleted and readers may still be shown.
    pub deleted: Vec<(Key, Entry)>,
}

/// What a run did to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Updated,
}

/// Creates, updates and deletes until AWS is what the objects say.
///
/// # Flow
/// An object is worked on as soon as all that it depends on is done; objects that do not depend on one another at the same time, in both
/// accounts. When all of them are done, what the ledger has and no object describes is deleted.
///
/// # Guarantees
/// The ledger that comes back has an entry for every object that exists, also where a call had no answer. After a failure nothing new is
/// begun, what is under way is finished and recorded, and nothing is deleted.
pub async fn converge<B: Backend>(backend: &B, objects: &[Box<dyn Object<B>>], prior: Ledger, instance: &str) -> Converged<B::Error> {
    let convergence = Convergence::new(backend, instance, prior);
    let mut failures = convergence.apply_all(objects.iter().map(AsRef::as_ref).collect()).await;
    if failures.is_empty() {
        let wanted: BTreeSet<Key> = objects.iter().map(|object| object.key()).collect();
        failures = convergence.delete_where(|key| !wanted.contains(key)).await;
    }
    convergence.into_converged(failures)
}

/// Creates or updates these objects once more, after another process took something of them away. Deletes nothing.
pub(super) async fn converge_again<B: Backend>(
    backend: &B,
    objects: Vec<&dyn Object<B>>,
    prior: Ledger,
    instance: &str,
) -> Converged<B::Error> {
    let convergence = Convergence::new(backend, instance, prior);
    let failures = convergence.apply_all(objects).await;
    convergence.into_converged(failures)
}

/// Deletes everything that the ledger has, in the order of the kinds.
pub async fn delete_all<B: Backend>(backend: &B, prior: Ledger) -> Converged<B::Error> {
    let convergence = Convergence::new(backend, "", prior);
    let failures = convergence.delete_where(|_| true).await;
    convergence.into_converged(failures)
}

struct Convergence<'a, B: Backend> {
    backend: &'a B,
    instance: &'a str,
    ledger: Mutex<Ledger>,
    changes: Mutex<BTreeMap<Key, Change>>,
    deleted: Mutex<Vec<(Key, Entry)>>,
}

/// What a read and the ledger mean for an object.
enum Found {
    Absent,
    Ours(Origin, Observed),
    Foreign(Observed),
}

impl<'a, B: Backend> Convergence<'a, B> {
    fn new(backend: &'a B, instance: &'a str, prior: Ledger) -> Self {
        backend.end_look();
        Convergence { backend, instance, ledger: Mutex::new(prior), changes: Mutex::default(), deleted: Mutex::default() }
    }

    async fn apply_all(&self, objects: Vec<&dyn Object<B>>) -> Vec<Failure<Error<B::Error>>> {
        let mut waiting = objects.clone();
        let known: BTreeSet<Key> = objects.iter().map(|object| object.key()).collect();
        // Whether each finished object was created in this run.
        let mut done: BTreeMap<Key, bool> = BTreeMap::new();
        let mut running = FuturesUnordered::new();
        let mut failures = Vec::new();
        loop {
            if failures.is_empty() {
                let is_ready =
                    |object: &&dyn Object<B>| object.depends_on().iter().all(|key| !known.contains(key) || done.contains_key(key));
                let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
                waiting = rest;
                for object in ready {
                    let is_created = |key: &Key| done.get(key) == Some(&true);
                    let renewed = object.depends_on().iter().any(is_created);
                    let is_new = object.kind().parents(&object.key()).iter().any(is_created);
                    running.push(async move { (object.key(), self.apply(object, renewed, is_new).await) });
                }
            }
            match running.next().await {
                Some((key, Ok(created))) => {
                    done.insert(key, created);
                }
                Some((key, Err(error))) => failures.push(Failure { key, error }),
                None => return failures,
            }
        }
    }

    /// Returns whether the object was created. `is_new`: it does not exist, as a read has just found, or since this run created what it is
    /// attached to.
    async fn apply(&self, object: &dyn Object<B>, renewed: bool, is_new: bool) -> Result<bool, Error<B::Error>> {
        if self.backend.stopped() {
            return Err(Error::Interrupted);
        }
        let key = object.key();
        let entry = self.entry(&key);
        let origin = match &entry {
            Some(entry) => entry.origin.described_by(&object.on_existing()),
            None => self.assumed_origin(object),
        };
        let dependencies = self.ledger.lock().select(object.depends_on());
        let mut reconcile = Reconcile { entry, origin, instance: Some(self.instance.to_owned()), renewed, dependencies };
        let observed = match is_new || self.was_absent(object, &reconcile) {
            true => None,
            false => object.read(self.backend, &reconcile).await.map_err(Error::Read)?,
        };
        match self.classify(object, &reconcile, observed) {
            Found::Foreign(observed) => Err(Error::Foreign(Box::new(observed))),
            Found::Absent if object.on_existing() == OnExisting::MustExist => Err(Error::Missing(object.if_missing())),
            Found::Absent => {
                reconcile.origin = match (object.on_existing(), &reconcile.entry) {
                    (OnExisting::Share, _) => Origin::Shared,
                    // It was deleted together with the imported object that it is attached to, which is created again.
                    (OnExisting::InheritFrom(_), Some(entry)) if entry.origin == Origin::Imported => Origin::Imported,
                    _ => Origin::Created,
                };
                let entry = self.mark(object, reconcile.origin, None);
                let instance = entry.instance.clone().unwrap_or_else(|| self.instance.to_owned());
                reconcile.instance = Some(instance.clone());
                reconcile.entry = Some(entry);
                tracing::debug!(object = %key, "creating");
                match object.create(self.backend, &reconcile, &instance).await {
                    Ok(written) => {
                        self.record(&key, written, Change::Created);
                        Ok(true)
                    }
                    Err(error) if self.backend.is_conflict(&error) => self.on_conflict(object, reconcile, error).await,
                    Err(error) => Err(Error::Create(error)),
                }
            }
            Found::Ours(origin, observed) => self.adopt_or_update(object, reconcile, origin, observed).await,
        }
    }

    /// Whether the create itself says if the object exists, and the plan saw that it did not.
    fn was_absent(&self, object: &dyn Object<B>, reconcile: &Reconcile) -> bool {
        let is_planned = reconcile.entry.is_none() && object.on_existing() != OnExisting::MustExist;
        is_planned && object.create_is_refused_if_it_exists() && self.backend.was_absent(&object.key())
    }

    /// Brings an object that exists to what the configuration says. Returns whether it was created after all.
    async fn adopt_or_update(
        &self,
        object: &dyn Object<B>,
        mut reconcile: Reconcile,
        origin: Origin,
        mut observed: Observed,
    ) -> Result<bool, Error<B::Error>> {
        let key = object.key();
        if origin != reconcile.origin {
            // The object turned out to be of another origin than assumed, and what differs depends on it.
            reconcile.origin = origin;
            observed = match object.read(self.backend, &reconcile).await.map_err(Error::Read)? {
                Some(observed) => observed,
                None if object.on_existing() == OnExisting::MustExist => return Err(Error::Missing(object.if_missing())),
                // Another process has deleted it since: it is created, as where no read finds it.
                None => return Box::pin(self.apply(object, reconcile.renewed, true)).await,
            };
        }
        let unrecorded = reconcile.entry.as_ref().is_none_or(|entry| entry.pending || entry.origin != origin);
        let instance = self.instance_of(object, origin, Some(&observed));
        let stamp = origin == Origin::Created && matches!(&observed.owner, Owner::Tagged { instance: i, .. } if *i != instance);
        let instance = instance.or(reconcile.instance.take()).unwrap_or_else(|| self.instance.to_owned());
        reconcile.instance = Some(instance.clone());
        if observed.differs || reconcile.renewed || stamp {
            reconcile.entry = Some(self.mark(object, origin, Some(&observed)));
            tracing::debug!(object = %key, "updating");
            let written = object.update(self.backend, &reconcile, &instance, &observed).await.map_err(Error::Update)?;
            self.record(&key, written, Change::Updated);
        } else {
            if unrecorded {
                self.mark(object, origin, Some(&observed));
            }
            // A document that means the same may be written in another way than before: the configured form is recorded.
            self.record_read(&key, &observed);
        }
        Ok(false)
    }

    /// Another process created the object between the read and the create. One that may be adopted or shared is; one that another create
    /// made is foreign even if it has the same names, since that create is at work right now. Returns whether it was created after all.
    async fn on_conflict(&self, object: &dyn Object<B>, mut reconcile: Reconcile, error: B::Error) -> Result<bool, Error<B::Error>> {
        let key = object.key();
        reconcile.entry = None;
        reconcile.origin = self.assumed_origin(object);
        let observed = object.read(self.backend, &reconcile).await.map_err(Error::Read)?;
        let refusal = match self.classify(object, &reconcile, observed) {
            Found::Ours(origin, observed) if !origin.is_own() => {
                return self.adopt_or_update(object, reconcile, origin, observed).await;
            }
            Found::Foreign(observed) => Error::Foreign(Box::new(observed)),
            Found::Ours(..) => Error::Create(error),
            // It is not visible: it may be this run's, created by a call whose answer was lost.
            Found::Absent => return Err(Error::Create(error)),
        };
        self.ledger.lock().0.remove(&key);
        Err(refusal)
    }

    /// The origin of an object that is in no ledger, before it has been read.
    fn assumed_origin(&self, object: &dyn Object<B>) -> Origin {
        match object.on_existing() {
            OnExisting::Adopt | OnExisting::MustExist => Origin::Adopted,
            OnExisting::Share => Origin::Shared,
            OnExisting::Fail | OnExisting::Overwrite => Origin::Created,
            OnExisting::InheritFrom(parent) => match self.entry(&parent) {
                Some(parent) if parent.origin.is_own() => Origin::Created,
                _ => Origin::Adopted,
            },
        }
    }

    fn classify(&self, object: &dyn Object<B>, reconcile: &Reconcile, observed: Option<Observed>) -> Found {
        let Some(observed) = observed else { return Found::Absent };
        if let Some(entry) = &reconcile.entry
            && observed.is_same_as(entry)
        {
            // What others wrote on an object of theirs is never rewritten, adopted or not.
            let foreign = reconcile.origin == Origin::Adopted && matches!(object.on_existing(), OnExisting::InheritFrom(_));
            return if foreign && observed.differs { Found::Foreign(observed) } else { Found::Ours(reconcile.origin, observed) };
        }
        if observed.is_left_by(self.backend.resource(), &object.on_existing()) {
            return Found::Ours(if object.on_existing() == OnExisting::Share { Origin::Shared } else { Origin::Created }, observed);
        }
        match object.on_existing() {
            OnExisting::Fail => Found::Foreign(observed),
            OnExisting::InheritFrom(_) if reconcile.origin != Origin::Created && observed.differs => Found::Foreign(observed),
            _ => Found::Ours(self.assumed_origin(object), observed),
        }
    }

    /// Deletes the objects of these keys, those of a lower order first. After a failure no higher order is begun.
    async fn delete_where(&self, which: impl Fn(&Key) -> bool) -> Vec<Failure<Error<B::Error>>> {
        let mut orders: BTreeMap<u8, Vec<(Key, Entry)>> = BTreeMap::new();
        let mut carried = Vec::new();
        let ledger = self.ledger.lock().clone();
        let carrier = |key: &Key| {
            let kind = self.backend.kind(&key.kind).filter(|kind| kind.goes_with_parent())?;
            kind.parents(key).into_iter().find(|parent| which(parent) && ledger.get(parent).is_some_and(|entry| entry.origin.is_own()))
        };
        for (key, entry) in ledger.0.iter().filter(|(key, _)| which(key)) {
            if let Some(parent) = carrier(key) {
                carried.push((key.clone(), parent));
                continue;
            }
            let order = self.backend.kind(&key.kind).map_or(0, |kind| kind.delete_order(entry.origin));
            orders.entry(order).or_default().push((key.clone(), entry.clone()));
        }
        // One look for all that is read before a deletion. What has to be read after one ends the look.
        self.backend.fresh_look();
        for (_, entries) in orders {
            let deletions = entries.into_iter().map(|(key, entry)| async move {
                let error = self.delete(&key, &entry).await.err()?;
                Some(Failure { key, error })
            });
            let failures: Vec<_> = join_all(deletions).await.into_iter().flatten().collect();
            let ledger = &mut self.ledger.lock().0;
            let is_gone = |parent: &Key| !ledger.contains_key(parent);
            let gone: Vec<&Key> = carried.iter().filter(|(_, parent)| is_gone(parent)).map(|(key, _)| key).collect();
            for key in gone {
                ledger.remove(key);
            }
            if !failures.is_empty() {
                return failures;
            }
        }
        Vec::new()
    }

    async fn delete(&self, key: &Key, entry: &Entry) -> Result<(), Error<B::Error>> {
        if self.backend.stopped() {
            return Err(Error::Interrupted);
        }
        let kind = self.backend.kind(&key.kind).ok_or(Error::UnknownKind)?;
        kind.parse(&key.name).map_err(Error::BadName)?;
        tracing::debug!(object = %key, "deleting");
        let deleted = kind.delete(self.backend, key, entry).await.map_err(Error::Delete)?;
        self.ledger.lock().0.remove(key);
        if let Deleted::Eventually(entry) = deleted {
            self.deleted.lock().push((key.clone(), *entry));
        }
        Ok(())
    }

    /// Writes the entry of an object that is about to be created or updated, so that no error after this loses it.
    fn mark(&self, object: &dyn Object<B>, origin: Origin, observed: Option<&Observed>) -> Entry {
        let key = object.key();
        let before = self.entry(&key);
        let mut entry = Entry {
            account_id: self.backend.account_id(key.side).to_owned(),
            region: object.region(),
            arn: observed.and_then(|o| o.arn.clone()).or_else(|| before.as_ref().and_then(|e| e.arn.clone())),
            id: before.as_ref().and_then(|e| e.id.clone()).or_else(|| observed.and_then(|o| o.id.clone())),
            origin,
            document: observed.and_then(|o| o.document.clone()),
            tags: observed.and_then(|o| o.tags.clone()),
            instance: self.instance_of(object, origin, observed),
            added: before.map(|e| e.added).unwrap_or_default(),
            pending: true,
        };
        // An object that is being taken over is known by either instance until the new one is written on it.
        if let Some(Owner::Tagged { instance: Some(instance), .. }) = observed.map(|o| &o.owner)
            && origin == Origin::Created
            && !entry.is_of(Some(instance))
        {
            entry.added.insert(Added::PreviousInstance(instance.clone()));
        }
        self.ledger.lock().0.insert(key, entry.clone());
        entry
    }

    /// The instance for the ledger: an entry keeps the one that it has; what is attached to an object of this resource has that object's;
    /// an imported object keeps the one that it was found with, since an import writes nothing.
    fn instance_of(&self, object: &dyn Object<B>, origin: Origin, observed: Option<&Observed>) -> Option<String> {
        let before = self.entry(&object.key()).filter(|e| e.origin == origin && observed.is_none_or(|o| o.is_same_as(e)));
        let own_parent = match object.on_existing() {
            OnExisting::InheritFrom(parent) => self.entry(&parent).filter(|p| p.origin.is_own()),
            _ => None,
        };
        match (before, own_parent, origin) {
            (Some(before), _, _) => before.instance,
            (None, Some(parent), Origin::Created) => parent.instance,
            (None, _, Origin::Created | Origin::Adopted) => Some(self.instance.to_owned()),
            _ => None,
        }
    }

    fn record(&self, key: &Key, written: Written, change: Change) {
        self.changes.lock().insert(key.clone(), change);
        if let Some(entry) = self.ledger.lock().0.get_mut(key) {
            let Written { arn, id, document, tags, added } = written;
            *entry = Entry { arn, id, document, tags, added, pending: false, ..entry.clone() };
        }
    }

    fn record_read(&self, key: &Key, observed: &Observed) {
        if let Some(entry) = self.ledger.lock().0.get_mut(key) {
            *entry = Entry { pending: false, ..observed.recorded_in(entry) };
            entry.added.retain(|added| !matches!(added, Added::PreviousInstance(_)));
        }
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        self.ledger.lock().get(key).cloned()
    }

    fn into_converged(self, failures: Vec<Failure<Error<B::Error>>>) -> Converged<B::Error> {
        Converged { ledger: self.ledger.into_inner(), failures, changes: self.changes.into_inner(), deleted: self.deleted.into_inner() }
    }
}
