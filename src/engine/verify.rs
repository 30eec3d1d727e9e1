//! After the writes: whether what was created or updated is visible, whether what other processes write too is still as it should be,
//! and whether what was deleted is gone.
//!
//! One round at a time. How long to go on, and how often, the caller decides.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join_all, try_join_all};

use super::converge::{Change, Converged, converge_again};
use super::error::Failure;
use super::key::Key;
use super::kind::Backend;
use super::ledger::{Entry, Ledger};
use super::object::{Contention, Object, Observed, Reconcile};

/// What to read again after a converge: what it created or updated, and what other resources may be changing. Not what failed.
pub fn to_verify<B: Backend>(backend: &B, objects: &[Box<dyn Object<B>>], made: &Converged<B::Error>) -> BTreeMap<Key, Contention> {
    let contention = |object: &dyn Object<B>| {
        let reconcile = recorded(object, &made.ledger)?;
        let contention = object.contention(&reconcile);
        // Asked of every one of them: the last one knows it by that.
        let is_left = contention == Contention::Cooperative && object.leaves_last_look(backend);
        Some((object.key(), contention, is_left))
    };
    let failed = |key: &Key| made.failures.iter().any(|failure| failure.key == *key);
    let all = objects.iter().filter_map(|object| contention(object.as_ref()));
    let is_due = |key: &Key, contention, is_left: bool| {
        made.changes.contains_key(key) || (contention == Contention::Cooperative && !is_left && !failed(key))
    };
    all.filter(|(key, contention, is_left)| is_due(key, *contention, *is_left)).map(|(key, contention, _)| (key, contention)).collect()
}

/// What a round of reads found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Not visible, or not what the configuration says.
    pub pending: BTreeSet<Key>,
    /// Created by this run, and taken over by another one since.
    pub taken_over: Vec<Key>,
}

/// Reads the objects of these keys.
pub async fn verify<B: Backend>(
    backend: &B,
    objects: &[Box<dyn Object<B>>],
    made: &Converged<B::Error>,
    keys: &BTreeMap<Key, Contention>,
) -> Result<Verified, Failure<B::Error>> {
    backend.fresh_look();
    let reads = objects.iter().filter(|object| keys.contains_key(&object.key())).filter_map(|object| {
        let reconcile = recorded(object.as_ref(), &made.ledger)?;
        Some(async move { (object.key(), object.read(backend, &reconcile).await, reconcile) })
    });
    let mut verified = Verified::default();
    for (key, observed, reconcile) in join_all(reads).await {
        let observed = observed.map_err(|error| Failure { key: key.clone(), error })?;
        let is_ours = |observed: &Observed| reconcile.entry.as_ref().is_some_and(|entry| observed.is_same_as(entry));
        match observed {
            Some(observed) if is_ours(&observed) && !observed.differs => {}
            Some(observed) if !is_ours(&observed) && made.changes.get(&key) == Some(&Change::Created) => verified.taken_over.push(key),
            // What this run took over may still be shown with the instance that it had before.
            _ => {
                verified.pending.insert(key);
            }
        }
    }
    Ok(verified)
}

/// Brings the objects of these keys, of which another process took something away, to what the configuration says once more.
pub async fn repair<B: Backend>(
    backend: &B,
    objects: &[Box<dyn Object<B>>],
    made: Converged<B::Error>,
    instance: &str,
    keys: &BTreeSet<Key>,
) -> Converged<B::Error> {
    let lost = objects.iter().map(AsRef::as_ref).filter(|object| keys.contains(&object.key())).collect();
    let mut again = converge_again(backend, lost, made.ledger, instance).await;
    again.changes.extend(made.changes);
    again.failures.extend(made.failures);
    again.deleted.extend(made.deleted);
    again
}

/// Those of the deleted objects that readers are still shown. One that was deleted together with its parent is not asked for.
pub async fn still_visible<B: Backend>(backend: &B, deleted: &[(Key, Entry)]) -> Result<Vec<Key>, B::Error> {
    backend.fresh_look();
    let is_deleted = |key: &Key| deleted.iter().any(|(other, _)| other == key);
    let reads = deleted.iter().filter_map(|(key, entry)| {
        let kind = backend.kind(&key.kind)?;
        let alone = !kind.parents(key).iter().any(is_deleted);
        alone.then_some(async move { Ok(kind.still_visible(backend, key, entry).await?.then(|| key.clone())) })
    });
    Ok(try_join_all(reads).await?.into_iter().flatten().collect())
}

/// What a read of an object that is in the ledger starts from.
fn recorded<B: Backend>(object: &dyn Object<B>, ledger: &Ledger) -> Option<Reconcile> {
    let entry = ledger.get(&object.key())?.clone();
    let origin = entry.origin.described_by(&object.on_existing());
    let (instance, dependencies) = (entry.instance.clone(), ledger.select(object.depends_on()));
    Some(Reconcile { entry: Some(entry), origin, instance, renewed: false, dependencies })
}

#[cfg(test)]
mod tests {
    use super::super::OnExisting;
    use super::super::sweep::{Fault, Toy, boxed, root};
    use super::*;
    use crate::engine::converge;

    async fn made(backend: &Toy, instance: &str) -> Converged<String> {
        converge(backend, &boxed(&[root("a", "1", &[])]), Ledger::default(), instance).await
    }

    #[tokio::test]
    async fn what_was_created_and_is_visible_is_read_once() {
        let backend = Toy::new();
        let (objects, made) = (boxed(&[root("a", "1", &[])]), made(&backend, "i1").await);
        let open = to_verify(&backend, &objects, &made);
        assert_eq!(open.values().collect::<Vec<_>>(), [&Contention::Exclusive]);
        let verified = verify(&backend, &objects, &made, &open).await.unwrap();
        assert!(verified.pending.is_empty() && verified.taken_over.is_empty());
        let again = converge(&backend, &objects, made.ledger, "i1").await;
        assert!(to_verify(&backend, &objects, &again).is_empty(), "what was not written is not read again");
    }

    #[tokio::test]
    async fn a_shared_object_is_read_again_though_unchanged_and_one_that_failed_is_not() {
        let backend = Toy::new();
        let mut shared = root("a", "1", &[]);
        shared.on_existing = OnExisting::Share;
        let objects = boxed(&[shared]);
        backend.fail_at(2, Fault::Before);
        let failed = converge(&backend, &objects, Ledger::default(), "i1").await;
        assert_eq!((failed.failures.len(), failed.ledger.0.len()), (1, 1), "marked, and its create failed");
        assert!(to_verify(&backend, &objects, &failed).is_empty());
        backend.heal();
        let made = converge(&backend, &objects, failed.ledger, "i1").await;
        let again = converge(&backend, &objects, made.ledger, "i1").await;
        assert!(again.changes.is_empty() && to_verify(&backend, &objects, &again).len() == 1);
    }

    #[tokio::test]
    async fn what_is_not_as_configured_is_pending_and_can_be_repaired() {
        let backend = Toy::new();
        let (objects, made) = (boxed(&[root("a", "1", &[])]), made(&backend, "i1").await);
        let open = to_verify(&backend, &objects, &made);
        let changed = converge(&backend, &boxed(&[root("a", "2", &[])]), made.ledger.clone(), "i1").await;
        assert!(changed.failures.is_empty());
        let verified = verify(&backend, &objects, &made, &open).await.unwrap();
        assert_eq!(verified.pending.len(), 1);
        let repaired = repair(&backend, &objects, made, "i1", &verified.pending).await;
        assert!(repaired.failures.is_empty());
        assert!(verify(&backend, &objects, &repaired, &open).await.unwrap().pending.is_empty());
    }

    #[tokio::test]
    async fn an_object_that_another_create_took_over_is_told_from_one_that_is_not_visible_yet() {
        let backend = Toy::new();
        let (objects, first) = (boxed(&[root("a", "1", &[])]), made(&backend, "i1").await);
        let second = made(&backend, "i2").await;
        let verified = verify(&backend, &objects, &first, &to_verify(&backend, &objects, &first)).await.unwrap();
        assert_eq!(verified.taken_over.len(), 1, "created by the first run, taken over by the second");
        let verified = verify(&backend, &objects, &second, &to_verify(&backend, &objects, &second)).await.unwrap();
        assert!(verified.taken_over.is_empty() && verified.pending.is_empty());
    }
}
