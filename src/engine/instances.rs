//! Tests of whose an object is: which instance an entry carries, through take-overs, imports and changes.

use std::collections::BTreeMap;

use super::ledger::through_a_state;
use super::sweep::{Fault, Toy, boxed, calls_of, first, leaf, root};
use super::*;
use crate::aws::Side;

fn key(kind: &str, name: &str) -> Key {
    Key::new(Side::Cluster, kind, name)
}

fn instance<'a>(ledger: &'a Ledger, kind: &str, name: &str) -> Option<&'a str> {
    ledger.get(&key(kind, name)).expect("the entry").instance.as_deref()
}

#[tokio::test]
async fn a_take_over_that_fails_at_any_call_is_removed_whole_by_its_ledger() {
    let backend = Toy::new();
    converge(&backend, &boxed(&first()), Ledger::default(), "i1").await;
    backend.heal();
    // The state was lost: the next create mints another instance.
    let calls = calls_of(&backend, &first(), Ledger::default()).await;
    for at in 1..=calls {
        for fault in [Fault::Before, Fault::After] {
            let backend = Toy::new();
            converge(&backend, &boxed(&first()), Ledger::default(), "i1").await;
            backend.fail_at(at, fault);
            let partial = converge(&backend, &boxed(&first()), Ledger::default(), "i2").await;
            assert_eq!(partial.failures.len(), 1, "call {at} {fault:?}");
            backend.heal();
            let read = refresh(&backend, &boxed(&first()), through_a_state(&partial.ledger)).await.unwrap();
            assert_eq!(read.ledger.0.len(), partial.ledger.0.len(), "call {at} {fault:?}: a read lost what was being taken over");
            let again = converge(&backend, &boxed(&first()), read.ledger, "i2").await;
            assert!(again.failures.is_empty(), "call {at} {fault:?}: {:?}", again.failures);
            assert!(again.ledger.0.values().all(|e| !e.pending && e.added.is_empty()), "{:?}", again.ledger);
            assert!(delete_all(&backend, again.ledger).await.failures.is_empty());
            assert_eq!(backend.contents(), BTreeMap::new(), "call {at} {fault:?}");

            let backend = Toy::new();
            converge(&backend, &boxed(&first()), Ledger::default(), "i1").await;
            backend.fail_at(at, fault);
            let partial = converge(&backend, &boxed(&first()), Ledger::default(), "i2").await;
            backend.heal();
            let named: Vec<String> = partial.ledger.0.keys().map(Key::to_string).collect();
            let removed = delete_all(&backend, partial.ledger).await;
            // A leaf that was not reached may still be attached to its root: that is an error, not passed over.
            let said: Vec<String> = removed.failures.iter().map(|f| f.key.to_string()).collect();
            assert!(
                backend.contents().keys().all(|k| said.contains(k) || !named.contains(k)),
                "call {at} {fault:?}: {:?}",
                backend.contents()
            );
        }
    }
}

#[tokio::test]
async fn what_is_attached_to_an_imported_object_has_its_instance() {
    let backend = Toy::new();
    converge(&backend, &boxed(&first()), Ledger::default(), "i1").await;
    let imported = import(&backend, &boxed(&first())).await.unwrap().ledger;
    assert_eq!(instance(&imported, "root", "a"), Some("i1"));
    assert_eq!(instance(&imported, "leaf", "a/p"), Some("i1"));
    assert_eq!(imported.instance(), Some("i1"), "the next create goes on with the instance that is there");
    let mut trees = first();
    trees.push(leaf("a", "new", "1"));
    let more = converge(&backend, &boxed(&trees), imported, "i2").await;
    assert!(more.failures.is_empty());
    assert_eq!(instance(&more.ledger, "leaf", "a/new"), Some("i1"));
    assert_eq!(more.ledger.get(&key("leaf", "a/new")).unwrap().origin, Origin::Created);
}

#[tokio::test]
async fn an_entry_keeps_its_instance_through_changes() {
    let backend = Toy::new();
    let made = converge(&backend, &boxed(&[root("a", "1", &[])]), Ledger::default(), "i1").await.ledger;
    let changed = converge(&backend, &boxed(&[root("a", "2", &[]), root("b", "1", &[])]), made, "i2").await.ledger;
    assert_eq!((instance(&changed, "root", "a"), instance(&changed, "root", "b")), (Some("i1"), Some("i2")));
    let again = converge(&backend, &boxed(&[root("a", "3", &[]), root("b", "2", &[])]), changed, "i1").await.ledger;
    assert_eq!((instance(&again, "root", "a"), instance(&again, "root", "b")), (Some("i1"), Some("i2")));
    assert!(delete_all(&backend, again).await.failures.is_empty());
    assert_eq!(backend.contents(), BTreeMap::new());
}

#[tokio::test]
async fn a_document_written_in_another_way_is_recorded_without_a_call() {
    let backend = Toy::new();
    let made = converge(&backend, &boxed(&[root("a", "abc", &[])]), Ledger::default(), "i1").await.ledger;
    let same = converge(&backend, &boxed(&[root("a", "ABC", &[])]), made, "i1").await.ledger;
    assert_eq!(same.get(&key("root", "a")).unwrap().document.as_deref(), Some("ABC"));
    assert_eq!(backend.contents().into_values().collect::<Vec<_>>(), ["abc"]);
}

#[tokio::test]
async fn an_entry_of_an_old_state_that_names_no_instance_takes_that_of_its_own_object_only() {
    let backend = Toy::new();
    let made = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    let mut old = made.clone();
    old.0.values_mut().for_each(|entry| entry.instance = None);
    assert_eq!(refresh(&backend, &boxed(&first()), old).await.unwrap().ledger, made);

    let mut imported = import(&backend, &boxed(&first())).await.unwrap().ledger;
    imported.0.values_mut().for_each(|entry| entry.instance = Some("i0".into()));
    assert!(refresh(&backend, &boxed(&first()), imported).await.unwrap().ledger.get(&key("root", "a")).is_none(), "another create's");
}

#[tokio::test]
async fn what_is_attached_to_a_foreign_object_under_the_name_of_ours_is_foreign_too() {
    let backend = Toy::new();
    let made = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    backend.replace(&key("root", "a"));

    let read = refresh(&backend, &boxed(&first()), made.clone()).await.unwrap();

    assert!(read.replaced.keys().eq([&key("root", "a")]));
    let left: Vec<String> = read.ledger.0.keys().map(Key::to_string).collect();
    assert_eq!(left, ["cluster/leaf/b/q", "cluster/root/b", "cluster/root/c"]);
}

#[tokio::test]
async fn what_is_attached_to_an_object_that_must_exist_is_kept_with_it_after_an_import() {
    let trees = |on_existing| {
        let mut root = root("a", "1", &[]);
        root.on_existing = on_existing;
        boxed(&[root, leaf("a", "p", "1")])
    };
    for (on_existing, origin, left) in [(OnExisting::Fail, Origin::Imported, 0), (OnExisting::MustExist, Origin::Adopted, 2)] {
        let backend = Toy::new();
        converge(&backend, &trees(OnExisting::Fail), Ledger::default(), "i1").await;
        let imported = import(&backend, &trees(on_existing)).await.unwrap().ledger;
        assert!(imported.0.values().all(|entry| entry.origin == origin), "{imported:?}");
        delete_all(&backend, imported).await;
        assert_eq!(backend.contents().len(), left);
    }
}
