//! The data sources: each reads what is there and changes nothing. Those that explain access build a chain of `hops`.

pub mod access_path;
pub mod cluster;
pub mod hops;
mod identity;
pub mod irsa_path;
pub mod runner_policy;
mod steps;
mod swapped;
