//! The objects: one AWS object, one file. Each says how it is observed, made, changed and removed.
//!
//! Knows no resource: which objects make up a connection is theirs to say.

pub mod context;
pub mod ec2;
pub mod eks;
mod foreign;
pub mod iam;
mod locks;
mod ownership;
mod removal;
mod tags;

pub use context::Context;
pub use locks::Held;
pub use ownership::{Ownership, TAG_INSTANCE, TAG_RESOURCE};
