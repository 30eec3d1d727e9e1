//! Composite resources: objects as data, the ledger of what exists, and one way to read, plan, converge and delete them.
//!
//! Knows no AWS beyond the two sides of a connection: what an object does to AWS it does through its own type and the backend `B` that
//! it is handed. Writes no text that a user reads: an error is a variant, which `resources/lifecycle` renders.
//!
//! The rules that keep anything from being lost:
//! - **Mark before you call, record after**: an entry is in the ledger before the call that creates its object.
//! - **A deletion needs the ledger entry alone**, so that an object gone from the configuration is still deleted.
//! - **Ownership is by instance**: an object that carries another instance is foreign, whatever it is called.

mod converge;
mod error;
mod facts;
#[cfg(test)]
mod instances;
mod key;
mod kind;
mod ledger;
mod object;
mod plan;
mod refresh;
#[cfg(test)]
mod sweep;
mod verify;

pub use converge::{Change, Converged, converge, delete_all};
pub use error::{Error, Failure};
pub use facts::Facts;
pub use key::Key;
pub use kind::{Accounts, Backend, BadName, Deleted, Kind, parts};
pub use ledger::{Added, Entry, Ledger, Origin, Tags, entry_attributes};
pub use object::{Contention, Object, Observed, OnExisting, Owner, Planned, Reconcile, Written};
pub use plan::plan;
pub use refresh::{Refreshed, found, import, refresh};
pub use verify::{Verified, repair, still_visible, to_verify, verify};
