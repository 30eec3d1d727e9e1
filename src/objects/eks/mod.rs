//! Objects of EKS, all in the cluster's account and region.
//!
//! From bottom to top: `uses`, `entries` and `cluster` are what EKS describes; `principal` finds an entry's role; then the objects.

pub mod access_config;
pub mod access_entry;
pub mod admission;
pub mod cluster;
pub mod entries;
pub mod policy_association;
mod principal;
mod uses;
