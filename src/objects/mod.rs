//! The objects: one kind of AWS object, one file. Each says how it is read, created, updated and deleted.
//!
//! From bottom to top: `ownership`, `tags`, `locks`, `look` and `absences` know no kind; `context` has the clients; `env` what a plan knows, the
//! clusters that `eks::cluster` reads included; `iam`, `eks` and `ec2` have the kinds; `kinds` lists them. Knows no resource: which
//! objects make up a connection, `resources` says.

mod absences;
pub mod context;
pub mod ec2;
pub mod eks;
pub mod env;
pub mod iam;
mod kinds;
mod locks;
mod look;
mod ownership;
mod tags;

pub use absences::Absences;
pub use context::{Context, Missing};
pub use env::Env;
pub use kinds::KINDS;
pub use locks::Held;
pub use look::Look;
pub use ownership::{OWN_POLICIES, Ownership, TAG_INSTANCE, TAG_RESOURCE, digest, statement_digest};
