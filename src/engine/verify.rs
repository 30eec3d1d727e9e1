//! After the writing: whether what was made is to be seen by now, and whether what others write too is still as it should be.
//!
//! One round at a time. How long to go on, and how often, is the caller's.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::converge::{Converged, Failure, Touch, bring_about_again, stands};
use super::key::Key;
use super::ledger::Ledger;
use super::object::{Backend, Contention, Object, Observed, Reconcile};

/// What a converge leaves to be looked at: what it made or changed, and what others may be changing. What it could not bring about is
/// not waited for.
pub fn unverified<W: Backend>(objects: &[Box<dyn Object<W>>], made: &Converged<W::Error>) -> BTreeMap<Key, Contention> {
    let contention =
        |object: &dyn Object<W>| reconcile_of(object, &made.ledger).map(|reconcile| (object.key(), object.contention(&reconcile)));
    let all = objects.iter().filter_map(|object| contention(object.as_ref()));
    let failed = |key: &Key| made.failures.iter().any(|failure| failure.key == *key);
    all.filter(|(key, contention)| made.touched.contains_key(key) || (*contention == Contention::Cooperative && !failed(key))).collect()
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Look {
    /// Not to be seen, or not what its object says.
    pub missing: BTreeSet<Key>,
    /// Made by this run, and by now another create's.
    pub taken: Vec<Key>,
}

/// Looks at the objects of these keys.
pub async fn look_again<W: Backend>(
    world: &W,
    objects: &[Box<dyn Object<W>>],
    made: &Converged<W::Error>,
    keys: &BTreeMap<Key, Contention>,
) -> Result<Look, Failure<W::Error>> {
    let looks = objects.iter().filter(|object| keys.contains_key(&object.key())).filter_map(|object| {
        let reconcile = reconcile_of(object.as_ref(), &made.ledger)?;
        Some(async move { (object.key(), object.observe(world, &reconcile).await, reconcile) })
    });
    let mut look = Look::default();
    for (key, observed, reconcile) in join_all(looks).await {
        let observed = observed.map_err(|error| Failure { key: key.clone(), verb: "read", error })?;
        let is_ours = |observed: &Observed| reconcile.entry.as_ref().is_some_and(|entry| stands(entry, observed));
        match observed {
            Some(observed) if is_ours(&observed) && !observed.differs => {}
            Some(observed) if !is_ours(&observed) && made.touched.get(&key) == Some(&Touch::Made) => look.taken.push(key),
            // What was taken over by this run may still be shown with the instance that it had before.
            _ => {
                look.missing.insert(key);
            }
        }
    }
    Ok(look)
}

/// Brings about once more what others took away.
pub async fn mend<W: Backend>(
    world: &W,
    objects: &[Box<dyn Object<W>>],
    made: Converged<W::Error>,
    instance: &str,
    keys: &BTreeSet<Key>,
) -> Converged<W::Error> {
    let lost = objects.iter().map(AsRef::as_ref).filter(|object| keys.contains(&object.key())).collect();
    let mut again = bring_about_again(world, lost, made.ledger, instance).await;
    again.touched.extend(made.touched);
    again.failures.extend(made.failures);
    again
}

/// What a look at an object that is in the ledger works under.
fn reconcile_of<W: Backend>(object: &dyn Object<W>, ledger: &Ledger) -> Option<Reconcile> {
    let entry = ledger.get(&object.key())?.clone();
    let origin = entry.origin.described_by(&object.on_existing());
    let instance = entry.instance.clone().unwrap_or_default();
    Some(Reconcile { origin, instance, renewed: false, dependencies: ledger.select(object.depends_on()), entry: Some(entry) })
}

#[cfg(test)]
mod tests {
    use super::super::OnExisting;
    use super::super::sweep::{Fault, Toy, boxed, root};
    use super::*;
    use crate::engine::converge;

    async fn made(world: &Toy, instance: &str) -> Converged<String> {
        converge(world, &boxed(&[root("a", "1", &[])]), Ledger::default(), instance).await
    }

    #[tokio::test]
    async fn what_was_made_and_stands_is_looked_at_once_and_found() {
        let world = Toy::new();
        let (objects, made) = (boxed(&[root("a", "1", &[])]), made(&world, "i1").await);
        let open = unverified(&objects, &made);
        assert_eq!(open.values().collect::<Vec<_>>(), [&Contention::Exclusive]);
        let look = look_again(&world, &objects, &made, &open).await.unwrap();
        assert!(look.missing.is_empty() && look.taken.is_empty());
        let again = converge(&world, &objects, made.ledger, "i1").await;
        assert!(unverified(&objects, &again).is_empty(), "what was not touched is not looked at");
    }

    #[tokio::test]
    async fn what_others_mind_is_looked_at_untouched_too_and_what_could_not_be_made_is_not() {
        let world = Toy::new();
        let mut shared = root("a", "1", &[]);
        shared.on_existing = OnExisting::Share;
        let objects = boxed(&[shared]);
        world.fail_at(2, Fault::Before);
        let failed = converge(&world, &objects, Ledger::default(), "i1").await;
        assert_eq!((failed.failures.len(), failed.ledger.0.len()), (1, 1), "marked, and its create failed");
        assert!(unverified(&objects, &failed).is_empty());
        world.heal();
        let made = converge(&world, &objects, failed.ledger, "i1").await;
        let again = converge(&world, &objects, made.ledger, "i1").await;
        assert!(again.touched.is_empty() && unverified(&objects, &again).len() == 1);
    }

    #[tokio::test]
    async fn what_cant_be_seen_or_is_otherwise_is_missing_and_can_be_mended() {
        let world = Toy::new();
        let (objects, made) = (boxed(&[root("a", "1", &[])]), made(&world, "i1").await);
        let open = unverified(&objects, &made);
        let changed = converge(&world, &boxed(&[root("a", "2", &[])]), made.ledger.clone(), "i1").await;
        assert!(changed.failures.is_empty());
        let look = look_again(&world, &objects, &made, &open).await.unwrap();
        assert_eq!(look.missing.len(), 1);
        let mended = mend(&world, &objects, made, "i1", &look.missing).await;
        assert!(mended.failures.is_empty());
        assert!(look_again(&world, &objects, &mended, &open).await.unwrap().missing.is_empty());
    }

    #[tokio::test]
    async fn what_another_create_took_over_is_told_apart_from_what_is_not_to_be_seen_yet() {
        let world = Toy::new();
        let (objects, first) = (boxed(&[root("a", "1", &[])]), made(&world, "i1").await);
        let second = made(&world, "i2").await;
        let look = look_again(&world, &objects, &first, &unverified(&objects, &first)).await.unwrap();
        assert_eq!(look.taken.len(), 1, "made by the first run, the second one's by now");
        let look = look_again(&world, &objects, &second, &unverified(&objects, &second)).await.unwrap();
        assert!(look.taken.is_empty() && look.missing.is_empty());
    }
}
