//! Objects of EC2: a peering connection between the cluster's VPC and a workload's, and what leads over it.
//!
//! The request is made in the workload account and accepted in the cluster account (docs/decisions/0006). Each account has its own
//! view of a peering connection, with tags of its own.

pub mod acceptance;
pub mod dns_resolution;
mod link;
mod note;
pub mod peering;
pub mod route;
pub mod rule;
pub mod usage;

pub use link::{End, Link, connection};
