//! Why an object could not be brought to what the configuration says.

use super::key::Key;
use super::kind::BadName;
use super::object::Observed;

/// What went wrong with one object. `E` is what a call of AWS fails with.
#[derive(Debug)]
pub enum Error<E> {
    /// Terraform asked to stop before work on the object began.
    Interrupted,
    /// The object must exist and does not: what is missing, and what to do.
    Missing(String),
    /// The object exists, and this resource did not create it.
    Foreign(Box<Observed>),
    /// Created by this run, and taken over by another one since.
    TakenOver,
    /// The ledger has a kind that this version of the provider does not know.
    UnknownKind,
    /// The ledger's name of the object is none of its kind.
    BadName(BadName),
    Read(E),
    Create(E),
    Update(E),
    Delete(E),
}

/// An object that failed, and why: an `Error` of work on it, or what a call of AWS failed with where it was only read.
#[derive(Debug)]
pub struct Failure<E> {
    pub key: Key,
    pub error: E,
}
