//! The engine's own proof: a small world in which every call fails in turn, before or after its effect. Whatever fails, a
//! retry converges, and a destroy leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::aws::Side;

/// When the call with the given number fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Before,
    After,
}

#[derive(Clone, Debug, PartialEq)]
struct Thing {
    content: String,
    resource: Option<String>,
    instance: Option<String>,
    id: String,
}

#[derive(Default)]
struct Earth {
    things: BTreeMap<Key, Thing>,
    calls: usize,
    made: usize,
}

pub(super) struct Toy {
    earth: Mutex<Earth>,
    fault: Mutex<Option<(usize, Fault)>>,
}

impl Toy {
    pub(super) fn new() -> Self {
        Toy { earth: Mutex::default(), fault: Mutex::new(None) }
    }

    fn call<T>(&self, effect: impl FnOnce(&mut Earth) -> Result<T, String>) -> Result<T, String> {
        let mut earth = self.earth.lock().unwrap();
        earth.calls += 1;
        let fault = self.fault.lock().unwrap().filter(|(at, _)| *at == earth.calls).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Before) => Err("failed before its effect".into()),
            Some(Fault::After) => effect(&mut earth).and(Err("answer lost".into())),
            None => effect(&mut earth),
        }
    }

    pub(super) fn fail_at(&self, call: usize, fault: Fault) {
        self.earth.lock().unwrap().calls = 0;
        *self.fault.lock().unwrap() = Some((call, fault));
    }

    pub(super) fn heal(&self) {
        *self.fault.lock().unwrap() = None;
        self.earth.lock().unwrap().calls = 0;
    }

    /// Somebody else deletes an object and makes another one under its name, with all that hung on it.
    pub(super) fn replace(&self, key: &Key) {
        if let Some(thing) = self.earth.lock().unwrap().things.get_mut(key) {
            *thing = Thing { resource: None, instance: None, id: "theirs".into(), ..thing.clone() };
        }
    }

    pub(super) fn contents(&self) -> BTreeMap<String, String> {
        self.earth.lock().unwrap().things.iter().map(|(k, t)| (k.to_string(), t.content.clone())).collect()
    }
}

#[async_trait]
impl Backend for Toy {
    type Error = String;

    fn account_id(&self, _: Side) -> String {
        "111111111111".into()
    }

    fn resource(&self) -> &str {
        "ours"
    }

    fn stopped(&self) -> bool {
        false
    }

    fn interrupted(&self) -> String {
        "interrupted".into()
    }

    fn foreign(&self, key: &Key, _: &Observed) -> String {
        format!("{key} is a stranger's")
    }

    fn missing(&self, key: &Key) -> String {
        format!("{key} is missing")
    }

    async fn remove(&self, key: &Key, entry: &Entry) -> Result<(), String> {
        self.call(|earth| {
            let ours = earth.things.get(key).is_some_and(|t| t.instance.is_none() || entry.is_of(t.instance.as_deref()));
            let hangs = earth.things.keys().any(|k| k.kind == "leaf" && k.name.starts_with(&format!("{}/", key.name)));
            if ours && hangs {
                return Err("DeleteConflict".into());
            }
            if ours && entry.origin != Origin::Adopted {
                earth.things.remove(key);
            }
            Ok(())
        })
    }

    fn removal_round(&self, kind: &str) -> u8 {
        if kind == "leaf" { 0 } else { 1 }
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
    fn key(&self) -> Key {
        self.key.clone()
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

    async fn observe(&self, world: &Toy, _: &Reconcile) -> Result<Option<Observed>, String> {
        tokio::task::yield_now().await;
        world.call(|earth| {
            Ok(earth.things.get(&self.key).map(|t| Observed {
                arn: None,
                id: (self.key.kind != "leaf").then(|| t.id.clone()),
                // Contents that differ in case only mean the same.
                document: Some(if t.content.eq_ignore_ascii_case(&self.content) { self.content.clone() } else { t.content.clone() }),
                tags: None,
                owner: if self.key.kind == "leaf" {
                    Owner::Parent
                } else {
                    Owner::Tagged { resource: t.resource.clone(), instance: t.instance.clone() }
                },
                differs: !t.content.eq_ignore_ascii_case(&self.content),
                facts: json!({}),
            }))
        })
    }

    async fn create(&self, world: &Toy, reconcile: &Reconcile) -> Result<Made, String> {
        tokio::task::yield_now().await;
        world.call(|earth| {
            if earth.things.contains_key(&self.key) {
                return Err("exists".into());
            }
            earth.made += 1;
            let id = format!("id-{}", earth.made);
            earth.things.insert(self.key.clone(), self.thing(reconcile, id.clone()));
            Ok(Made { id: Some(id), document: Some(self.content.clone()), ..Made::default() })
        })
    }

    async fn update(&self, world: &Toy, reconcile: &Reconcile, observed: &Observed) -> Result<Made, String> {
        world.call(|earth| {
            let id = observed.id.clone().unwrap_or_default();
            earth.things.insert(self.key.clone(), self.thing(reconcile, id.clone()));
            Ok(Made { id: Some(id), document: Some(self.content.clone()), ..Made::default() })
        })
    }
}

impl Tree {
    fn thing(&self, reconcile: &Reconcile, id: String) -> Thing {
        let tagged = self.key.kind != "leaf";
        Thing {
            content: self.content.clone(),
            resource: tagged.then(|| "ours".into()),
            instance: if tagged { Some(reconcile.instance.clone()) } else { None },
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
pub(super) async fn calls_of(world: &Toy, trees: &[Tree], prior: Ledger) -> usize {
    world.heal();
    let clean = converge(world, &boxed(trees), prior, "i1").await;
    assert!(clean.failures.is_empty(), "{:?}", clean.failures);
    world.earth.lock().unwrap().calls
}

#[tokio::test]
async fn a_create_that_fails_at_any_call_is_removed_whole_by_its_ledger() {
    let calls = calls_of(&Toy::new(), &first(), Ledger::default()).await;
    let mut cases = 0;
    for at in 1..=calls {
        for fault in [Fault::Before, Fault::After] {
            let world = Toy::new();
            world.fail_at(at, fault);
            let partial = converge(&world, &boxed(&first()), Ledger::default(), "i1").await;
            assert_eq!(partial.failures.len(), 1, "call {at} {fault:?}");
            // The state goes through Terraform and back.
            let ledger = Ledger::from_value(&partial.ledger.to_value());
            world.heal();
            let removed = remove_all(&world, ledger).await;
            assert!(removed.failures.is_empty(), "call {at} {fault:?}: {:?}", removed.failures);
            assert_eq!(world.contents(), BTreeMap::new(), "call {at} {fault:?} left something behind");
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
                let world = Toy::new();
                world.fail_at(at, fault);
                let partial = converge(&world, &boxed(&first()), Ledger::default(), "i1").await;
                world.heal();
                let (prior, instance) = if ledger_survives { (partial.ledger, "i1") } else { (Ledger::default(), "i2") };
                let again = converge(&world, &boxed(&first()), prior, instance).await;
                assert!(again.failures.is_empty(), "call {at} {fault:?}: {:?}", again.failures);
                assert_eq!(world.contents(), expected(&first()));
                assert!(again.ledger.0.values().all(|e| !e.pending));
                assert!(remove_all(&world, again.ledger).await.failures.is_empty());
                assert_eq!(world.contents(), BTreeMap::new(), "call {at} {fault:?}, ledger survives: {ledger_survives}");
            }
        }
    }
}

#[tokio::test]
async fn an_update_that_fails_at_any_call_can_be_retried_reverted_or_destroyed() {
    let world = Toy::new();
    let made = converge(&world, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    let calls = calls_of(&world, &second(), made).await;
    for at in 1..=calls {
        for fault in [Fault::Before, Fault::After] {
            for next in [Some(second()), Some(first()), None] {
                let world = Toy::new();
                let made = converge(&world, &boxed(&first()), Ledger::default(), "i1").await.ledger;
                world.fail_at(at, fault);
                let partial = converge(&world, &boxed(&second()), made, "i1").await;
                assert!(!partial.failures.is_empty(), "call {at} {fault:?}");
                world.heal();
                let after = match &next {
                    Some(trees) => converge(&world, &boxed(trees), partial.ledger, "i1").await,
                    None => remove_all(&world, partial.ledger).await,
                };
                assert!(after.failures.is_empty(), "call {at} {fault:?}: {:?}", after.failures);
                assert_eq!(world.contents(), expected(&next.unwrap_or_default()), "call {at} {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_destroy_that_fails_at_any_call_is_finished_by_the_next() {
    for at in 1..=first().len() {
        for fault in [Fault::Before, Fault::After] {
            let world = Toy::new();
            let made = converge(&world, &boxed(&first()), Ledger::default(), "i1").await.ledger;
            world.fail_at(at, fault);
            let partial = remove_all(&world, made).await;
            assert!(!partial.failures.is_empty() && !partial.ledger.is_empty());
            world.heal();
            let after = remove_all(&world, partial.ledger).await;
            assert!(after.failures.is_empty() && after.ledger.is_empty());
            assert_eq!(world.contents(), BTreeMap::new(), "call {at} {fault:?}");
        }
    }
}

#[tokio::test]
async fn the_old_half_of_a_replace_leaves_what_the_new_half_took_over() {
    let world = Toy::new();
    let old = converge(&world, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    let new = converge(&world, &boxed(&[root("a", "9", &[])]), Ledger::default(), "i2").await;
    assert!(new.failures.is_empty(), "{:?}", new.failures);
    // The leaf of `a` goes by name; a kind that can't be tagged checks its parent's instance in its own removal.
    let removed = remove_all(&world, old).await;
    assert!(removed.failures.is_empty());
    assert_eq!(world.contents(), expected(&[root("a", "9", &[])]));
}

#[tokio::test]
async fn a_strangers_object_is_refused_and_left_alone() {
    let world = Toy::new();
    let thing = Thing { content: "theirs".into(), resource: None, instance: None, id: "x".into() };
    world.earth.lock().unwrap().things.insert(Key::new(Side::Cluster, "root", "b"), thing);
    let result = converge(&world, &boxed(&first()), Ledger::default(), "i1").await;
    assert_eq!(result.failures.len(), 1);
    assert_eq!(result.failures[0].error, "cluster/root/b is a stranger's");
    assert!(remove_all(&world, result.ledger).await.failures.is_empty());
    assert_eq!(world.contents(), BTreeMap::from([("cluster/root/b".to_owned(), "theirs".to_owned())]));
}

#[tokio::test]
async fn an_adopted_object_survives_a_destroy() {
    let world = Toy::new();
    let thing = Thing { content: "1".into(), resource: None, instance: None, id: "x".into() };
    world.earth.lock().unwrap().things.insert(Key::new(Side::Cluster, "root", "a"), thing);
    let mut tree = root("a", "1", &[]);
    tree.on_existing = OnExisting::Adopt;
    let result = converge(&world, &boxed(&[tree]), Ledger::default(), "i1").await;
    assert_eq!(result.ledger.0.values().next().unwrap().origin, Origin::Adopted);
    remove_all(&world, result.ledger).await;
    assert_eq!(world.contents().len(), 1);
}

#[tokio::test]
async fn a_refresh_drops_what_is_gone_and_what_was_replaced_and_shows_what_changed() {
    let world = Toy::new();
    let made = converge(&world, &boxed(&first()), Ledger::default(), "i1").await.ledger;
    {
        let mut earth = world.earth.lock().unwrap();
        earth.things.remove(&Key::new(Side::Cluster, "root", "c"));
        earth.things.get_mut(&Key::new(Side::Cluster, "root", "b")).unwrap().instance = Some("theirs".into());
        earth.things.get_mut(&Key::new(Side::Cluster, "root", "a")).unwrap().content = "drifted".into();
    }
    let refreshed = refresh(&world, &boxed(&first()), made).await.unwrap();
    let keys: Vec<String> = refreshed.ledger.0.keys().map(Key::to_string).collect();
    assert_eq!(keys, ["cluster/leaf/a/p", "cluster/root/a"], "what hung on b is whoever's b is now");
    let a = refreshed.ledger.get(&Key::new(Side::Cluster, "root", "a")).unwrap();
    assert_eq!(a.document.as_deref(), Some("drifted"));
}

#[tokio::test]
async fn pieces_that_do_not_need_one_another_are_made_at_the_same_time() {
    let world = Toy::new();
    let trees = [root("a", "1", &[]), root("b", "1", &["a"]), root("c", "1", &["b"])];
    let result = converge(&world, &boxed(&trees), Ledger::default(), "i1").await;
    assert!(result.failures.is_empty());
    let ids: Vec<_> = result.ledger.0.values().map(|e| e.id.clone().unwrap()).collect();
    assert_eq!(ids, ["id-1", "id-2", "id-3"], "needed objects come first");
}
