//! What an object is: one object of a composite, as data, and how it is looked at, made and changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

use async_trait::async_trait;

use super::key::Key;
use super::ledger::{Entry, Origin};
use crate::aws::Side;

pub type Tags = BTreeMap<String, String>;

/// What to do where the object of an object that is in no ledger already exists and is not marked as this composite's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// A stranger's: an error that says how to adopt or import it.
    Fail,
    /// Adopt it: add what is ours, survive a destroy.
    Adopt,
    /// It must exist: adopt it; its absence is an error.
    MustExist,
    /// Used by several resources. Made if missing.
    Share,
    /// Its name is ours wherever it stands: rewrite it.
    Overwrite,
    /// It hangs on another object: overwritten where that one is ours alone; elsewhere left as it is if it is equal, refused if not.
    InheritFrom(Key),
}

/// Who else may write an object while a run does, in another process or by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contention {
    /// Nobody: it is ours alone.
    Exclusive,
    /// Others, who look again after they took something away, as we do.
    Cooperative,
    /// Others, and AWS keeps what the last one wrote: what was read before a write may be old by then.
    LastWriteWins,
}

/// Whose an object is, by its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The values of the tags `xeks:resource` and `xeks:instance`.
    Tagged { resource: Option<String>, instance: Option<String> },
    /// It carries no tags and goes with the object that it hangs on.
    Parent,
}

/// An object as it is now.
#[derive(Clone, Debug)]
pub struct Observed {
    pub arn: Option<String>,
    pub id: Option<String>,
    pub document: Option<String>,
    pub tags: Option<Tags>,
    pub owner: Owner,
    /// Whether it is otherwise than the object says, for an object of the origin that the reconcile names.
    pub differs: bool,
    /// What the resource wants to know for its own attributes; each kind says what it puts here.
    pub facts: serde_json::Value,
}

/// What a create or an update made: goes into the ledger.
#[derive(Clone, Debug, Default)]
pub struct Made {
    pub arn: Option<String>,
    pub id: Option<String>,
    pub document: Option<String>,
    pub tags: Option<Tags>,
    pub added: BTreeSet<String>,
}

/// What an object works under: the ledger's entry, and how far the object is ours.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// The entry as it stands in the ledger: before a create or update already marked.
    pub entry: Option<Entry>,
    /// How the object is to be treated: rewritten if own, added to if adopted or shared.
    pub origin: Origin,
    /// The instance to stamp on what is made.
    pub instance: String,
    /// An object that this one needs was made anew in this run: what was bound to the old object is stale.
    pub renewed: bool,
    /// The ledger's entries of the objects that this one needs.
    pub dependencies: BTreeMap<Key, Entry>,
}

/// The world that objects live in: the clients of both accounts.
#[async_trait]
pub trait Backend: Send + Sync {
    type Error: Display + Send + Sync;

    /// The account that the side's objects live in.
    fn account_id(&self, side: Side) -> String;
    /// The value of the tag `xeks:resource` on what this composite makes.
    fn resource(&self) -> &str;
    /// Whether the user asked to stop: begin nothing new.
    fn stopped(&self) -> bool;
    /// The error of an object that was not begun, because the user asked to stop.
    fn interrupted(&self) -> Self::Error;
    /// The error of an object that exists and is not ours.
    fn foreign(&self, key: &Key, observed: &Observed) -> Self::Error;
    /// The error of an object that must exist and does not.
    fn missing(&self, key: &Key) -> Self::Error;
    /// Whether a create failed because an object of that name is there by now.
    fn is_taken(&self, _error: &Self::Error) -> bool {
        false
    }
    /// Removes the object of an entry as far as it is ours; what is gone or carries another instance is done already.
    async fn remove(&self, key: &Key, entry: &Entry) -> Result<(), Self::Error>;
    /// Later rounds wait for earlier ones: what hangs on another object has a lower round than that object.
    fn removal_round(&self, kind: &str) -> u8;
}

/// One object of a composite: what it should be. Plain data; the clients are the world's.
#[async_trait]
pub trait Object<W: Backend>: Debug + Send + Sync {
    fn key(&self) -> Key;
    fn region(&self) -> Option<String> {
        None
    }
    /// The objects that must stand before this one.
    fn depends_on(&self) -> Vec<Key> {
        Vec::new()
    }
    fn on_existing(&self) -> OnExisting;
    /// Who else may write the object of the reconcile's entry.
    fn contention(&self, _job: &Reconcile) -> Contention {
        Contention::Exclusive
    }
    /// The object as it is; `None` where there is none.
    async fn observe(&self, world: &W, reconcile: &Reconcile) -> Result<Option<Observed>, W::Error>;
    async fn create(&self, world: &W, reconcile: &Reconcile) -> Result<Made, W::Error>;
    /// Brings what was observed to what the object says.
    async fn update(&self, world: &W, reconcile: &Reconcile, observed: &Observed) -> Result<Made, W::Error>;
}
