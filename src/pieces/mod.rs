//! The pieces: one AWS object, one file. Each says how it is observed, made, changed and removed.
//!
//! Knows no resource: which pieces make up a connection is theirs to say.

pub mod cloud;
pub mod ec2;
pub mod eks;
pub mod iam;
mod ownership;
mod removal;
mod strangers;
mod tags;
mod turns;

pub use cloud::Cloud;
pub use ownership::{Ownership, TAG_INSTANCE, TAG_RESOURCE};
pub use turns::Uses;
