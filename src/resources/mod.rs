//! The managed resources. Each is a list of objects; `lifecycle` asks the engine for the rest.

mod attributes;
mod aws_config;
pub mod cluster_peering;
pub mod cross_account_access;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod irsa_trust;
mod lifecycle;
mod lookups;
mod preflight;
mod role;
mod swapped;
mod trusted_principals;
mod values;
mod yaml;

pub use lifecycle::Run;
