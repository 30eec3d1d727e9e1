//! The engine's own proof: a small store of objects in which every call fails in turn, before or after its effect. Whatever fails, a
//! retry converges, and a destroy leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::ledger::through_a_state;
use super::*;
use crate::aws::Side;
use crate::diagnostics::Path;

/// When the call with the given number fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Before,
    After,
    /// It works, and another process has deleted everything just before.
    Deleted,
}

#[derive(Clone, Debug, PartialEq)]
struct Thing {
    content: String,
    resource: Option<String>,
    instance: Option<String>,
    id: String,
}

#[derive(Default)]
struct Store {
    things: BTreeMap<Key, Thing>,
    calls: usize,
    made: usize,
}

pub(super) struct Toy {
    store: Mutex<Store>,
    fault: Mutex<Option<(usize, Fault)>>,
}

impl Toy {
    pub(super) fn new() -> Self {
        Toy { store: Mutex::default(), fault: Mutex::new(None) }
    }

    fn call<T>(&self, effect: impl FnOnce(&mut Store) -> Result<T, String>) -> Result<T, String> {
        let mut store = self.store.lock().unwrap();
        store.calls += 1;
        let fault = self.fault.lock().unwrap().filter(|(at, _)| *at == store.calls).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Before) => Err("failed before its effect".into()),
            Some(Fault::Deleted) => {
                store.things.clear();
                effect(&mut store)
            }
            Some(Fault::After) => effect(&mut store).and(Err("answer lost".into())),
            None => effect(&mut store),
        }
    }

    pub(super) fn fail_at(&self, call: usize, fault: Fault) {
        self.store.lock().unwrap().calls = 0;
        *self.fault.lock().unwrap() = Some((call, fault));
    }

    pub(super) fn heal(&self) {
        *self.fault.lock().unwrap() = None;
        self.store.lock().unwrap().calls = 0;
    }

    /// Somebody deletes an object and creates another one under its name, with what was attached to it.
    pub(super) fn replace(&self, key: &Key) {
        if let Some(thing) = self.store.lock().unwrap().things.get_mut(key) {
            *thing = Thing { resource: None, instance: None, id: "theirs".into(), ..thing.clone() };
        }
    }

    pub(super) fn contents(&self) -> BTreeMap<String, String> {
        self.store.lock().unwrap().things.iter().map(|(k, t)| (k.to_string(), t.content.clone())).collect()
    }
}

impl Accounts for Toy {
    fn account_id(&self, _: Side) -> &str {
        "111111111111"
    }
}

impl Backend for Toy {
    type Error = String;
    type Env = Toy;

    fn resource(&self) -> &str {
        "ours"
    }

    fn stopped(&self) -> bool {
        false
    }

    fn is_conflict(&self, _: &String) -> bool {
        false
    }

    fn kind(&self, name: &str) -> Option<&'static dyn Kind<Self>> {
        KINDS.iter().copied().find(|kind| kind.name() == name)
    }
}

static KINDS: [&dyn Kind<Toy>; 2] = [&Part { name: "root", order: 1 }, &Part { name: "leaf", order: 0 }];

/// A root, or a leaf that is attached to one: `ROOT/NAME`.
struct Part {
    name: &'static str,
    order: u8,
}

#[async_trait]
impl Kind<Toy> for Part {
    fn name(&self) -> &'static str {
        self.name
    }

    fn delete_order(&self, _: Origin) -> u8 {
        self.order
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        if self.name == "leaf" { parts::<2>(name, "ROOT/NAME").map(drop) } else { parts::<1>(name, "ROOT").map(drop) }
    }

    async fn delete(&self, backend: &Toy, key: &Key, entry: &Entry) -> Result<Deleted, String> {
        backend.call(|store| {
            let ours = store.things.get(key).is_some_and(|t| t.instance.is_none() || entry.is_of(t.instance.as_deref()));
            let has_leaves = store.things.keys().any(|k| k.kind == "leaf" && k.name.starts_with(&format!("{}/", key.name)));
            if ours && has_leaves {
                return Err("DeleteConflict".into());
            }
            if ours && entry.origin != Origin::Adopted {
                store.things.remove(key);
            }
            Ok(Deleted::Now)
        })
    }

    async fn still_visible(&self, backend: &Toy, key: &Key, _: &Entry) -> Result<bool, String> {
        backend.call(|store| Ok(store.things.contains_key(key)))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    key: Key,
    content: String,
    depends_on: Vec<Key>,
    pub(super) on_existing: OnExisting,
}

#[async_trait]
impl Object<Toy> for Tree {
    fn kind(&self) -> &'static dyn Kind<Toy> {
        KINDS[usize::from(self.key.kind == "leaf")]
    }

    fn key(&self) -> Key {
        self.key.clone()
    }

    fn attribute(&self) -> Path {
        Path::of(&self.key.kind)
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn contention(&self, _: &Reconcile) -> Contention {
        if self.on_existing == OnExisting::Share { Contention::Cooperative } else { Contention::Exclusive }
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    fn planned(&self, _: &Toy) -> Planned {
        Planned { has_id: self.key.kind != "leaf", ..Planned::default() }
    }

    async fn read(&self, backend: &Toy, _: &Reconcile) -> Result<Option<Observed>, String> {
        tokio::task::yield_now().await;
        backend.call(|store| {
            Ok(store.things.get(&self.key).map(|t| Observed {
                id: (self.key.kind != "leaf").then(|| t.id.clone()),
                // Contents that differ in case only mean the same.
                document: Some(if t.content.eq_ignore_ascii_case(&self.content) { self.content.clone() } else { t.content.clone() }),
                owner: if self.key.kind == "leaf" {
                    Owner::Parent
                } else {
                    Owner::Tagged { resource: t.resource.clone(), instance: t.instance.clone() }
                },
                ..Observed::attached(!t.content.eq_ignore_ascii_case(&self.content))
            }))
        })
    }

    async fn create(&self, backend: &Toy, _: &Reconcile, instance: &str) -> Result<Written, String> {
        tokio::task::yield_now().await;
        backend.call(|store| {
            if store.things.contains_key(&self.key) {
                return Err("exists".into());
            }
            store.made += 1;
            let id = format!("id-{}", store.made);
            store.things.insert(self.key.clone(), self.thing(instance, id.clone()));
            Ok(Written { id: Some(id), document: Some(self.content.clone()), ..Written::default() })
        })
    }

    async fn update(&self, backend: &Toy, _: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, String> {
        backend.call(|store| {
            let id = observed.id.clone().unwrap_or_default();
            store.things.insert(self.key.clone(), self.thing(instance, id.clone()));
            Ok(Written { id: Some(id), document: Some(self.content.clone()), ..Written::default() })
        })
    }
}

impl Tree {
    fn thing(&self, instance: &str, id: String) -> Thing {
        let tagged = self.key.kind != "leaf";
        Thing {
            content: self.content.clone(),
            resource: tagged.then(|| "ours".into()),
            instance: if tagged { Some(instance.to_owned()) } else { None },
            id,
        }
    }
}

pub(super) fn root(name: &str, content: &str, depends_on: &[&str]) -> Tree {
    let depends_on = depends_on.iter().map(|n| Key::new(Side::Cluster, "root", *n)).collect();
    Tree { key: Key::new(Side::Cluster, "root", name), content: content.into(), depends_on, on_existing: OnExisting::Fail }
}

pub(super) fn leaf(parent: &str, name: &str, content: &str) -> Tree {
    let parent_key = Key::new(Side::Cluster, "root", parent);
    Tree {
        key: Key::new(Side::Cluster, "leaf", format!("{parent}/{name}")),
        content: content.into(),
        depends_on: vec![parent_key.clone()],
        on_existing: OnExisting::InheritFrom(parent_key),
    }
}

pub(super) fn boxed(trees: &[Tree]) -> Vec<Box<dyn Object<Toy>>> {
    trees.iter().map(|t| Box::new(t.clone()) as Box<dyn Object<Toy>>).collect()
}

pub(super) fn first() -> Vec<Tree> {
    vec![root("a", "1", &[]), root("b", "1", &["a"]), root("c", "1", &[]), leaf("a", "p", "1"), leaf("b", "q", "1")]
}

/// Changes a content, drops a root with its leaf, adds another.
fn second() -> Vec<Tree> {
    vec![root("a", "2", &[]), root("c", "1", &[]), root("d", "1", &["a"]), leaf("a", "p", "2"), leaf("d", "r", "1")]
}

fn expected(trees: &[Tree]) -> BTreeMap<String, String> {
    trees.iter().map(|t| (t.key.to_string(), t.content.clone())).collect()
}

/// The number of calls that a clean converge of these objects makes.
pub(super) async fn calls_of(backend: &Toy, trees: &[Tree], prior: Ledger) -> usize {
    backend.heal();
    let clean = converge(backend, &boxed(trees), prior, "i1").await;
    assert!(clean.failures.is_empty(), "{:?}", clean.failures);
    backend.store.lock().unwrap().calls
}

#[tokio::test]
async fn a_create_that_fails_at_any_call_is_removed_whole_by_its_ledger() {
    let calls = calls_of(&Toy::new(), &first(), Ledger::default()).await;
    let mut cases = 0;
    for at in 1..=calls {
        for fault in [Fault::Before, Fault::After] {
            let backend = Toy::new();
            backend.fail_at(at, fault);
            let partial = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await;
            assert_eq!(partial.failures.len(), 1, "call {at} {fault:?}");
            // The state goes through Terraform and back.
            let ledger = through_a_state(&partial.ledger);
            backend.heal();
            let removed = delete_all(&backend, ledger).await;
            assert!(removed.failures.is_empty(), "call {at} {fault:?}: {:?}", removed.failures);
            assert_eq!(backend.contents(), BTreeMap::new(), "call {at} {fault:?} left something behind");
            cases += 1;
        }
    }
    assert!(cases >= 20, "{cases} cases");
}

#[tokio::test]
async fn a_create_that_fails_at_any_call_converges_on_retry_even_if_the_ledger_was_lost() {
    let calls = calls_of(&Toy::new(), &first(), Ledger::default()).await;
    for at in 1..=calls {
        for fault in [Fault::Before, Fault::After] {
            for ledger_survives in [true, false] {
                let backend = Toy::new();
                backend.fail_at(at, fault);
                let partial = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await;
                backend.heal();
                let (prior, instance) = if ledger_survives { (partial.ledger, "i1") } else { (Ledger::default(), "i2") };
                let again = converge(&backend, &boxed(&first()), prior, instance).await;
                assert!(again.failures.is_empty(), "call {at} {fault:?}: {:?}", again.failures);
                assert_eq!(backend.contents(), expected(&first()));
                assert!(again.ledger.0.values().all(|e| !e.pending));
                assert!(delete_all(&backend, again.ledger).await.failures.is_empty());
                assert_eq!(backend.contents(), BTreeMap::new(), "call {at} {fault:?}, ledger survives: {ledger_survives}");
            }
        }
    }
}

#[tokio::test]
async fn an_update_that_fails_at_any_call_can_be_retried_reverted_or_destroyed() {
    let backend = Toy::new();
    let made = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    let calls = calls_of(&backend, &second(), made).await;
    for at in 1..=calls {
        for fault in [Fault::Before, Fault::After] {
            for next in [Some(second()), Some(first()), None] {
                let backend = Toy::new();
                let made = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await.ledger;
                backend.fail_at(at, fault);
                let partial = converge(&backend, &boxed(&second()), made, "i1").await;
                assert!(!partial.failures.is_empty(), "call {at} {fault:?}");
                backend.heal();
                let after = match &next {
                    Some(trees) => converge(&backend, &boxed(trees), partial.ledger, "i1").await,
                    None => delete_all(&backend, partial.ledger).await,
                };
                assert!(after.failures.is_empty(), "call {at} {fault:?}: {:?}", after.failures);
                assert_eq!(backend.contents(), expected(&next.unwrap_or_default()), "call {at} {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_destroy_that_fails_at_any_call_is_finished_by_the_next() {
    for at in 1..=first().len() {
        for fault in [Fault::Before, Fault::After] {
            let backend = Toy::new();
            let made = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await.ledger;
            backend.fail_at(at, fault);
            let partial = delete_all(&backend, made).await;
            assert!(!partial.failures.is_empty() && !partial.ledger.is_empty());
            backend.heal();
            let after = delete_all(&backend, partial.ledger).await;
            assert!(after.failures.is_empty() && after.ledger.is_empty());
            assert_eq!(backend.contents(), BTreeMap::new(), "call {at} {fault:?}");
        }
    }
}

#[tokio::test]
async fn the_old_half_of_a_replace_leaves_what_the_new_half_took_over() {
    let backend = Toy::new();
    let old = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    let new = converge(&backend, &boxed(&[root("a", "9", &[])]), Ledger::default(), "i2").await;
    assert!(new.failures.is_empty(), "{:?}", new.failures);
    // The leaf of `a` goes by name; a kind that can't be tagged checks its parent's instance in its own removal.
    let removed = delete_all(&backend, old).await;
    assert!(removed.failures.is_empty());
    assert_eq!(backend.contents(), expected(&[root("a", "9", &[])]));
}

#[tokio::test]
async fn a_foreign_object_is_refused_and_kept() {
    let backend = Toy::new();
    let thing = Thing { content: "theirs".into(), resource: None, instance: None, id: "x".into() };
    backend.store.lock().unwrap().things.insert(Key::new(Side::Cluster, "root", "b"), thing);
    let result = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await;
    assert_eq!(result.failures.len(), 1);
    assert!(result.failures[0].key.name == "b" && matches!(result.failures[0].error, Error::Foreign(_)), "{:?}", result.failures);
    assert!(delete_all(&backend, result.ledger).await.failures.is_empty());
    assert_eq!(backend.contents(), BTreeMap::from([("cluster/root/b".to_owned(), "theirs".to_owned())]));
}

#[tokio::test]
async fn an_adopted_object_survives_a_destroy() {
    let backend = Toy::new();
    let thing = Thing { content: "1".into(), resource: None, instance: None, id: "x".into() };
    backend.store.lock().unwrap().things.insert(Key::new(Side::Cluster, "root", "a"), thing);
    let mut tree = root("a", "1", &[]);
    tree.on_existing = OnExisting::Adopt;
    let result = converge(&backend, &boxed(&[tree]), Ledger::default(), "i1").await;
    assert_eq!(result.ledger.0.values().next().unwrap().origin, Origin::Adopted);
    delete_all(&backend, result.ledger).await;
    assert_eq!(backend.contents().len(), 1);
}

#[tokio::test]
async fn a_refresh_drops_what_is_gone_and_what_was_replaced_and_shows_what_changed() {
    let backend = Toy::new();
    let made = converge(&backend, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    {
        let mut store = backend.store.lock().unwrap();
        store.things.remove(&Key::new(Side::Cluster, "root", "c"));
        store.things.get_mut(&Key::new(Side::Cluster, "root", "b")).unwrap().instance = Some("theirs".into());
        store.things.get_mut(&Key::new(Side::Cluster, "root", "a")).unwrap().content = "drifted".into();
    }
    let refreshed = refresh(&backend, &boxed(&first()), made).await.unwrap();
    let keys: Vec<String> = refreshed.ledger.0.keys().map(Key::to_string).collect();
    assert_eq!(keys, ["cluster/leaf/a/p", "cluster/root/a"], "what was on b belongs to the owner of the new b");
    let a = refreshed.ledger.get(&Key::new(Side::Cluster, "root", "a")).unwrap();
    assert_eq!(a.document.as_deref(), Some("drifted"));
}

#[tokio::test]
async fn an_object_is_created_after_those_that_it_depends_on() {
    let backend = Toy::new();
    let trees = [root("a", "1", &[]), root("b", "1", &["a"]), root("c", "1", &["b"])];
    let result = converge(&backend, &boxed(&trees), Ledger::default(), "i1").await;
    assert!(result.failures.is_empty());
    let ids: Vec<_> = result.ledger.0.values().map(|e| e.id.clone().unwrap()).collect();
    assert_eq!(ids, ["id-1", "id-2", "id-3"], "needed objects come first");
}

#[tokio::test]
async fn an_entry_whose_kind_or_name_is_not_understood_is_kept_and_nothing_is_called_for_it() {
    for (kind, name) in [("leaf", "a"), ("leaf", "a/"), ("leaf", "/p"), ("root", ""), ("moon", "a")] {
        let backend = Toy::new();
        let made = converge(&backend, &boxed(&[root("a", "1", &[])]), Ledger::default(), "i1").await.ledger;
        let mut ledger = made.clone();
        let key = Key { side: Side::Cluster, kind: kind.into(), name: name.into() };
        ledger.0.insert(key.clone(), found("111111111111", None, Origin::Created));
        backend.heal();
        let deleted = delete_all(&backend, ledger).await;
        let [failure] = deleted.failures.as_slice() else { panic!("{kind} {name:?}: {:?}", deleted.failures) };
        assert_eq!(failure.key, key);
        assert!(matches!(failure.error, Error::BadName(_) | Error::UnknownKind), "{kind} {name:?}: {:?}", failure.error);
        assert!(deleted.ledger.get(&key).is_some(), "{kind} {name:?} is lost");
    }
}

#[tokio::test]
async fn an_object_that_another_process_deletes_between_two_reads_is_created() {
    let backend = Toy::new();
    // A killed create left it, which the first read finds: with another origin than assumed, so that it is read again.
    converge(&backend, &boxed(&[root("a", "1", &[])]), Ledger::default(), "killed").await;
    let mut adopting = root("a", "1", &[]);
    adopting.on_existing = OnExisting::Adopt;
    backend.fail_at(2, Fault::Deleted);
    let made = converge(&backend, &boxed(&[adopting]), Ledger::default(), "i1").await;
    assert!(made.failures.is_empty(), "{:?}", made.failures);
    assert_eq!(made.changes.into_values().collect::<Vec<_>>(), [Change::Created]);
    assert_eq!(backend.contents().into_keys().collect::<Vec<_>>(), ["cluster/root/a"]);
}
