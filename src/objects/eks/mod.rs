//! Objects of EKS, all in the cluster's account and region.

pub mod access_config;
pub mod access_entry;
pub mod admission;
pub mod cluster;
pub mod policy_association;
mod principal;
