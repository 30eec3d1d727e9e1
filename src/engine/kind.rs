//! A kind of AWS object: what can be done with nothing but a ledger entry; and the backend, which has the kinds.

use std::fmt::{self, Display};

use async_trait::async_trait;

use super::key::Key;
use super::ledger::{Entry, Origin};
use crate::aws::Side;

/// A kind of AWS object. A resource that no longer wants an object, or is destroyed, has only the ledger entry of it.
#[async_trait]
pub trait Kind<B: Backend>: Send + Sync {
    /// The kind as the ledger's keys have it, such as `iam_role`.
    fn name(&self) -> &'static str;

    /// Objects of a lower order are deleted first, those of the same order at the same time: what is attached to an object comes
    /// before that object, and what names an object in a foreign document before the object itself.
    fn delete_order(&self, origin: Origin) -> u8;

    /// Whether the name is one that objects of this kind have in the ledger.
    ///
    /// # Errors
    /// It is not. The engine keeps such an entry and calls nothing: to pass over it would lose the object.
    fn parse(&self, name: &str) -> Result<(), BadName>;

    /// The objects that this one is attached to and is deleted together with.
    fn parents(&self, _key: &Key) -> Vec<Key> {
        Vec::new()
    }

    /// Whether a deletion of what it is attached to takes it along, so that nothing has to be done for it.
    fn goes_with_parent(&self) -> bool {
        false
    }

    /// Deletes the object as far as it is this resource's. Called with names that `parse` accepts. An object that is gone already, or
    /// that another create has taken over, is no error.
    async fn delete(&self, backend: &B, key: &Key, entry: &Entry) -> Result<Deleted, B::Error>;

    /// Whether readers are still shown the object that `delete` deleted, for a while, as AWS may.
    async fn still_visible(&self, backend: &B, key: &Key, entry: &Entry) -> Result<bool, B::Error>;
}

/// What objects call AWS through: the clients of both accounts.
pub trait Backend: Accounts + Send + Sync + Sized + 'static {
    /// What a call of AWS fails with.
    type Error: Display + Send + Sync;
    /// What a plan knows of the two accounts and of objects that exist.
    type Env: Accounts + Send + Sync;

    /// The value of the tag `xeks:resource` on what this composite creates.
    fn resource(&self) -> &str;
    /// Whether Terraform asked to stop: begin nothing new.
    fn stopped(&self) -> bool;
    /// Whether a create failed because an object of that name exists.
    fn is_conflict(&self, error: &Self::Error) -> bool;
    /// Reads begin that belong together: what several objects need is read once.
    fn look(&self) {}
    /// The same where a deletion rests on the reads, or after all writes: what another resource of the process was answered does not count.
    fn fresh_look(&self) {}
    /// Whether the present look used what another resource of the process was answered.
    fn has_shared(&self) -> bool {
        false
    }
    /// Writes begin: what is read from now on is read again.
    fn end_look(&self) {}
    /// Whether a plan of this process did not find the object a moment ago.
    fn was_absent(&self, _key: &Key) -> bool {
        false
    }
    /// The kind of that name; `None` where this version of the provider does not know it.
    fn kind(&self, name: &str) -> Option<&'static dyn Kind<Self>>;
}

/// The accounts of a connection.
pub trait Accounts {
    /// ID of the account that the side's objects live in.
    fn account_id(&self, side: Side) -> &str;
}

/// What a deletion did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The object was deleted, and readers may be shown it for a while: the entry to ask `still_visible` with.
    Eventually(Box<Entry>),
    /// Nothing is left that a reader could take for the object, or there was nothing to delete.
    Now,
}

/// A name in the ledger that is none of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    pub name: String,
    /// The form that names of the kind have, such as `ROLE/POLICY`.
    pub form: &'static str,
}

impl Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} does not have the form {}", self.name, self.form)
    }
}

/// The `N` parts of a name that slashes separate, none of them empty. The last part may hold slashes itself.
///
/// # Errors
/// The name has fewer parts, or an empty one; `form` says what is expected.
pub fn parts<'a, const N: usize>(name: &'a str, form: &'static str) -> Result<[&'a str; N], BadName> {
    let found: Vec<&str> = name.splitn(N, '/').collect();
    let bad = || BadName { name: name.to_owned(), form };
    let parts: [&str; N] = found.try_into().map_err(|_| bad())?;
    if parts.iter().any(|part| part.is_empty()) { Err(bad()) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_all_of_its_parts_and_the_last_may_hold_slashes() {
        assert_eq!(parts("role/arn:aws:iam::aws:policy/X", "ROLE/ARN"), Ok(["role", "arn:aws:iam::aws:policy/X"]));
        for name in ["", "role", "role/", "/policy", "/"] {
            let bad = parts::<2>(name, "ROLE/POLICY").unwrap_err();
            assert_eq!((bad.name.as_str(), bad.form), (name, "ROLE/POLICY"));
        }
    }
}
