//! A VPC peering connection and what routes traffic over it. It is requested in the workload account and accepted in the cluster account
//! (docs/decisions/0006); each account has its own view of the connection, with its own tags.
//!
//! Each file imports only files of the lines above its own:
//!
//! - `link`: the two VPCs, and the connection as either account sees it; `note`: the tags that say what uses a connection
//! - `untagged`: routes and options, which have no tags; `accepter`: the connection in the cluster account
//! - `usage`: the note of this resource on the connection
//! - `connection`, `options`, `route`: the connection in the workload account, and what goes over it
//!
//! Knows no resource's attribute names: where a message needs one, the resource hands it in.

pub mod accepter;
pub mod connection;
pub(super) mod link;
pub(super) mod note;
pub mod options;
pub mod route;
mod untagged;
pub mod usage;

pub use link::{End, Link, describe, find};
pub use untagged::{Untagged, tables_of};
