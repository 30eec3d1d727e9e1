//! Composite resources: objects as data, the ledger of what exists, and one way to observe, plan, converge and remove them.
//!
//! Knows no AWS: what an object does to the world it does through its own type and the world `W` that it is handed.
//!
//! The rules that keep anything from being lost:
//! - **Mark before you call, record after**: an entry is in the ledger before the call that makes its object.
//! - **Removal needs the ledger entry alone**, so that an object gone from the configuration is still removed.
//! - **Ownership is by instance**: what carries another instance is somebody else's, whatever it is called.

mod converge;
#[cfg(test)]
mod instances;
mod key;
mod ledger;
mod object;
mod plan;
mod refresh;
#[cfg(test)]
mod sweep;
mod verify;

pub use converge::{Converged, Failure, Touch, converge, remove_all};
pub use key::Key;
pub use ledger::{Entry, Ledger, Origin, entry_attributes};
pub use object::{Backend, Contention, Made, Object, Observed, OnExisting, Owner, Reconcile, Tags};
pub use plan::{Declared, plan};
pub use refresh::{Refreshed, found, import, refresh};
pub use verify::{Look, look_again, mend, unverified};
