//! What the engine needs of AWS: whose objects it works on, whether to stop, and what kinds there are.

use std::fmt::Display;

use super::kind::Kind;
use crate::aws::Side;

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
    /// The kind of that name; `None` where this version of the provider does not know it.
    fn kind(&self, name: &str) -> Option<&'static dyn Kind<Self>>;
}

/// The accounts of a connection.
pub trait Accounts {
    /// ID of the account that the side's objects live in.
    fn account_id(&self, side: Side) -> &str;
}
