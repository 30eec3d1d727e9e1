//! Bringing the world to what the objects say, and removing what they no longer name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;

use super::key::Key;
use super::ledger::{Entry, Ledger, Origin, instance_before, is_instance_before};
use super::object::{Backend, Made, Object, Observed, OnExisting, Owner, Reconcile};
use super::refresh::seen;

/// An object that could not be brought about, and why.
#[derive(Debug)]
pub struct Failure<E> {
    pub key: Key,
    /// What was being done, such as `create` or `remove`.
    pub verb: &'static str,
    pub error: E,
}

/// What exists after a converge, and what failed.
#[derive(Debug)]
pub struct Converged<E> {
    pub ledger: Ledger,
    pub failures: Vec<Failure<E>>,
    /// What was made, or only changed.
    pub touched: BTreeMap<Key, Touch>,
}

/// What a run did to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    Made,
    Changed,
}

/// Makes, changes and removes until the world is what the objects say. Objects that do not need one another run at the same
/// time. After a failure nothing new is begun, and what is under way is finished and recorded.
pub async fn converge<W: Backend>(world: &W, objects: &[Box<dyn Object<W>>], prior: Ledger, instance: &str) -> Converged<W::Error> {
    let run = Run::new(world, instance, prior);
    let mut failures = run.bring_about(objects.iter().map(AsRef::as_ref).collect()).await;
    if failures.is_empty() {
        let wanted: BTreeSet<Key> = objects.iter().map(|p| p.key()).collect();
        failures = run.remove(|key| !wanted.contains(key)).await;
    }
    run.into_converged(failures)
}

/// Brings these objects about once more, after others took something of them away. Removes nothing.
pub(super) async fn bring_about_again<W: Backend>(
    world: &W,
    objects: Vec<&dyn Object<W>>,
    prior: Ledger,
    instance: &str,
) -> Converged<W::Error> {
    let run = Run::new(world, instance, prior);
    let failures = run.bring_about(objects).await;
    run.into_converged(failures)
}

/// Removes everything that the ledger names, what hangs on others first.
pub async fn remove_all<W: Backend>(world: &W, prior: Ledger) -> Converged<W::Error> {
    let run = Run::new(world, "", prior);
    let failures = run.remove(|_| true).await;
    run.into_converged(failures)
}

struct Run<'a, W: Backend> {
    world: &'a W,
    instance: &'a str,
    ledger: Mutex<Ledger>,
    touched: Mutex<BTreeMap<Key, Touch>>,
}

/// What an observation and the ledger mean for an object.
enum Stand {
    Absent,
    Ours(Origin, Observed),
    Foreign(Observed),
}

impl<'a, W: Backend> Run<'a, W> {
    fn new(world: &'a W, instance: &'a str, prior: Ledger) -> Self {
        Run { world, instance, ledger: Mutex::new(prior), touched: Mutex::default() }
    }

    async fn bring_about(&self, objects: Vec<&dyn Object<W>>) -> Vec<Failure<W::Error>> {
        let mut waiting = objects.clone();
        let known: BTreeSet<Key> = objects.iter().map(|p| p.key()).collect();
        // Whether each finished object was made anew.
        let mut done: BTreeMap<Key, bool> = BTreeMap::new();
        let mut running = FuturesUnordered::new();
        let mut failures = Vec::new();
        loop {
            if failures.is_empty() {
                let (ready, rest): (Vec<_>, Vec<_>) = waiting
                    .into_iter()
                    .partition(|object| object.depends_on().iter().filter(|k| known.contains(k)).all(|k| done.contains_key(k)));
                waiting = rest;
                for object in ready {
                    let renewed = object.depends_on().iter().any(|k| done.get(k) == Some(&true));
                    running.push(async move { (object.key(), self.bring_about_one(object, renewed).await) });
                }
            }
            match running.next().await {
                Some((key, Ok(renewed))) => {
                    done.insert(key, renewed);
                }
                Some((key, Err((verb, error)))) => failures.push(Failure { key, verb, error }),
                None => return failures,
            }
        }
    }

    /// Returns whether the object was made anew.
    async fn bring_about_one(&self, object: &dyn Object<W>, renewed: bool) -> Result<bool, (&'static str, W::Error)> {
        if self.world.stopped() {
            return Err(("begin", self.world.interrupted()));
        }
        let key = object.key();
        let entry = self.entry(&key);
        let origin = match &entry {
            Some(entry) => entry.origin.described_by(&object.on_existing()),
            None => self.assumed_origin(object),
        };
        let dependencies = self.lock().select(object.depends_on());
        let mut reconcile = Reconcile { entry, origin, instance: self.instance.to_owned(), renewed, dependencies };
        let observed = object.observe(self.world, &reconcile).await.map_err(|e| ("read", e))?;
        match self.stand(object, &reconcile, observed) {
            Stand::Foreign(observed) => Err(("create", self.world.foreign(&key, &observed))),
            Stand::Absent if object.on_existing() == OnExisting::MustExist => Err(("find", self.world.missing(&key))),
            Stand::Absent => {
                reconcile.origin = match (object.on_existing(), &reconcile.entry) {
                    (OnExisting::Share, _) => Origin::Shared,
                    // It went with the object that it hangs on, which was imported and made anew.
                    (OnExisting::InheritFrom(_), Some(entry)) if entry.origin == Origin::Imported => Origin::Imported,
                    _ => Origin::Created,
                };
                let entry = self.mark(object, reconcile.origin, None);
                reconcile.instance = entry.instance.clone().unwrap_or(reconcile.instance);
                reconcile.entry = Some(entry);
                tracing::debug!(object = %key, "creating");
                match object.create(self.world, &reconcile).await {
                    Ok(made) => {
                        self.record(&key, made, Touch::Made);
                        Ok(true)
                    }
                    Err(error) if self.world.is_taken(&error) => self.meet(object, reconcile, error).await.map(|()| false),
                    Err(error) => Err(("create", error)),
                }
            }
            Stand::Ours(origin, observed) => self.take(object, reconcile, origin, observed).await.map(|()| false),
        }
    }

    /// Brings an object that is there to what the object says.
    async fn take(
        &self,
        object: &dyn Object<W>,
        mut reconcile: Reconcile,
        origin: Origin,
        mut observed: Observed,
    ) -> Result<(), (&'static str, W::Error)> {
        let key = object.key();
        if origin != reconcile.origin {
            // The object turned out to be of another origin than assumed: what differs is judged by that one.
            reconcile.origin = origin;
            observed = match object.observe(self.world, &reconcile).await.map_err(|e| ("read", e))? {
                Some(observed) => observed,
                None => return Err(("read", self.world.missing(&key))),
            };
        }
        let unverified = reconcile.entry.as_ref().is_none_or(|e| e.pending || e.origin != origin);
        let instance = self.instance_of(object, origin, Some(&observed));
        let stamp = origin == Origin::Created && matches!(&observed.owner, Owner::Tagged { instance: i, .. } if *i != instance);
        reconcile.instance = instance.unwrap_or(reconcile.instance);
        if observed.differs || reconcile.renewed || stamp {
            reconcile.entry = Some(self.mark(object, origin, Some(&observed)));
            tracing::debug!(object = %key, "updating");
            let made = object.update(self.world, &reconcile, &observed).await.map_err(|e| ("update", e))?;
            self.record(&key, made, Touch::Changed);
        } else {
            if unverified {
                self.mark(object, origin, Some(&observed));
            }
            // A document that means the same may be written otherwise than before: what the object says is recorded.
            self.look(&key, &observed);
        }
        Ok(())
    }

    /// Somebody made the object between our look and our create. One that may be adopted or shared is; another create's stays what
    /// it is, also where it is one of the same names: that one is at work right now.
    async fn meet(&self, object: &dyn Object<W>, mut reconcile: Reconcile, error: W::Error) -> Result<(), (&'static str, W::Error)> {
        let key = object.key();
        reconcile.entry = None;
        reconcile.origin = self.assumed_origin(object);
        let observed = object.observe(self.world, &reconcile).await.map_err(|e| ("read", e))?;
        let refusal = match self.stand(object, &reconcile, observed) {
            Stand::Ours(origin, observed) if !origin.is_own() => return self.take(object, reconcile, origin, observed).await,
            Stand::Foreign(observed) => self.world.foreign(&key, &observed),
            Stand::Ours(..) => error,
            // It can't be seen: it may be ours, made by a call whose answer was lost.
            Stand::Absent => return Err(("create", error)),
        };
        self.lock().0.remove(&key);
        Err(("create", refusal))
    }

    /// What an object that is in no ledger would be taken for, before it has been looked at.
    fn assumed_origin(&self, object: &dyn Object<W>) -> Origin {
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

    fn stand(&self, object: &dyn Object<W>, reconcile: &Reconcile, observed: Option<Observed>) -> Stand {
        let Some(observed) = observed else { return Stand::Absent };
        if let Some(entry) = &reconcile.entry
            && stands(entry, &observed)
        {
            // What others wrote onto an object of theirs is never rewritten, adopted or not.
            let theirs = reconcile.origin == Origin::Adopted && matches!(object.on_existing(), OnExisting::InheritFrom(_));
            return if theirs && observed.differs { Stand::Foreign(observed) } else { Stand::Ours(reconcile.origin, observed) };
        }
        if matches!(&observed.owner, Owner::Tagged { resource: Some(r), .. } if r == self.world.resource()) {
            return Stand::Ours(if object.on_existing() == OnExisting::Share { Origin::Shared } else { Origin::Created }, observed);
        }
        match object.on_existing() {
            OnExisting::Fail => Stand::Foreign(observed),
            OnExisting::InheritFrom(_) if reconcile.origin != Origin::Created && observed.differs => Stand::Foreign(observed),
            _ => Stand::Ours(self.assumed_origin(object), observed),
        }
    }

    async fn remove(&self, which: impl Fn(&Key) -> bool) -> Vec<Failure<W::Error>> {
        let mut rounds: BTreeMap<u8, Vec<(Key, Entry)>> = BTreeMap::new();
        for (key, entry) in self.lock().0.iter().filter(|(key, _)| which(key)) {
            rounds.entry(self.world.removal_round(&key.kind)).or_default().push((key.clone(), entry.clone()));
        }
        for (_, round) in rounds {
            let removals = round.into_iter().map(|(key, entry)| async move {
                if self.world.stopped() {
                    return Some(Failure { key, verb: "begin", error: self.world.interrupted() });
                }
                tracing::debug!(object = %key, "removing");
                match self.world.remove(&key, &entry).await {
                    Ok(()) => {
                        self.lock().0.remove(&key);
                        None
                    }
                    Err(error) => Some(Failure { key, verb: "remove", error }),
                }
            });
            let failures: Vec<_> = join_all(removals).await.into_iter().flatten().collect();
            if !failures.is_empty() {
                return failures;
            }
        }
        Vec::new()
    }

    /// Writes the entry of an object that is about to be made or changed, so that no error after this loses it.
    fn mark(&self, object: &dyn Object<W>, origin: Origin, observed: Option<&Observed>) -> Entry {
        let key = object.key();
        let before = self.entry(&key);
        let mut entry = Entry {
            account_id: self.world.account_id(key.side),
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
        // An object that is being taken over is known by either instance until the new one is on it.
        if let Some(Owner::Tagged { instance: Some(instance), .. }) = observed.map(|o| &o.owner)
            && origin == Origin::Created
            && !entry.is_of(Some(instance))
        {
            entry.added.insert(instance_before(instance));
        }
        self.lock().0.insert(key, entry.clone());
        entry
    }

    /// The instance that goes into the ledger: an object keeps the one that it has there; what hangs on an object of ours goes with
    /// that one's; what was imported keeps the one that it was found with, since import writes nothing.
    fn instance_of(&self, object: &dyn Object<W>, origin: Origin, observed: Option<&Observed>) -> Option<String> {
        let before = self.entry(&object.key()).filter(|e| e.origin == origin && observed.is_none_or(|o| stands(e, o)));
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

    fn record(&self, key: &Key, made: Made, touch: Touch) {
        self.touched.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(key.clone(), touch);
        if let Some(entry) = self.lock().0.get_mut(key) {
            let Made { arn, id, document, tags, added } = made;
            *entry = Entry { arn, id, document, tags, added, pending: false, ..entry.clone() };
        }
    }

    fn look(&self, key: &Key, observed: &Observed) {
        if let Some(entry) = self.lock().0.get_mut(key) {
            *entry = Entry { pending: false, ..seen(entry, observed) };
            entry.added.retain(|a| !is_instance_before(a));
        }
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        self.lock().get(key).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ledger> {
        // A panic of another task leaves the ledger whole: every change to it is one assignment.
        self.ledger.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn into_converged(self, failures: Vec<Failure<W::Error>>) -> Converged<W::Error> {
        let ledger = self.ledger.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let touched = self.touched.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Converged { ledger, failures, touched }
    }
}

/// Whether the object that was observed is the one that the entry names, and not one that took over its name.
pub(super) fn stands(entry: &Entry, observed: &Observed) -> bool {
    match (&observed.owner, entry.origin) {
        (Owner::Tagged { instance, .. }, Origin::Created | Origin::Imported) => entry.is_of(instance.as_deref()),
        _ => true,
    }
}
