//! What an object of a composite is: data that says what it should be, and how it is read, created and updated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use async_trait::async_trait;

use super::facts::Facts;
use super::key::Key;
use super::kind::{Backend, Kind};
use super::ledger::{Added, Entry, Origin, Tags};
use crate::diagnostics::Path;
use crate::schema::Value;

/// What to do where an object that is in no ledger exists and does not carry this composite's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// An error that says how to adopt or import it.
    Fail,
    /// Adopt it: add what this resource needs, and keep it at destroy.
    Adopt,
    /// It must exist: adopt it; its absence is an error.
    MustExist,
    /// Several resources use it. Created if missing.
    Share,
    /// Its name belongs to this provider wherever it is found: rewrite it.
    Overwrite,
    /// It is attached to another object: overwritten where that one is this resource's alone; elsewhere kept if it is equal, an error if not.
    InheritFrom(Key),
}

impl Origin {
    /// The origin once the configuration describes the object: a found one becomes this resource's, one that must exist is adopted.
    pub fn described_by(self, on_existing: &OnExisting) -> Self {
        match (self, on_existing) {
            (_, OnExisting::MustExist) => Origin::Adopted,
            (Origin::Found, _) => Origin::Created,
            (origin, _) => origin,
        }
    }
}

/// Who else may write an object while a run does, in another process or by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contention {
    /// No other writer: the object is this resource's alone.
    Exclusive,
    /// Other resources of this provider, which read again after they took something away, as this one does.
    Cooperative,
    /// Others, and AWS keeps what the last one wrote: a write may rest on an outdated read.
    LastWriteWins,
}

/// Whose an object is, by its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The values of the tags `xeks:resource` and `xeks:instance`.
    Tagged { resource: Option<String>, instance: Option<String> },
    /// It has no tags and belongs to the owner of the object that it is attached to.
    Parent,
}

/// An object as it is in AWS.
#[derive(Clone, Debug)]
pub struct Observed {
    pub arn: Option<String>,
    pub id: Option<String>,
    pub document: Option<String>,
    pub tags: Option<Tags>,
    pub owner: Owner,
    /// What a create of this configuration would not have given it or would have made otherwise, as a message lists it. An object that is in
    /// no ledger and has any is foreign, whatever its tags say: who may tag an object could write this resource's tags on it.
    pub unexpected: Vec<String>,
    /// When AWS created it, where AWS says: seconds since 1970.
    pub created: Option<i64>,
    /// Whether it differs from what the configuration says, for an object of the origin that the read was asked for.
    pub differs: bool,
    /// How a message names it, where its ARN does not say enough.
    pub label: Option<String>,
    /// What to do about it where it is foreign, where its kind knows better than the general advice.
    pub if_foreign: Option<String>,
    /// What the ledger is to say that this resource added to it, where the object itself says so; `None` keeps what the entry says.
    pub added: Option<BTreeSet<Added>>,
    /// What the resource wants to know for its own attributes.
    pub facts: Facts,
}

impl Observed {
    /// An object that has neither ARN, id, document nor tags, and belongs to the owner of what it is attached to.
    pub fn attached(differs: bool) -> Self {
        let facts = Facts::default();
        Observed {
            arn: None,
            id: None,
            document: None,
            tags: None,
            owner: Owner::Parent,
            unexpected: Vec::new(),
            created: None,
            differs,
            label: None,
            if_foreign: None,
            added: None,
            facts,
        }
    }

    /// Whether it is what an earlier create of the composite left, which a create takes over: it carries that tag, and is exactly what a
    /// create would have made. One that must exist is foreign, whatever it carries.
    pub fn is_left_by(&self, resource: &str, on_existing: &OnExisting) -> bool {
        let is_tagged = matches!(&self.owner, Owner::Tagged { resource: Some(r), .. } if r == resource);
        is_tagged && self.unexpected.is_empty() && *on_existing != OnExisting::MustExist
    }

    /// Whether it is the object that the entry has, rather than another one under its name.
    pub(super) fn is_same_as(&self, entry: &Entry) -> bool {
        match (&self.owner, entry.origin) {
            (Owner::Tagged { instance, .. }, Origin::Created | Origin::Imported) => entry.is_of(instance.as_deref()),
            _ => true,
        }
    }

    /// The entry with what was read. Where the object itself has no id, the ledger's is kept.
    pub(super) fn recorded_in(&self, entry: &Entry) -> Entry {
        Entry {
            arn: self.arn.clone(),
            id: self.id.clone().or_else(|| entry.id.clone()),
            document: self.document.clone(),
            tags: self.tags.clone(),
            added: self.added.clone().unwrap_or_else(|| entry.added.clone()),
            ..entry.clone()
        }
    }
}

/// What a create or an update wrote: goes into the ledger.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub arn: Option<String>,
    pub id: Option<String>,
    pub document: Option<String>,
    pub tags: Option<Tags>,
    pub added: BTreeSet<Added>,
}

/// What a plan shows of an object. Values that follow from the configuration are known, those that AWS decides are unknown.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Null where the kind has no ARN; unknown where it depends on an object that already exists.
    pub arn: Value,
    /// The document of an object that is this resource's alone; null where the kind has none.
    pub document: Value,
    /// What of the document this resource adds to an object that is adopted; null where it adds nothing.
    pub adopted_document: Value,
    /// Null where the kind has no tags.
    pub tags: Value,
    /// Tags on an object that is adopted; null where it gets none.
    pub adopted_tags: Value,
    /// Whether AWS gives the object an id.
    pub has_id: bool,
    /// The object whose id this one is bound to and has in place of its own: a principal's RoleId.
    pub bound_to: Option<Key>,
    /// Whether it can be read before the apply: not where it goes by an ARN that is unknown.
    pub is_readable: bool,
}

impl Default for Planned {
    /// An object that has neither ARN, document, tags nor id.
    fn default() -> Self {
        Planned {
            arn: Value::Null,
            document: Value::Null,
            adopted_document: Value::Null,
            tags: Value::Null,
            adopted_tags: Value::Null,
            has_id: false,
            bound_to: None,
            is_readable: true,
        }
    }
}

/// What a read or a write of an object starts from: the ledger's entry, and how far the object is this resource's.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// The entry in the ledger: before a create or update already marked.
    pub entry: Option<Entry>,
    /// How to treat the object: rewrite it if it is this resource's own, add to it if it is adopted or shared.
    pub origin: Origin,
    /// The instance that an apply writes on what it creates or takes over; `None` on a read, a plan or an import.
    pub instance: Option<String>,
    /// An object that this one depends on was created in this run: what was bound to its predecessor is outdated.
    pub renewed: bool,
    /// The ledger's entries of the objects that this one depends on.
    pub dependencies: BTreeMap<Key, Entry>,
}

impl Reconcile {
    /// For an object that is in no ledger, by a plan or an import.
    pub fn unrecorded(origin: Origin) -> Self {
        Reconcile { entry: None, origin, instance: None, renewed: false, dependencies: BTreeMap::new() }
    }

    /// What the ledger says was added to the object.
    pub fn added(&self) -> BTreeSet<Added> {
        self.entry.as_ref().map(|entry| entry.added.clone()).unwrap_or_default()
    }
}

/// One object as the configuration wants it. Plain data: the clients are the backend's.
///
/// # Flow
/// The engine reads an object before every write, but for a create that AWS refuses where the object exists, if the plan did not find it a
/// moment ago, and for what is attached to an object that this run created. It creates what is absent, and updates what differs, what carries another create's
/// instance, or what depends on an object that was created in this run.
///
/// # Guarantees
/// The ledger has the object's entry before `create` or `update` is called, and what they return after. An error of either leaves that
/// entry `pending`: the next apply reads the object again, and a destroy deletes it.
///
/// # What an implementation must hold
/// `create` and `update` may be called again after an error at any of their calls, before or after its effect.
#[async_trait]
pub trait Object<B: Backend>: Debug + Send + Sync {
    fn kind(&self) -> &'static dyn Kind<B>;
    fn key(&self) -> Key;
    /// The attribute that errors of this object point at.
    fn attribute(&self) -> Path;
    /// The region that it lives in; `None` for what is global.
    fn region(&self) -> Option<String> {
        None
    }
    /// The objects that must exist before this one.
    fn depends_on(&self) -> Vec<Key> {
        Vec::new()
    }
    fn on_existing(&self) -> OnExisting;
    fn contention(&self, _reconcile: &Reconcile) -> Contention {
        Contention::Exclusive
    }
    /// Of an object that this request did not change: whether another request of this process, which ends later, looks at it once more.
    fn leaves_last_look(&self, _backend: &B) -> bool {
        false
    }
    /// What a plan shows of it.
    fn planned(&self, env: &B::Env) -> Planned;
    /// What is missing where it must exist and does not, and what to do.
    fn if_missing(&self) -> String {
        let name = self.key().name;
        format!(
            "{name} does not exist, and the configuration says that it does (`existing`). Create it first, or leave `existing` out to have xeks create it."
        )
    }
    /// Whether the configuration leaves this ledger entry, found on the object or imported with it, to others.
    fn is_unmanaged(&self, _attached: &Key, _origin: Origin) -> bool {
        false
    }
    /// Whether a deletion of the object takes along what others attached to it, where they could not be left behind.
    fn forces_deletion(&self) -> bool {
        false
    }
    /// Whether AWS refuses to create it where something has its name: then a create needs no read.
    fn create_is_refused_if_it_exists(&self) -> bool {
        false
    }
    /// The object as it is; `None` where there is none.
    async fn read(&self, backend: &B, reconcile: &Reconcile) -> Result<Option<Observed>, B::Error>;
    /// Creates the object and writes the instance on it.
    async fn create(&self, backend: &B, reconcile: &Reconcile, instance: &str) -> Result<Written, B::Error>;
    /// Brings what was read to what the configuration says.
    async fn update(&self, backend: &B, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, B::Error>;
}
